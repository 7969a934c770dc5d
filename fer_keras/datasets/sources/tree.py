"""A tree of labelled pictures as it lies on disk or in a zip: its names, its files, its fingerprint. No TensorFlow."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from ...emotions import known_emotion
from ...errors import DataError, readable_name
from ...imaging import decode_gray, read_image_file
from .archive import read_image_member
from .folder_tree import FolderTree, arrange
from .image_tree import is_junk
from .label_lists import LabelList, find_lists
from .labelled_tree import NUMBERS_NOTICE, arrange_by_lists
from .picture_labels import find_sidecars, labels_of_names, labels_of_numbers
from .rows import BadRows, KeptRows
from .tree_layout import NoClassesError, is_image, looks_like_a_tree
from .zip_safety import MEMBER_ERRORS, open_checked_zip

# Folders above the splits, the split, the class, and one more to be refused by its name.
_MAX_DEPTH = 8
# AffectNet has 292,000 pictures and four files beside each, of which one is the expression.
_MAX_NAMES = 1_000_000
_UNREAD_LISTS = (".xlsx", ".xls", ".ods", ".json", ".jsonl", ".xml", ".mat", ".pkl", ".npz")
_MAX_UNREAD_LISTS = 20
_NO_EXPRESSION = ("_aro.npy", "_val.npy", "_lnd.npy")


@dataclass(frozen=True)
class TreeSource:
    """A recognised tree: class folders, or pictures and lists of their labels.

    Attributes:
        kind: ``folder``, or ``zip`` for one zip file with the tree in it.
        path: of that folder or zip.
        named: classes that the user has named; folders with these names are classes, whatever they look like.
    """

    kind: Literal["folder", "zip", "csv", "parquet"]
    path: Path
    named: tuple[str, ...] = ()

    def arrange(self, bad: BadRows | None = None) -> FolderTree:
        """Return splits, classes and files.

        Folders named after expressions are classes; else a list of labels counts, if it names the pictures; else the
        folders, see :func:`fer_keras.datasets.sources.folder_tree.arrange`; else the file names, if each tells one.

        Raises:
            DataError: neither, or the first file that is refused.
        """
        bad = bad or BadRows()
        tree, wrong = self._arranged
        for place, error in wrong:
            bad.handle(place, error)
        return tree

    @functools.cached_property
    def _arranged(self) -> tuple[FolderTree, list[tuple[str, DataError]]]:
        """The tree without what is wrong in it, and that: lists of 300,000 pictures are read once."""
        kept = KeptRows()
        return self._arrange(kept), kept.kept

    def _arrange(self, bad: BadRows) -> FolderTree:
        where, kept = str(self.path), KeptRows()
        try:
            plain = arrange(self.names, where, kept, self.named)
        except NoClassesError as error:
            if tree := self._arrange_without_folders(bad):
                return tree
            raise self._with_unread_lists(error) from error
        listed = self.lists and not self.named and not all(map(known_emotion, plain.classes))
        if listed and (tree := arrange_by_lists(self.names, self.lists, where, bad)):
            return tree
        for place, problem in kept.kept:
            bad.handle(place, problem)
        if all(name.isdigit() for name in plain.classes):
            return self._with_meaning(plain, bad)
        unused = f"the folders' names are the labels, not {self.lists[0].name}" if self.lists else ""
        return replace(plain, notices=(readable_name(unused),)) if unused else plain

    def _with_meaning(self, plain: FolderTree, bad: BadRows) -> FolderTree:
        """Folders of numbers: RAF-DB's, as the names of the pictures tell, or nobody knows which."""
        numbers = {file.name: plain.classes[file.label] for file in plain.files}
        if known := labels_of_numbers(numbers):
            return arrange_by_lists(list(numbers), [known], str(self.path), bad) or plain
        return replace(plain, notices=(NUMBERS_NOTICE,))

    def _arrange_without_folders(self, bad: BadRows) -> FolderTree | None:
        where = str(self.path)
        if self.lists and (tree := arrange_by_lists(self.names, self.lists, where, bad)):
            return tree
        names = labels_of_names(self._images)
        return arrange_by_lists(self.names, [names], where, bad) if names else None

    def _with_unread_lists(self, error: NoClassesError) -> NoClassesError:
        """The same error, with the files in which the labels may stand."""
        others = [name for name in self.names if name.lower().endswith(_UNREAD_LISTS)]
        if not 0 < len(others) <= _MAX_UNREAD_LISTS:
            return error
        hint = f"{error.hint}. {', '.join(others[:3])} is not read: save it as CSV with the columns file,label"
        return NoClassesError(error.problem, allowed=error.allowed, received=error.received, hint=hint)

    def with_names(self, classes: Sequence[str]) -> TreeSource:
        """Return the same tree with classes that the user names, if it cannot be understood without them."""
        if not classes:
            return self
        try:
            self.arrange(BadRows("skip"))
        except NoClassesError:
            return replace(self, named=tuple(classes))
        return self

    @property
    def has_images(self) -> bool:
        """Whether there are pictures at all, by their names."""
        return bool(self._images)

    @functools.cached_property
    def _images(self) -> list[str]:
        return [name for name in self.names if is_image(name)]

    @property
    def is_tree(self) -> bool:
        """Whether there are class folders with images in them at all, or images and a list of labels."""
        return looks_like_a_tree(self.names) or bool(self._images and (self.lists or labels_of_names(self._images)))

    @functools.cached_property
    def lists(self) -> list[LabelList]:
        """Lists of labels among the files."""
        sidecars = find_sidecars(self.names, self.read)
        return [sidecars] if sidecars else find_lists(self.names, self.open)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open one file of the tree for reading.

        Raises:
            DataError: it cannot be read.
        """
        try:
            if self.kind == "folder":
                if not (self.path / name).is_file():  # a pipe would block
                    raise DataError(f"{self.path / name} is not a regular file")
                with open(self.path / name, "rb") as stream:
                    yield stream
                return
            with open_checked_zip(self.path) as archive, archive.open(name) as stream:
                yield stream
        except MEMBER_ERRORS as error:
            raise DataError(f"{self.path}, {name} cannot be read ({error})") from error

    @property
    def names(self) -> list[str]:
        """Every file, and every folder with a ``/`` at its end, in sorted order."""
        return [name for name, _ in self._listing]

    @functools.cached_property
    def signature(self) -> str:
        """A cheap fingerprint (hex): path, names, sizes and times, not content. Taken once, at first use."""
        head = f"tree 2 {self.kind} {self.named}\n{self.path.resolve()}\n"
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

    def find_bad(self) -> dict:
        """Decode every picture and return what is wrong with which: the summary of :class:`.rows.BadRows`."""
        bad = BadRows("skip")
        names = [file.name for file in self.arrange(bad).files]
        for name, data in self.read(names):
            try:
                if isinstance(data, DataError):
                    raise data
                decode_gray(data)
            except DataError as error:
                bad.handle(f"{self.path}, {name}", error)
        return bad.summary()

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
        folder: where to look; links to folders are followed, but not to one that holds the link.
        depth: how many levels of folders below it are looked into.
        prefix: put before every name.

    Raises:
        OSError: a folder cannot be read.
        DataError: a link that leads to a folder above it.
    """
    entries = [entry for entry in os.scandir(folder) if not is_junk(entry.name)]
    for entry in sorted(entries, key=lambda entry: entry.name):
        yield prefix + entry.name, entry
        if depth and entry.is_dir():
            if entry.is_symlink() and Path(folder).resolve().is_relative_to(Path(entry.path).resolve()):
                raise DataError(f"{entry.path} is a link to a folder that holds it", hint="Remove the link")
            yield from walk(entry.path, depth - 1, f"{prefix}{entry.name}/")


def _list_folder(root: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    try:
        for name, entry in walk(root, _MAX_DEPTH):
            if name.endswith(_NO_EXPRESSION):
                continue
            if not entry.is_dir():
                status = entry.stat()
                found.append((name, f"{status.st_size} {status.st_mtime_ns}"))
            elif name.count("/") < _MAX_DEPTH:
                found.append((f"{name}/", ""))
            if len(found) > _MAX_NAMES:
                raise DataError(f"{root} holds too many files", allowed=f"at most {_MAX_NAMES:,} files and folders")
    except OSError as error:
        raise DataError(f"cannot read {root}: {error.strerror}") from error
    return found


def _try(read, *arguments) -> bytes | DataError:
    try:
        return read(*arguments)
    except DataError as error:
        return error
