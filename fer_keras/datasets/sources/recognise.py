"""What a path holds - csv, zip or image folder - recognised by content, never by its name, and read. No TensorFlow."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...emotions import FER7
from ...errors import DataError
from ...imaging import read_image_file
from ..faces import SPLITS, FaceDataset, Split, fingerprint
from .archive import holds_fer2013, read_zip
from .csv_file import has_contempt, is_face_csv, read_csv
from .face_tables import PARQUET_MAGIC, ParquetTable, PixelTable
from .image_tree import TOP_FOLDERS, is_fer2013_tree, is_junk, order_images, read_images
from .rows import BadRows, FaceRow, gather_splits
from .tree import TreeSource, walk

LAYOUTS = (
    "fer2013.csv, icml_face_data.csv, ckextended.csv, a folder with train/ and test/ or with class folders or with a "
    "list of labels, a zip of one of these, Parquet"
)

_ZIP_MAGIC = (b"PK\3\4", b"PK\5\6")
_OTHER_ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
_OTHER_FILES = {
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"\x80\x04\x95": "a Python pickle, which can hold code",
    b"SQLite format 3": "an SQLite file",
    b"MATLAB 5.0": "a MATLAB file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}
_SNIFF_BYTES = 4096
# A folder with more entries than this beside the data is not a data folder.
_MAX_ENTRIES = 1000


@dataclass(frozen=True)
class Source:
    """A recognised place with FER2013 data in it.

    Attributes:
        kind: the layout.
        path: the csv, the zip, or the folder that holds ``train`` and ``test``.
    """

    kind: Literal["csv", "zip", "folder"]
    path: Path

    def read_splits(self, bad: BadRows | None = None) -> dict[str, list[FaceRow]]:
        """Read every face into memory, split by split in source order.

        Args:
            bad: what happens to a row, member or file that is wrong; by default it is refused.

        Raises:
            DataError: naming the first one that is refused.
        """
        return gather_splits(self._rows(bad), str(self.path))

    @functools.cached_property
    def signature(self) -> str:
        """A cheap fingerprint (hex): path, sizes and times, not content. Taken once, at first use.

        Raises:
            DataError: the path has become unreadable.
        """
        try:
            return _listing_sha256(self)
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error

    def _rows(self, bad: BadRows | None) -> Iterator[FaceRow]:
        if self.kind == "zip":
            yield from read_zip(self.path, bad)
        elif self.kind == "folder":
            names = [name for name, _ in _list_tree(self.path)]
            images = order_images(names, str(self.path), bad)
            yield from read_images(images, lambda name: read_image_file(self.path / name), str(self.path), bad)
        else:
            yield from _read_csv_file(self.path, bad)


def recognise(path: Path) -> Source | TreeSource:
    """Find out what ``path`` holds.

    Args:
        path: a csv or zip file, a directory with exactly one csv, zip or train/test tree in it, or one with class
            folders.

    Returns:
        FER2013 in one of its layouts, which the names of most images tell; else a tree of class folders.

    Raises:
        DataError: nothing there, no such data, several data sets, or an archive of another kind.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        found = find_in_folder(path)
        if len(found) == 1:
            return _look_inside(found[0])
        if found:
            names = ", ".join(str(source.path) for source in found)
            raise DataError(f"{path} holds several data sets", allowed="one", received=names, hint="Give one of them")
        tree = TreeSource("folder", path)
        if tree.is_tree:
            return tree
        if any(name.lower().endswith(".parquet") for name in tree.names):
            return ParquetTable("parquet", path)
        if tree.has_images:
            tree.arrange()  # says why they are not enough
        raise DataError(f"{path} holds no FER2013 data and no class folders with images", allowed=LAYOUTS)
    head = _read_head(path)
    if head.startswith(_ZIP_MAGIC):
        return _look_inside(Source("zip", path))
    for magic, name in _OTHER_FILES.items():
        if head.startswith(magic):
            hint = "Write its pictures into a folder for each class, or beside a csv with the columns file,label"
            raise DataError(f"{path} is {name}, which is not read", allowed=LAYOUTS, hint=hint)
    if head[257:262] == b"ustar":
        raise DataError(f"{path} is a tar archive, which is not read", allowed=LAYOUTS, hint="Unpack it first")
    for magic, name in _OTHER_ARCHIVES.items():
        if head.startswith(magic):
            raise DataError(f"{path} is a {name} archive, which is not read", allowed=LAYOUTS, hint="Unpack it first")
    if head.startswith(PARQUET_MAGIC):
        return ParquetTable("parquet", path)
    return _csv_source(path)


