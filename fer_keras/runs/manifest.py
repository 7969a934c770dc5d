"""The manifest of a run folder: the sha256 of every file, checked before any of them is parsed. No TensorFlow.

What is read is checked when it is read: a damaged evaluation is refused by itself, and the model that it scores is not.
While results are put in place (:mod:`fer_keras.runs.switch`), and after a crash in the middle of that, their old and
their new sums count.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..atomic_files import write_json
from ..errors import ModelFileError

MANIFEST = "manifest.json"
# Working files of an unfinished run: not part of the contract, not in the manifest.
SCRATCH = "checkpoint"
# Results on their way into the run, and what they will change in the manifest.
SWITCH = ".switch"
JOURNAL = f"{SWITCH}/journal.json"
# Without these a run is nothing: they are checked whenever it is opened.
CORE = ("recipe.yaml", "run.json", "model.keras")
# What the project reads from a run. Notes that somebody puts beside it are left alone; these must be listed.
FILES_READ = (*CORE, "history.csv", "training_faces.npy", "calibration.json", "benchmark.json", "pruning.json")
FOLDERS_READ = ("evaluation", "exports")
_SHA256 = re.compile("[0-9a-f]{64}")
_RESTORE = "Restore the run from a copy"
# Readings of a folder while others write into it, before a difference is taken for damage.
_READINGS = 20


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


def lies_in(name: str, places: Collection[str]) -> bool:
    """Whether a file's name is one of the places, or lies below one."""
    return any(name == place or name.startswith(f"{place}/") for place in places)


