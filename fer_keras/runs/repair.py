"""Say everything that is wrong with a run, and remove results that are broken from a sound one. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

from ..atomic_files import refusal, write_json
from ..errors import ModelFileError
from .manifest import CORE, FILES_READ, FOLDERS_READ, file_sha256, find_problems, lies_in, read_listing, result_of
from .run_folder import RunFolder
from .switch import drop, recover

# What commands write into a run; everything else in it is somebody's own.
_WRITTEN = (*FILES_READ, *FOLDERS_READ, "calibration", "curves.png", "torch_parity.json", "import_parity.json")


@dataclass(frozen=True)
class Broken:
    """One result, or one of the three files that a run is, with what is wrong with it.

    Attributes:
        names: its files and folders, such as ``evaluation/test``.
        reasons: one sentence a file.
        is_core: recipe, record or model: there is no run without it.
        is_foreign: no command has written it.
    """

    names: tuple[str, ...]
    reasons: tuple[str, ...]
    is_core: bool
    is_foreign: bool


def inspect_run(run: RunFolder) -> list[Broken]:
    """Check every file of a run.

    Raises:
        ModelFileError: an unusable manifest.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for problem in find_problems(run.path):
        found.setdefault(result_of(problem.name), []).append(f"{problem.name} {problem.reason}")
    return [
        Broken(names, tuple(reasons), lies_in(names[0], CORE), not lies_in(names[0], _WRITTEN))
        for names, reasons in found.items()
    ]


def repair_run(run: RunFolder) -> list[Broken]:
    """Remove broken results, so that what is left is what was written; finishes first what a crash has interrupted.

    Somebody's own files stay, and the manifest takes them as they are.

    Returns:
        What was broken.

    Raises:
        ModelFileError: recipe, record, model or manifest are damaged themselves.
        RunFolderError: the file system refuses, or another command holds the lock.
    """
    with run.lock():
        try:
            recover(run.path)
            broken = inspect_run(run)
            _refuse_core(run, broken)
            if broken:
                _write_listing(run, broken)
            for name in (name for item in broken if not item.is_foreign for name in item.names):
                _remove(run, name)
        except OSError as error:
            raise refusal(run.path, error) from error
    return broken


def _refuse_core(run: RunFolder, broken: list[Broken]) -> None:
    for item in broken:
        if item.is_core:
            raise ModelFileError(
                f"run {run.path} cannot be repaired: {item.reasons[0]}", hint="Restore the run from a copy"
            )


def _write_listing(run: RunFolder, broken: list[Broken]) -> None:
    """The manifest goes first: until its files are gone, a broken result is one that is not listed."""
    names = [name for item in broken for name in item.names]
    entries = {name: sha256 for name, sha256 in read_listing(run.path).entries.items() if not lies_in(name, names)}
    own = [name for item in broken if item.is_foreign for name in item.names]
    paths = [path for path in run.files() if lies_in(path.relative_to(run.path).as_posix(), own)]
    entries |= {path.relative_to(run.path).as_posix(): file_sha256(path) for path in paths}
    write_json(run.manifest, {"sha256": dict(sorted(entries.items()))})


def _remove(run: RunFolder, name: str) -> None:
    path = run.path / name
    if path.is_dir() and not path.is_symlink():
        drop(run.path, name)
    else:
        path.unlink(missing_ok=True)
