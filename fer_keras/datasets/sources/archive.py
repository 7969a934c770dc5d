"""FER2013 rows straight out of a zip: the image folder or a csv inside it, streamed, nothing extracted."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...errors import DataError
from ...imaging import MAX_BYTES
from .csv_file import is_face_csv, read_csv
from .image_tree import IMAGE_SUFFIXES, TOP_FOLDERS, is_fer2013_tree, is_junk, order_images, read_images
from .rows import BadRows, FaceRow
from .zip_safety import MEMBER_ERRORS, open_checked_zip

_ARCHIVE_SUFFIXES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"))
_SNIFF_BYTES = 4096
# Files beside the data (votes, licences): looking into each is cheap, looking into thousands is not.
_MAX_OTHER_FILES = 100

_DAMAGED_HINT = "Download or copy the zip again"


def read_zip(path: Path, bad: BadRows | None = None) -> Iterator[FaceRow]:
    """Read the faces of a zip that holds either one FER2013 csv or one ``train|test/EMOTION/FILE`` tree.

    Folders above the csv or the tree are allowed. Archives inside the archive are never opened.

    Args:
        path: the zip.
        bad: what happens to a row or image that is wrong; by default it is refused. An unsafe zip always is.

    Raises:
        DataError: an unsafe or damaged zip, no data set or several in it, or the first member that is refused.
    """
    with open_checked_zip(path) as archive:
        images, others = _list_members(archive)
        tables = [name for name in others if is_face_csv(_read_head(archive, name, path))]
        if len(tables) + bool(images) > 1:
            found = ", ".join(tables + images[:1])
            raise DataError(f"{path} holds more than one data set", allowed="one csv or one tree", received=found[:300])
        if images:
            yield from _read_tree(archive, images, path, bad)
        elif tables:
            yield from _read_table(archive, tables[0], path, bad)
        else:
            raise _nothing_inside(archive, path)


def holds_fer2013(path: Path) -> bool:
    """Whether a zip holds FER2013: a csv of it, or a tree with its file names. Nothing is decoded.

    Raises:
        DataError: an unsafe or damaged zip.
    """
    with open_checked_zip(path) as archive:
        images, others = _list_members(archive)
        tables = any(is_face_csv(_read_head(archive, name, path)) for name in others)
        return tables or is_fer2013_tree(images)


def _list_members(archive: zipfile.ZipFile) -> tuple[list[str], list[str]]:
    names = [member.filename for member in archive.infolist() if not member.is_dir() and not is_junk(member.filename)]
    images = [name for name in names if _suffix(name) in IMAGE_SUFFIXES]
    others = [name for name in names if _suffix(name) not in IMAGE_SUFFIXES | _ARCHIVE_SUFFIXES]
    return images, others[:_MAX_OTHER_FILES]


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _read_tree(archive: zipfile.ZipFile, names: list[str], path: Path, bad: BadRows | None) -> Iterator[FaceRow]:
    root = _tree_root(names[0])
    strangers = [name for name in names if not name.startswith(root)]
    if strangers:
        raise DataError(f"{path}: {strangers[0]} lies outside the folder '{root}' of the other images")
    images = order_images((name.removeprefix(root) for name in names), str(path), bad)
    yield from read_images(images, lambda name: read_image_member(archive, root + name), str(path), bad)


def _tree_root(name: str) -> str:
    """Return what stands before ``train/`` or ``test/``: an empty string or folders that end in ``/``."""
    parts = PurePosixPath(name).parts
    at = len(parts) - 3
    found = at >= 0 and parts[at].lower() in TOP_FOLDERS
    return "".join(f"{part}/" for part in parts[:at]) if found else ""


def _read_head(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        with archive.open(name) as member:
            return member.read(_SNIFF_BYTES)
    except MEMBER_ERRORS as error:
        raise DataError(f"{path}: member {name} is damaged", hint=_DAMAGED_HINT) from error


def read_image_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one image out of a zip.

    Raises:
        DataError: too large for a face, or damaged.
    """
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise DataError("too large for a face", allowed=f"at most {MAX_BYTES} bytes")
    try:
        return archive.read(name)
    except MEMBER_ERRORS as error:
        raise DataError("the member is damaged", hint=_DAMAGED_HINT) from error


def _read_table(archive: zipfile.ZipFile, name: str, path: Path, bad: BadRows | None) -> Iterator[FaceRow]:
    try:
        with archive.open(name) as member:
            yield from read_csv(member, f"{path}: {name}", bad)
    except MEMBER_ERRORS as error:
        raise DataError(f"{path}: member {name} is damaged", hint=_DAMAGED_HINT) from error


def _nothing_inside(archive: zipfile.ZipFile, path: Path) -> DataError:
    nested = [name for name in archive.namelist() if _suffix(name) in _ARCHIVE_SUFFIXES]
    hint = f"Unpack {nested[0]} first; archives inside archives are not opened" if nested else ""
    return DataError(
        f"{path} holds no FER2013 data",
        allowed="a csv with emotion, pixels, Usage; or train|test/EMOTION/FILE",
        hint=hint,
    )
