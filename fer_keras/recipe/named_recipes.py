"""Find recipes by name in the installed package, or by path. No TensorFlow."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from ..errors import ConfigError, nearest_hint
from .model import SECTIONS
from .recipe import Recipe, apply_overrides, load_yaml_file, make_recipe

# The recipes of docs/reproduced.md, named ``seeds/NAME``.
FOLDERS = ("", "seeds")
# Keys of a recipe that have a short name, as an option of ``train`` and as an argument of ``load_recipe``.
SHORT_KEYS = {
    "data": "data.source",
    "on_bad": "data.on_bad",
    "fit": "data.fit",
    "classes": "data.classes",
    "group_by": "data.group_by",
    "labels": "data.labels",
    "ferplus": "data.ferplus",
    "train_without_leaks": "data.train_without_leaks",
    "teacher": "distill.teacher",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "lr": "train.learning_rate",
    "seed": "train.seed",
}


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package; those in a folder come last."""
    return [name for folder in FOLDERS for name in _names_in(folder)]


def _names_in(folder: str) -> list[str]:
    place = resources.files("fer_keras_configs")
    entries = (place / folder if folder else place).iterdir()
    names = sorted(entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml"))
    return [f"{folder}/{name}" if folder else name for name in names]


def recipe_titles() -> dict[str, str]:
    """One line on each recipe of the package: the first comment of its file, without the name."""
    place = resources.files("fer_keras_configs")
    titles = {}
    for name in recipe_names():
        first = (place / f"{name}.yaml").read_text(encoding="utf-8").partition("\n")[0]
        titles[name] = first.removeprefix("#").strip().removeprefix(f"{name}:").strip()
    return titles


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


def named_data(model: str | None, recipe: str | None) -> dict:
    """Plain data of ``--model`` or ``--recipe``, which may be given both if they agree.

    Raises:
        ConfigError: neither is given, or they disagree.
    """
    name = recipe or model
    if name is None:
        raise ConfigError("no model given", allowed=", ".join(SECTIONS), hint="Use --model cnn, or --recipe NAME")
    if model is not None and model not in SECTIONS:
        hint = f"Use --recipe {model}" if model in recipe_names() else nearest_hint(model, SECTIONS)
        raise ConfigError(f"no model '{model}'", allowed=", ".join(SECTIONS), hint=hint)
    data = recipe_data(name)
    trained = (data.get("model") or {}).get("name", "cnn") if isinstance(data.get("model") or {}, dict) else None
    if model is not None and recipe is not None and trained != model:
        raise ConfigError(f"recipe {recipe} trains {trained}, not {model}", hint="Drop --model")
    return data


def resolve_recipe(model: str | None, recipe: str | None, overrides: tuple[str, ...]) -> Recipe:
    """Combine ``--model``, ``--recipe`` and ``--set`` into one validated recipe.

    Raises:
        ConfigError: neither is given, they disagree, or a key or value is wrong.
    """
    data = apply_overrides(named_data(model, recipe), overrides)
    return make_recipe(data, where=f"recipe {recipe or model}")
