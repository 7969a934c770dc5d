"""Find recipes by name in the installed package, or by path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fer_keras.errors import ConfigError, nearest_hint
from fer_keras.recipe.model import SECTIONS
from fer_keras.recipe.recipe import Recipe, apply_overrides, load_yaml_file, make_recipe

# The recipes of docs/reproduced.md, named ``seeds/NAME``.
FOLDERS = ("", "seeds")


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package; those in a folder come last."""
    return [name for folder in FOLDERS for name in _names_in(folder)]


def _names_in(folder: str) -> list[str]:
    place = resources.files("fer_keras_configs")
    entries = (place / folder if folder else place).iterdir()
    names = sorted(entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml"))
    return [f"{folder}/{name}" if folder else name for name in names]


def recipe_data(name_or_path: str) -> dict:
    """Read a recipe by name (``cnn``) or path (``my/recipe.yaml``) as plain data.

    Raises:
        ConfigError: no such recipe (with the nearest name), or unreadable.
    """
    if name_or_path in recipe_names():
        with resources.as_file(resources.files("fer_keras_configs") / f"{name_or_path}.yaml") as path:
            return load_yaml_file(path)
    if name_or_path in SECTIONS:
        return {"model": {"name": name_or_path}}  # a network without a recipe of its own: all defaults
    if name_or_path.endswith((".yaml", ".yml")):
        return load_yaml_file(Path(name_or_path))
    raise ConfigError(
        f"no recipe '{name_or_path}'",
        allowed=", ".join(recipe_names()) + ", or the path of a .yaml file",
        hint=nearest_hint(name_or_path, recipe_names()),
    )


def resolve_recipe(model: str | None, recipe: str | None, overrides: tuple[str, ...]) -> Recipe:
    """Combine ``--model``, ``--recipe`` and ``--set`` into one validated recipe.

    Raises:
        ConfigError: neither is given, they disagree, or a key or value is wrong.
    """
    name = recipe or model
    if name is None:
        raise ConfigError("no model given", allowed=", ".join(SECTIONS), hint="Use --model cnn, or --recipe NAME")
    if model is not None and model not in SECTIONS:
        hint = f"Use --recipe {model}" if model in recipe_names() else nearest_hint(model, SECTIONS)
        raise ConfigError(f"no model '{model}'", allowed=", ".join(SECTIONS), hint=hint)
    data = apply_overrides(recipe_data(name), overrides)
    resolved = make_recipe(data, where=f"recipe {name}")
    if model is not None and recipe is not None and resolved.model.name != model:
        raise ConfigError(f"recipe {recipe} trains {resolved.model.name}, not {model}", hint="Drop --model")
    return resolved