def _csv_source(path: Path) -> Source | TreeSource:
    """CK+ in FER2013's form; whatever is wrong with another file, the csv reader names the line."""
    try:
        with open(path, "rb") as stream:
            return PixelTable("csv", path) if has_contempt(stream) else Source("csv", path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="Check the path") from error


def _look_inside(source: Source | TreeSource) -> Source | TreeSource:
    """A zip may hold FER2013 or another tree; whatever is neither is left to FER2013's reader, which says why."""
    if source.kind != "zip":
        return source
    tree = TreeSource("zip", source.path)
    return tree if not holds_fer2013(source.path) and tree.is_tree else source


def find_in_folder(folder: Path) -> list[Source | TreeSource]:
    """Return every data set that lies directly in ``folder``; class folders without train and test are none yet.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)[:_MAX_ENTRIES]
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from error
    folders = {entry.name.lower() for entry in entries if entry.is_dir()}
    found: list[Source | TreeSource] = [_train_and_test(folder)] if folders.issuperset(TOP_FOLDERS) else []
    for entry in entries:
        if entry.is_file() and not is_junk(entry.name):
            head = _read_head(Path(entry.path))
            if head.startswith(_ZIP_MAGIC):
                found.append(Source("zip", Path(entry.path)))
            elif is_face_csv(head):
                found.append(_csv_source(Path(entry.path)))
    return found


def _train_and_test(folder: Path) -> Source | TreeSource:
    """FER2013 by the names of its files; a tree without any image is left to its reader too."""
    tree = TreeSource("folder", folder)
    return tree if tree.is_tree and not is_fer2013_tree(tree.names) else Source("folder", folder)


def read_what_can_be_read(source: Source) -> tuple[FaceDataset | None, dict]:
    """Read a source row by row, past every row or file that is wrong.

    Returns:
        The faces that could be read, or None if a split has none, and what was refused, possibly nothing: the summary
        of :class:`~fer_keras.datasets.sources.rows.BadRows`.

    Raises:
        DataError: nothing was refused, so the fault is with the source as a whole.
    """
    bad = BadRows("skip")
    try:
        rows = source.read_splits(bad)
    except DataError:
        if not bad.reasons:
            raise
        return None, bad.summary()
    splits = {name: _as_split(rows.pop(name)) for name in SPLITS}  # popped: the rows are not kept beside the arrays
    dataset = FaceDataset("fer2013", FER7, splits, str(source.path), fingerprint(splits, FER7))
    return dataset, bad.summary()


def _read_head(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder", allowed=LAYOUTS)
    try:
        with open(path, "rb") as handle:
            return handle.read(_SNIFF_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="Check the path") from error


def _read_csv_file(path: Path, bad: BadRows | None) -> Iterator[FaceRow]:
    try:
        with open(path, "rb") as stream:
            yield from read_csv(stream, str(path), bad)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _as_split(rows: list[FaceRow]) -> Split:
    images = np.stack([row.pixels for row in rows])[..., None]  # (n, 48, 48, 1)
    return Split(images, np.array([row.label for row in rows], np.int64), np.array([row.id for row in rows]))


def _list_tree(root: Path) -> Iterator[tuple[str, os.DirEntry]]:
    """Yield (``train/happy/x.jpg``, entry) for everything below train and test; folders only below their level."""
    try:
        tops = [(name, entry) for name, entry in walk(root, 0) if name.lower() in TOP_FOLDERS and entry.is_dir()]
        for top, folder in tops:
            for name, entry in walk(folder.path, 1, f"{top}/"):
                if name.count("/") == 2 or not entry.is_dir():
                    yield name, entry
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror}") from error


def _listing_sha256(source: Source) -> str:
    digest = hashlib.sha256(f"{source.kind}\n{source.path.resolve()}\n".encode(errors="surrogateescape"))
    listing: Iterable[tuple[str, os.stat_result]]
    if source.kind == "folder":
        listing = ((name, entry.stat()) for name, entry in _list_tree(source.path))
    else:
        listing = [("", source.path.stat())]
    for name, status in listing:
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
