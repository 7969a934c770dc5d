"""The manifest of a run folder: the sha256 of every file, checked before any of them is parsed. No TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import ModelFileError

MANIFEST = "manifest.json"
# Working files of an unfinished run: not part of the contract, not in the manifest.
SCRATCH = "checkpoint"
# What the project reads from a run. Notes that somebody puts beside it are left alone; these must be listed.
FILES_READ = (
    *("recipe.yaml", "run.json", "history.csv", "model.keras", "training_faces.npy"),
    *("calibration.json", "benchmark.json"),
)
FOLDERS_READ = ("evaluation", "exports")
_SHA256 = re.compile("[0-9a-f]{64}")
_RESTORE = "Restore the run from a copy"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def damage(what: object, reason: str, hint: str, *, received: object = "") -> ModelFileError:
    """Return the error for bytes that are not those that were written; every checksum of the package is answered so."""
    return ModelFileError(f"{what} was changed or damaged: {reason}", received=received, hint=hint)


def list_files(folder: Path) -> list[Path]:
    """Every file that belongs into the manifest, sorted; links, hidden and scratch files and itself are left out."""
    return sorted(path for path in _walk(folder) if path.is_file() and not path.is_symlink())


def make_manifest(folder: Path) -> dict:
    """Return the content of the manifest: ``sha256``, which maps names below the folder to checksums."""
    return {"sha256": {path.relative_to(folder).as_posix(): file_sha256(path) for path in list_files(folder)}}


def verify_folder(folder: Path) -> None:
    """Compare a run folder with its manifest.

    Why: a command reads many files of a run, most of which (recipe, scores, ``model.keras``) carry no sum of their own.

    Raises:
        ModelFileError: naming the first file that is missing, differs, is a link or is not listed though the project
            would read it; or an unusable manifest.
    """
    for path in _walk(folder):
        if path.is_symlink():
            raise ModelFileError(
                f"{path} is a link, and a run holds its own files only", hint="Put the file itself there"
            )
    entries = _read(folder / MANIFEST)
    for path in list_files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in entries and name.partition("/")[0] in FILES_READ + FOLDERS_READ:
            hint = "It was added to the run from outside; remove it, or restore the run from a copy"
            raise ModelFileError(f"{path} is not listed in {MANIFEST}", hint=hint)
    for name, expected in entries.items():
        if not (folder / name).is_file():
            raise _damage(folder, f"{name} is missing")
        if file_sha256(folder / name) != expected:
            raise _damage(folder, f"{name} differs from the manifest")


def _walk(folder: Path) -> Iterator[Path]:
    """Files, and links of either kind, below a folder; no link is followed."""
    for place, folders, files in os.walk(folder):
        inside = Path(place).relative_to(folder)
        folders[:] = sorted(name for name in folders if _counts(inside / name))
        for name in [*folders, *sorted(files)]:
            path = Path(place) / name
            if _counts(inside / name) and (name in files or path.is_symlink()):
                yield path


def _counts(relative: Path) -> bool:
    return not relative.name.startswith(".") and relative.parts[0] != SCRATCH and str(relative) != MANIFEST


def _read(path: Path) -> dict[str, str]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damage(path.parent, f"{MANIFEST} is missing or unreadable") from error
    if path.is_symlink() or not isinstance(entries, dict):
        raise _damage(path.parent, f"{MANIFEST} is no manifest of this project")
    for name, sha256 in entries.items():
        if not _is_plain(name) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise _damage(path.parent, f"{MANIFEST} has an entry that no run has", repr(name)[:100])
    return entries


def _damage(folder: Path, reason: str, received: str = "") -> ModelFileError:
    return damage(f"run {folder}", reason, _RESTORE, received=received)


def _is_plain(name: str) -> bool:
    """Whether a name stays below its folder and has one spelling only."""
    path = Path(name)
    leads_out = path.is_absolute() or bool(path.drive) or ".." in path.parts
    return not leads_out and "\0" not in name and path.as_posix() == name != "."
