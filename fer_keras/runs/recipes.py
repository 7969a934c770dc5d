"""The recipe of a run, and recipes that begin with the network of one. No TensorFlow."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, InputError, ModelFileError, nearest_hint
from ..recipe.model import SECTIONS, TransferModel
from ..recipe.named_recipes import SHORT_KEYS, named_data
from ..recipe.recipe import Recipe, apply_overrides, load_yaml_file, make_recipe
from .named_runs import find_run, no_such_run
from .run_folder import RunFolder

# What a run begins with that names no recipe.
OWN_FACES = "own_faces"


def read_recipe(run: RunFolder) -> Recipe:
    """The resolved recipe of a run folder.

    Raises:
        ConfigError: missing or damaged.
    """
    return make_recipe(load_yaml_file(run.recipe), where=str(run.recipe))


def load_recipe(
    name: str | Path | None = None, *overrides: str, start: str | Path | None = None, **keys: Any
) -> Recipe:
    """Return the recipe that ``fer-keras train`` would train by.

    Args:
        name: of a recipe of the package or of a network, or the path of a ``.yaml`` file; with ``start`` None is
            ``own_faces``.
        *overrides: ``section.key=value``, as with ``--set``.
        start: run, name of a run in the package, or ``.keras`` file to begin with, as with ``--from``.
        **keys: short names of keys, such as ``epochs=5``, ``lr=1e-3``, ``data="faces"``; or whole sections, such as
            ``train={"epochs": 5}``.

    Raises:
        ConfigError: no such recipe, key or value.
        RunFolderError, ModelFileError: ``start`` is no run and no file of a network.

    Example:
        recipe = fer_keras.load_recipe("cnn_small", epochs=2, lr=1e-3)
        recipe.train.epochs  # 2
        own = fer_keras.load_recipe(start="cnn_small-fer2013", epochs=1, fine_tune={"epochs": 1})
    """
    recipe = None if name is None and start is None else str(name or OWN_FACES)
    data = _with_keys(named_data(None, recipe), keys)
    return start_recipe(data, start, overrides, where=f"recipe {recipe}")


def start_recipe(
    data: dict, start: str | Path | None, overrides: tuple[str, ...] = (), *, where: str = "recipe"
) -> Recipe:
    """Validate plain data of a recipe, which takes the network and the side of its faces from ``start``, if given.

    A network that the recipe names itself must be that of ``start``, unless the recipe begins with another run anyway.

    Raises:
        ConfigError, RunFolderError, ModelFileError: see :func:`load_recipe`.
    """
    if start is not None:
        data = _started(data, str(start))
    return make_recipe(apply_overrides(data, overrides), where=where)


def _with_keys(data: dict, keys: Mapping[str, Any]) -> dict:
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for key, value in keys.items():
        if key in Recipe.model_fields and isinstance(value, Mapping):  # data is also the short name of a key
            result[key] = {**result.get(key, {}), **value}
        elif key in SHORT_KEYS:
            section, _, name = SHORT_KEYS[key].partition(".")
            result.setdefault(section, {})[name] = str(value) if isinstance(value, Path) else value
        else:
            names = [*SHORT_KEYS, *Recipe.model_fields]
            raise ConfigError(f"no key {key!r}", allowed=", ".join(names), hint=nearest_hint(key, names))
    return result


def _started(data: dict, source: str) -> dict:
    """Put the network of ``source``, the side of its faces and the source itself into plain data of a recipe."""
    network, side = _network_of(find_run(source), source)
    own = "model" in data and not (data.get("start") or {}).get("source")
    wanted = data["model"].get("name", "cnn") if own else network["name"]
    if wanted != network["name"]:
        raise ConfigError(
            f"the recipe trains {wanted}, and {source} is of the network {network['name']}",
            hint="Leave out --model, or give a recipe of that network",
        )
    start, model = {**data.get("start", {}), "source": source}, network
    if issubclass(SECTIONS[network["name"]], TransferModel):
        start["freeze"], model = False, network | {"fine_tune_from": None}
    return {**data, "model": model, "start": start, "data": {**(data.get("data") or {}), "image_size": side}}


def _network_of(path: Path, source: str) -> tuple[dict, int]:
    """The ``model`` section of a run or file, and the side of its faces."""
    run = RunFolder(path.parent if path.is_file() else path)
    if run.recipe.is_file():
        found = read_recipe(run)
        network, side = found.model.model_dump(mode="json"), found.data.image_size
    elif path.is_file():
        network, side = _network_of_file(path)
    else:
        raise no_such_run(source)
    if network["name"] not in SECTIONS:
        raise InputError(
            f"{source} cannot be gone on with: its network ({network['name']}) was not built by a recipe",
            allowed=f"a run of {', '.join(SECTIONS)}",
        )
    return network, side


def _network_of_file(path: Path) -> tuple[dict, int]:
    """What a ``.keras`` file says of its network: the name, which stands for all defaults, and the side it takes."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        name, side = config["config"]["name"], config["build_config"]["input_shape"][1]
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelFileError(f"{path} is no .keras file of a network: {error}") from error
    if name not in SECTIONS:
        raise ModelFileError(
            f"{path} is not of a network of this project",
            allowed=", ".join(SECTIONS),
            received=repr(name),
            hint="fer-keras import-keras makes a run of a foreign file",
        )
    return {"name": name}, side
