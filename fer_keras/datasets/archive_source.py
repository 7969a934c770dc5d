"""FER2013 rows straight out of a zip: the image folder or a csv inside it, streamed, nothing extracted."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ..errors import DataError
from ..imaging import MAX_BYTES
from .csv_source import is_face_csv, read_csv
from .image_tree import IMAGE_SUFFIXES, TOP_FOLDERS, is_junk, order_images, read_images
from .rows import FaceRow
from .zip_safety import MEMBER_ERRORS, open_checked_zip

_ARCHIVE_SUFFIXES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"))
_SNIFF_BYTES = 4096
# Files beside the data (votes, licences): looking into each is cheap, looking into thousands is not.
_MAX_OTHER_FILES = 100


def read_zip(path: Path) -> Iterator[FaceRow]:
    """Read the faces of a zip that holds either one FER2013 csv or one ``train|test/EMOTION/FILE`` tree.

    Folders above the csv or the tree are allowed. Archives inside the archive are never opened.

    Raises:
        DataError: an unsafe or damaged zip, no data set or several in it, or the first member that is wrong.
    """
    with open_checked_zip(path) as archive:
        images, others = _list_members(archive)
        tables = [name for name in others if is_face_csv(_read(archive, name, path, _SNIFF_BYTES))]
        if len(tables) + bool(images) > 1:
            found = ", ".join(tables + images[:1])
            raise DataError(f"{path} holds more than one data set", allowed="one csv or one tree", received=found[:300])
        if images:
            yield from _read_tree(archive, images, path)
        elif tables:
            yield from _read_table(archive, tables[0], path)
        else:
            raise _nothing_inside(archive, path)


def _list_members(archive: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    names = [member.filename for member in archive.infolist() if not member.is_dir() and not is_junk(member.filename)]
    images = [name for name in names if _suffix(name) in IMAGE_SUFFIXES]
    others = [name for name in names if _suffix(name) not in IMAGE_SUFFIXES | _ARCHIVE_SUFFIXES]
    return images, others[:_MAX_OTHER_FILES]


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _read_tree(archive: zipfile.ZipFile, names: list[str], path: Path) -> Iterator[FaceRow]:
    root = _tree_root(names[0])
    strangers = [name for name in names if not name.startswith(root)]
    if strangers:
        raise DataError(f"{path}: {strangers[0]} lies outside the folder '{root}' of the other images")
    images = order_images((name.removeprefix(root) for name in names), str(path))
    yield from read_images(images, lambda name: _read(archive, root + name, path), str(path))


def _tree_root(name: str) -> str:
    """Return what stands before ``train/`` or ``test/``: an empty string or folders that end in ``/``."""
    parts = PurePosixPath(name).parts
    at = len(parts) - 3
    found = at >= 0 and parts[at].lower() in TOP_FOLDERS
    return "".join(f"{part}/" for part in parts[:at]) if found else ""


def _read(archive: zipfile.ZipFile, name: str, path: Path, length: int = -1) -> bytes:
    if length < 0 and archive.getinfo(name).file_size > MAX_BYTES:
        raise DataError(f"{path}: {name} is too large for a face", allowed=f"at most {MAX_BYTES} bytes")
    try:
        with archive.open(name) as member:
            return member.read(length)
    except MEMBER_ERRORS as error:
        raise _damaged(name, path) from error


def _read_table(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[FaceRow]:
    try:
        with archive.open(name) as member:
            yield from read_csv(member, f"{path}: {name}")
    except MEMBER_ERRORS as error:
        raise _damaged(name, path) from error


def _damaged(name: str, path: Path) -> DataError:
    return DataError(f"{path}: member {name} is damaged", hint="Download or copy the zip again")


def _nothing_inside(archive: zipfile.ZipFile, path: Path) -> DataError:
    nested = [name for name in archive.namelist() if _suffix(name) in _ARCHIVE_SUFFIXES]
    hint = f"Unpack {nested[0]} first; archives inside archives are not opened" if nested else ""
    return DataError(
        f"{path} holds no FER2013 data",
        allowed="a csv with emotion, pixels, Usage; or train|test/EMOTION/FILE",
        hint=hint,
    )
