"""Which files the arguments of a command mean: files, folders, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...datasets.sources.image_tree import IMAGE_SUFFIXES, is_junk
from ...errors import InputError


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One file to read.

    Attributes:
        path: as given, or below a folder as given.
        name: relative to that folder; the file's name where it was given by itself.
    """

    path: Path
    name: Path


def find_pictures(inputs: Iterable[Path | str], *, leave_out: Path | None = None) -> list[PictureFile]:
    """List the files that inputs mean, each once, in the order of the inputs, sorted within folders and patterns.

    A folder stands for the images below it, by suffix; links to folders are not followed, hidden files are left out. A
    file that is named is taken whatever its suffix, and also when it is missing: reading it will say so.

    Args:
        inputs: files, folders, and patterns such as ``photos/**/*.jpg``.
        leave_out: folder below which nothing is taken (where copies are written).

    Raises:
        InputError: a pattern without a match, or nothing at all.
    """
    found: dict[Path, PictureFile] = {}
    for given in inputs:
        for path in _expand(str(given)):
            for picture in _below(path, leave_out) if path.is_dir() else [PictureFile(path, Path(path.name))]:
                found.setdefault(picture.path.resolve(), picture)  # links may lead to the same file twice
    if not found:
        where = ", ".join(map(str, inputs)) if isinstance(inputs, Sequence) else ""
        raise InputError("no pictures there", allowed=", ".join(sorted(IMAGE_SUFFIXES)), received=where)
    return list(found.values())


def _expand(given: str) -> list[Path]:
    """A name that exists is itself, even with ``[`` in it."""
    if os.path.lexists(given) or not glob.has_magic(given):
        return [Path(given)]
    matches = sorted(glob.glob(given, recursive=True))
    if not matches:
        raise InputError("no file matches the pattern", received=given)
    return [Path(match) for match in matches]


def _below(folder: Path, leave_out: Path | None) -> list[PictureFile]:
    skipped = leave_out.resolve() if leave_out is not None else None
    found = []
    for place, folders, names in os.walk(folder):  # links to folders are listed but not followed
        folders[:] = sorted(name for name in folders if not is_junk(name) and Path(place, name).resolve() != skipped)
        for name in sorted(names):
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not is_junk(name):
                path = Path(place, name)
                found.append(PictureFile(path, path.relative_to(folder)))
    return found
