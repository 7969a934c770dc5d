"""FER2013 rows from the Kaggle image folder: ``train|test/EMOTION/USAGE_NUMBER.jpg``. No TensorFlow.

The same rules serve a folder on disk and the members of a zip, so both only list names and read bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..emotions import FER7, canonical_emotion
from ..errors import DataError, ImageDecodeError
from ..imaging import decode_gray
from .faces import FACE_SIZE, SPLITS
from .rows import SPLIT_OF_USAGE, FaceRow

TOP_FOLDERS = ("train", "test")
IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"))

_JUNK_NAMES = frozenset(("__macosx", "thumbs.db", "desktop.ini"))
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
    """Whether an operating system left this entry behind (``.DS_Store``, ``__MACOSX``, ``Thumbs.db``)."""
    return any(part.startswith(".") or part.lower() in _JUNK_NAMES for part in PurePosixPath(name).parts)


def order_images(names: Iterable[str], where: str) -> list[TreeImage]:
    """Check the names of a tree and bring them into source order: split, then number.

    Args:
        names: paths such as ``train/happy/Training_00007.jpg``, with ``/``, relative to the folder with train and test.
        where: name of the folder or zip for messages.

    Raises:
        DataError: unknown emotion or usage, a file at the wrong depth, or one face listed twice.
    """
    images = sorted(_place(name, where) for name in names)
    seen: dict[tuple[int, int, int], str] = {}
    for image in images:
        face = (image.split_index, image.label, image.number)
        if face in seen:
            raise DataError(f"{where}: the same face is listed twice: {seen[face]} and {image.name}")
        seen[face] = image.name
    return images


def read_images(images: Iterable[TreeImage], read: Callable[[str], bytes], where: str) -> Iterator[FaceRow]:
    """Decode the images of a tree one at a time.

    Args:
        images: what :func:`order_images` returned.
        read: returns the bytes of one file by its name.
        where: name of the folder or zip for messages.

    Raises:
        DataError: an image cannot be decoded or is not 48x48; the message names it.
    """
    for image in images:
        try:
            pixels = decode_gray(read(image.name))  # (48, 48)
        except ImageDecodeError as error:
            raise DataError(
                f"{where}, {image.name}: {error.problem}", allowed=error.allowed, received=error.received
            ) from error
        if pixels.shape != (FACE_SIZE, FACE_SIZE):
            height, width = pixels.shape
            raise DataError(
                f"{where}, {image.name}: wrong image size",
                allowed=f"{FACE_SIZE}x{FACE_SIZE}",
                received=f"{width}x{height}",
            )
        yield FaceRow(SPLITS[image.split_index], image.label, pixels, image.name)


def _place(name: str, where: str) -> TreeImage:
    parts = PurePosixPath(name).parts
    if len(parts) != 3 or parts[0].lower() not in TOP_FOLDERS:
        raise DataError(f"{where}: {name} is at the wrong place", allowed="train|test/EMOTION/FILE")
    found = _FILE_NAME.fullmatch(parts[2])
    if PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(f"{where}: {name} is not an image", hint="Remove it, or give the original folder")
    if found is None:
        raise DataError(
            f"{where}: the name of {name} does not tell its split",
            allowed="Training_NUMBER, PublicTest_NUMBER, PrivateTest_NUMBER",
        )
    _check_top_folder(parts[0].lower(), found[1], name, where)
    split_index = SPLITS.index(SPLIT_OF_USAGE[found[1]])
    return TreeImage(split_index, int(found[2]), name, _label(parts[1], name, where))


def _check_top_folder(folder: str, usage: str, name: str, where: str) -> None:
    expected = "train" if usage == "Training" else "test"
    if folder != expected:
        raise DataError(f"{where}: {name} is a {usage} image in the folder '{folder}'", allowed=f"'{expected}'")


def _label(folder: str, name: str, where: str) -> int:
    try:
        return FER7.index(canonical_emotion(folder))
    except DataError as error:
        raise DataError(f"{where}: {name}: {error.problem}", allowed=error.allowed, hint=error.hint) from error
