"""Runs by name: those in the package, those in ``saved_models``, the newest one. No TensorFlow."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from pathlib import Path

from ..atomic_files import new_folder
from ..errors import RunFolderError, nearest_hint
from .run_folder import RunFolder

# Runs that come with the package, by name; the first is taken where no model is named.
PACKAGED_RUNS = ("cnn_small-fer2013", "cnn-fer2013", "scratch_cnn-fer2013")
# Where runs go unless another place is named.
RUNS = Path("saved_models")
LAST = "last"


def packaged_run(name: str) -> Path:
    """Folder of a run in the package, whether it is there or not."""
    return Path(str(importlib.resources.files("fer_keras_saved_models"))) / name


def find_run(name: str | os.PathLike, *beside: Path) -> Path:
    """Return the folder that a user means by a path or a name.

    Args:
        name: path of a run; the name of a folder in ``saved_models`` or ``beside``; ``last`` for the run in
            ``saved_models`` that was begun last; or the name of a run in the package. A path that is there comes first.
        beside: further places where a name may lie.

    Returns:
        The folder; for what is none of these the path itself, which nothing can be opened at.

    Raises:
        RunFolderError: ``last``, and there is no run.
    """
    path, text = Path(name), os.fspath(name)
    if path.exists():
        return path
    if text == LAST:
        return _last_run()
    places = (*(place / text for place in (RUNS, *beside)), *([packaged_run(text)] if text in PACKAGED_RUNS else []))
    return next((place for place in places if RunFolder(place).recipe.is_file()), path)


def open_run(run: RunFolder | Path | str) -> RunFolder:
    """Open a finished run by its path or name; a run folder is taken as it is, as one that the caller has opened.

    A run of the package is copied to ``saved_models`` first, so that results are never written into an installation.

    Raises:
        RunFolderError: no such run, or not finished.
        ModelFileError: recipe, record or model were changed.
    """
    if isinstance(run, RunFolder):
        return run
    return RunFolder.open(working_copy(find_run(run)))


def working_copy(path: Path) -> Path:
    """The folder itself, or of a run in the package a copy in ``saved_models``, which is made where there is none."""
    if path not in [packaged_run(name) for name in PACKAGED_RUNS]:
        return path
    copy = RUNS / path.name
    if not RunFolder(copy).recipe.is_file():
        with new_folder(copy) as draft:
            shutil.copytree(path, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def no_such_run(name: str) -> RunFolderError:
    """The error of a name that :func:`find_run` finds nothing under."""
    names = [*PACKAGED_RUNS, LAST, *(path.name for path in _runs())]
    return RunFolderError(
        f"there is no run {name}",
        allowed=f"the path of a run folder, its name in {RUNS}, {LAST}, or {', '.join(PACKAGED_RUNS)}",
        hint=nearest_hint(Path(name).name, names),
    )


def _runs() -> list[Path]:
    return [path.parent for path in RUNS.glob("*/recipe.yaml")]


def _last_run() -> Path:
    """The run whose folder appeared last: evaluating an older one does not make it the newest."""
    runs = sorted(_runs(), key=lambda path: ((path / "recipe.yaml").stat().st_mtime_ns, path.name))
    if not runs:
        raise RunFolderError(
            f"there is no run in {RUNS.resolve()}", hint="Train one: fer-keras train --model cnn_small"
        )
    return runs[-1]