def result_of(name: str) -> tuple[str, ...]:
    """Names of the files and folders that a file makes one result with, such as ``evaluation/test``."""
    if name == "calibration.json" or lies_in(name, ["calibration"]):
        return ("calibration.json", "calibration")
    return ("/".join(name.split("/")[: 2 if lies_in(name, ["evaluation"]) else 1]),)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file of a run.

    Attributes:
        name: below the folder, with slashes.
        reason: ``is missing``, ``differs from the manifest``, ``is not listed in manifest.json``, ``is a link`` or
            ``cannot be read (...)``.
    """

    name: str
    reason: str

    def as_error(self, folder: Path) -> ModelFileError:
        """The error that names it and says what to do."""
        path = folder / self.name
        if self.reason == "is a link":
            return ModelFileError(
                f"{path} is a link, and a run holds its own files only", hint="Put the file itself there"
            )
        if lies_in(self.name, CORE):
            hint = _RESTORE
        else:
            hint = (
                "The model is not touched by it: make the result again, or remove it with "
                f"'fer-keras verify {shlex.quote(str(folder))} --repair'"
            )
        if self.reason.startswith("is not listed"):
            return ModelFileError(f"{path} is not listed in {MANIFEST}", hint=f"It was added from outside. {hint}")
        return damage(f"run {folder}", f"{self.name} {self.reason}", hint)


@dataclass(frozen=True)
class Listing:
    """What the files of a run are to be.

    Attributes:
        entries: name to sha256.
        replaced: files and folders that are being replaced.
        coming: entries of what takes their place.
    """

    entries: Mapping[str, str]
    replaced: tuple[str, ...] = ()
    coming: Mapping[str, str] = field(default_factory=dict)

    @property
    def after(self) -> dict[str, str]:
        """The entries when everything is in place."""
        kept = {name: sha256 for name, sha256 in self.entries.items() if not lies_in(name, self.replaced)}
        return dict(sorted((kept | dict(self.coming)).items()))

    @property
    def names(self) -> list[str]:
        return sorted(self.entries.keys() | self.coming.keys())

    def why_not(self, name: str, path: Path) -> str:
        """What is wrong with a file; empty where nothing is."""
        allowed = {entries[name] for entries in (self.entries, self.coming) if name in entries}
        try:
            if path.is_file():
                return "" if file_sha256(path) in allowed else "differs from the manifest"
        except FileNotFoundError:  # moved away meanwhile
            pass
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        return "" if lies_in(name, self.replaced) else "is missing"


def verify_folder(folder: Path, names: Collection[str] | None = None) -> None:
    """Compare files of a run folder with its manifest.

    Why: a command reads files of a run (recipe, scores, ``model.keras``) which carry no sum of their own.

    Args:
        folder: of the run.
        names: of files and folders below it; None for all.

    Raises:
        ModelFileError: naming the first file that is missing, differs, is a link or is not listed though the project
            would read it; or an unusable manifest.
    """
    for readings in range(1, _READINGS + 1):
        before = _read_bytes(folder)
        try:
            problem = next(find_problems(folder, names), None)
            if problem is None:
                return
            raise problem.as_error(folder)
        except (ModelFileError, FileNotFoundError):
            if readings == _READINGS or _read_bytes(folder) == before:  # nobody has written meanwhile
                raise


def find_problems(folder: Path, names: Collection[str] | None = None) -> Iterator[Problem]:
    """Yield what is wrong with files of a run: links first, then files that are not listed, then those that are.

    Raises:
        ModelFileError: an unusable manifest.
    """
    found = {path.relative_to(folder).as_posix(): path for path in _walk(folder)}
    found = {name: path for name, path in found.items() if names is None or lies_in(name, names) or _above(name, names)}
    yield from (Problem(name, "is a link") for name, path in found.items() if path.is_symlink())
    listing = read_listing(folder)
    for name, path in found.items():
        listed = name in listing.entries or name in listing.coming
        if path.is_file() and not path.is_symlink() and not listed and name.partition("/")[0] in _READ:
            yield Problem(name, f"is not listed in {MANIFEST}")
    for name in listing.names:
        if names is None or lies_in(name, names):
            reason = "" if (folder / name).is_symlink() else listing.why_not(name, folder / name)
            if reason:
                yield Problem(name, reason)


_READ = FILES_READ + FOLDERS_READ


def _above(name: str, places: Collection[str]) -> bool:
    """Whether a place lies below ``name``, which a link may stand for."""
    return any(place.startswith(f"{name}/") for place in places)


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


def read_listing(folder: Path) -> Listing:
    """Read the manifest, and the journal of a switch that is under way or was ended by a crash.

    Raises:
        ModelFileError: the manifest is missing, or either is none that this project writes.
    """
    if (folder / SWITCH).is_symlink():
        raise _unusable(folder, f"{SWITCH} is a link")
    journal = _read_object(folder, JOURNAL)
    manifest = _read_object(folder, MANIFEST)
    if manifest is None and journal is None:
        raise _unusable(folder, f"{MANIFEST} is missing or unreadable")
    # Without a manifest the first files of a run are on their way; the journal tells what lies there already.
    entries = _read_entries(folder, MANIFEST, manifest or {"sha256": (journal or {}).get("before")})
    if journal is None:
        return Listing(entries)
    replaced = _read_entries(folder, JOURNAL, {"sha256": journal.get("replaced")})
    return Listing(entries, tuple(replaced), _read_entries(folder, JOURNAL, journal))


def write_journal(folder: Path, entries: Mapping[str, str], replaced: Collection[str], coming: Mapping) -> None:
    """Note, whole or not at all, what will be put in place: from here on the switch is finished by whoever comes."""
    names = dict.fromkeys(replaced, "0" * 64)
    write_json(folder / JOURNAL, {"before": entries, "replaced": names, "sha256": coming})


def _read_object(folder: Path, name: str) -> dict | None:
    """A JSON object; None where there is no such file."""
    path = folder / name
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise _unusable(folder, f"{name} is no file of this project")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(folder, f"{name} is missing or unreadable") from error
    if not isinstance(content, dict):
        raise _unusable(folder, f"{name} is no file of this project")
    return content


def _read_entries(folder: Path, file: str, content: dict) -> dict[str, str]:
    entries = content.get("sha256")
    if not isinstance(entries, dict):
        raise _unusable(folder, f"{file} is no file of this project")
    for name, sha256 in entries.items():
        if not _is_plain(name) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise _unusable(folder, f"{file} has an entry that no run has", repr(name)[:100])
    return entries


def _read_bytes(folder: Path) -> tuple[bytes, ...]:
    """Journal and manifest as they are: they differ when somebody has written.

    In this order: a journal that is gone has left its manifest behind.
    """
    contents = []
    for path in (folder / JOURNAL, folder / MANIFEST):
        try:
            contents.append(path.read_bytes() if path.is_file() else b"")
        except OSError:  # gone meanwhile
            contents.append(b"")
    return tuple(contents)


def _unusable(folder: Path, reason: str, received: str = "") -> ModelFileError:
    return damage(f"run {folder}", reason, _RESTORE, received=received)


def _is_plain(name: str) -> bool:
    """Whether a name stays below its folder and has one spelling only."""
    path = Path(name)
    leads_out = path.is_absolute() or bool(path.drive) or ".." in path.parts
    return not leads_out and "\0" not in name and path.as_posix() == name != "."
