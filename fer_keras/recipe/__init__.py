"""Recipes: strict sections, a YAML file, overrides. No TensorFlow."""
