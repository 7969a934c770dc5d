"""Recipes by name, as commands resolve them: those of :mod:`fer_keras.recipe.named_recipes`."""

from __future__ import annotations

from fer_keras.recipe.named_recipes import recipe_data, recipe_names, resolve_recipe

__all__ = ["recipe_data", "recipe_names", "resolve_recipe"]
