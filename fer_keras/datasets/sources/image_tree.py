"""FER2013 rows from the Kaggle image folder: ``train|test/EMOTION/USAGE_NUMBER.jpg``. No TensorFlow.

The same rules serve a folder on disk and the members of a zip, so both only list names and read bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ...emotions import FACE_SIZE, FER7, canonical_emotion
from ...errors import DataError
from ...imaging import decode_gray
from ..faces import SPLITS
from .rows import SPLIT_OF_USAGE, BadRows, FaceRow

TOP_FOLDERS = ("train", "test")
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjp")
IMAGE_SUFFIXES = frozenset(
    (*_JPEG, ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".hif")
)

_JUNK_NAMES = frozenset(
    (
        "__macosx",
        "thumbs.db",
        "desktop.ini",
        "icon\r",
        "@eadir",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    )
)
_FILE_NAME = re.compile(r"(Training|PublicTest|PrivateTest)_([0-9]{1,18})\.\w+")


@dataclass(frozen=True, order=True, slots=True)
class TreeImage:
    """One image of the tree; they sort into source order.

    The public folder numbers its files at random, so two classes may share a number: the name breaks the tie.
    """

    split_index: int
    number: int
    name: str
    label: int


def is_junk(name: str) -> bool:
    """Whether an operating system left this entry behind (``.DS_Store``, ``__MACOSX``, ``Thumbs.db``, ``@eaDir``)."""
    parts = PurePosixPath(name).parts if "/" in name else (name,)
    return any(part.startswith(".") or part.lower() in _JUNK_NAMES for part in parts)


def list_images(
    folder: Path, leave_out: Path | None = None, left_out: list[tuple[Path, str]] | None = None
) -> list[Path]:
    """List the images in a folder and below it, by suffix, sorted folder by folder, without junk and hidden files.

    Links to folders are not followed, and nothing below ``leave_out`` is taken.

    Args:
        folder: where to look.
        leave_out: folder of results.
        left_out: gets every other file and folder with the reason why it is not among the images.
    """
    skipped = leave_out.resolve() if leave_out is not None else None
    found, left = [], left_out if left_out is not None else []

    def unreadable(error: OSError) -> None:
        left.append((Path(error.filename), f"folder that cannot be read ({error.strerror})"))

    for place, folders, names in os.walk(folder, onerror=unreadable):  # links to folders are listed but not followed
        folders[:] = sorted(name for name in folders if Path(place, name).resolve() != skipped)
        left += [(Path(place, name), "hidden folder") for name in folders if is_junk(name)]
        folders[:] = [name for name in folders if not is_junk(name)]
        left += [(Path(place, name), "link to a folder") for name in folders if Path(place, name).is_symlink()]
        for path in (Path(place, name) for name in sorted(names)):
            why = _why_no_image(path)
            left += [(path, why)] if why else []
            found += [] if why else [path]
    return found


def _why_no_image(path: Path) -> str:
    if is_junk(path.name):
        return "hidden file"
    suffix = path.suffix.lower()
    return "" if suffix in IMAGE_SUFFIXES else f"no picture by its name ({suffix or 'without suffix'})"


def is_fer2013_tree(names: Iterable[str]) -> bool:
    """Whether most images of a tree bear the file names of the Kaggle folder, such as ``Training_123.jpg``."""
    images = [PurePosixPath(name) for name in names if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    return 2 * sum(_FILE_NAME.fullmatch(image.name) is not None for image in images) > len(images)


def order_images(names: Iterable[str], where: str, bad: BadRows | None = None) -> list[TreeImage]:
    """Check the names of a tree and bring them into source order: split, then number.

    Args:
        names: paths such as ``train/happy/Training_00007.jpg``, with ``/``, relative to the folder with train and test.
        where: name of the folder or zip for messages.
        bad: what happens to a file that is wrong; by default it is refused.

    Raises:
        DataError: unknown emotion or usage, a file at the wrong depth, or one face listed twice.
    """
    bad = bad or BadRows()
    seen: dict[tuple[int, int, int], TreeImage] = {}
    for name in names:
        try:
            image = _place(name)
            face = (image.split_index, image.label, image.number)
            if face in seen:
                raise DataError("the same face is listed twice", received=f"also {seen[face].name}")
            seen[face] = image
        except DataError as error:
            bad.handle(f"{where}, {name}", error)
    return sorted(seen.values())


def read_images(
    images: Iterable[TreeImage], read: Callable[[str], bytes], where: str, bad: BadRows | None = None
) -> Iterator[FaceRow]:
    """Decode the images of a tree one at a time.

    Args:
        images: what :func:`order_images` returned.
        read: returns the bytes of one file by its name.
        where: name of the folder or zip for messages.
        bad: what happens to an image that is wrong; by default it is refused.

    Raises:
        DataError: an image cannot be read or decoded or is not 48x48; the message names it.
    """
    bad = bad or BadRows()
    for image in images:
        try:
            pixels = _decode_face(read(image.name))
        except DataError as error:
            bad.handle(f"{where}, {image.name}", error)
        else:
            yield FaceRow(SPLITS[image.split_index], image.label, pixels, image.name)


def _decode_face(data: bytes) -> np.ndarray:
    pixels = decode_gray(data)  # (48, 48)
    if pixels.shape != (FACE_SIZE, FACE_SIZE):
        height, width = pixels.shape
        raise DataError("wrong image size", allowed=f"{FACE_SIZE}x{FACE_SIZE}", received=f"{width}x{height}")
    return pixels


def _place(name: str) -> TreeImage:
    parts = PurePosixPath(name).parts
    if len(parts) != 3 or parts[0].lower() not in TOP_FOLDERS:
        raise DataError("it is at the wrong place", allowed="train|test/EMOTION/FILE")
    if PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError("it is not an image", hint="Remove it, or give the original folder")
    found = _FILE_NAME.fullmatch(parts[2])
    if found is None:
        raise DataError(
            "its name does not tell its split", allowed="Training_NUMBER, PublicTest_NUMBER, PrivateTest_NUMBER"
        )
    expected = "train" if found[1] == "Training" else "test"
    if parts[0].lower() != expected:
        raise DataError(f"it is a {found[1]} image in the folder '{parts[0]}'", allowed=f"'{expected}'")
    split_index = SPLITS.index(SPLIT_OF_USAGE[found[1]])
    return TreeImage(split_index, int(found[2]), name, FER7.index(canonical_emotion(parts[1])))
