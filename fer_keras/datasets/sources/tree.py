"""A folder-per-class tree as it lies on disk or in a zip: its names, its files, its fingerprint. No TensorFlow."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import DataError
from ...imaging import read_image_file
from .archive import read_image_member
from .folder_tree import FolderTree, arrange, looks_like_a_tree
from .image_tree import is_junk
from .rows import MAX_ROWS, BadRows
from .zip_safety import open_checked_zip

# Folders above the splits, the split, the class, and one more to be refused by its name.
_MAX_DEPTH = 6


@dataclass(frozen=True)
class TreeSource:
    """A recognised tree of class folders.

    Attributes:
        kind: ``folder``, or ``zip`` for one zip file with the tree in it.
        path: of that folder or zip.
    """

    kind: Literal["folder", "zip"]
    path: Path

    def arrange(self, bad: BadRows | None = None) -> FolderTree:
        """Return splits, classes and files, see :func:`fer_keras.datasets.sources.folder_tree.arrange`."""
        return arrange([name for name, _ in self._listing], str(self.path), bad)

    @property
    def is_tree(self) -> bool:
        """Whether there are class folders with images in them at all."""
        return looks_like_a_tree(self.names)

    @property
    def names(self) -> list[str]:
        """Every file, and every folder with a ``/`` at its end, in sorted order."""
        return [name for name, _ in self._listing]

    @functools.cached_property
    def signature(self) -> str:
        """A cheap fingerprint (hex): path, names, sizes and times, not content. Taken once, at first use."""
        head = f"tree {self.kind}\n{self.path.resolve()}\n"
        digest = hashlib.sha256(head.encode(errors="surrogateescape"))
        for name, stamp in self._listing:
            digest.update(f"{name}\0{stamp}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | DataError]]:
        """Yield (name, content), or (name, what is wrong with it) for a file that cannot be read."""
        if self.kind == "folder":
            yield from ((name, _try(read_image_file, self.path / name)) for name in names)
            return
        with open_checked_zip(self.path) as archive:
            for name in names:
                yield name, _try(read_image_member, archive, name)

    @functools.cached_property
    def _listing(self) -> list[tuple[str, str]]:
        """(name, what changes when the file does), sorted by name."""
        if self.kind == "folder":
            return sorted(_list_folder(self.path))
        status = self.path.stat()
        with open_checked_zip(self.path) as archive:
            members = [(member.filename, f"{member.CRC} {member.file_size}") for member in archive.infolist()]
        stamp = f"{status.st_size} {status.st_mtime_ns}"
        return [("", stamp), *sorted(member for member in members if not is_junk(member[0]))]


def walk(folder: Path | str, depth: int, prefix: str = "") -> Iterator[tuple[str, os.DirEntry]]:
    """Yield (name with ``/``, entry) of what lies in a folder and below it, sorted folder by folder, without junk.

    Args:
        folder: where to look; links to folders are followed.
        depth: how many levels of folders below it are looked into.
        prefix: put before every name.

    Raises:
        OSError: a folder cannot be read.
    """
    entries = [entry for entry in os.scandir(folder) if not is_junk(entry.name)]
    for entry in sorted(entries, key=lambda entry: entry.name):
        yield prefix + entry.name, entry
        if depth and entry.is_dir():
            yield from walk(entry.path, depth - 1, f"{prefix}{entry.name}/")


def _list_folder(root: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    try:
        for name, entry in walk(root, _MAX_DEPTH):
            if not entry.is_dir():
                status = entry.stat()
                found.append((name, f"{status.st_size} {status.st_mtime_ns}"))
            elif name.count("/") < _MAX_DEPTH:
                found.append((f"{name}/", ""))
            if len(found) > 2 * MAX_ROWS:
                raise DataError(f"{root} holds too many files", allowed=f"at most {MAX_ROWS} images")
    except OSError as error:
        raise DataError(f"cannot read {root}: {error.strerror}") from error
    return found


def _try(read, *arguments) -> bytes | DataError:
    try:
        return read(*arguments)
    except DataError as error:
        return error
