"""Pictures as users give them: which files the arguments of a command mean, and the pixels of each."""

from __future__ import annotations

import functools
import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.sources.image_tree import IMAGE_SUFFIXES, list_images
from ..errors import InputError
from ..imaging import decode_rgb, has_more_frames, read_image_file

# Larger than the limits of training data: photographs of today's cameras have up to 60 million pixels.
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # pathlib makes one slash of two


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One file to read.

    Attributes:
        path: as given, or below a folder as given.
        name: relative to that folder; the file's name where it was given by itself.
    """

    path: Path
    name: Path


def find_pictures(
    inputs: Iterable[Path | str], *, leave_out: Path | None = None, left_out: list[tuple[Path, str]] | None = None
) -> list[PictureFile]:
    """List the files that inputs mean, each once, in the order of the inputs, sorted within folders and patterns.

    A folder stands for the images below it, by suffix; links to folders are not followed, hidden files are left out. A
    file that is named is taken whatever its suffix, and also when it is missing: reading it will say so.

    Args:
        inputs: files, folders, and patterns such as ``photos/**/*.jpg``.
        leave_out: folder below which nothing is taken (where copies are written).
        left_out: gets everything else that was found, with the reason why it is not read.

    Raises:
        InputError: a pattern without a match, or nothing at all.
    """
    found: dict[str, PictureFile] = {}
    real_folder = functools.cache(os.path.realpath)
    left = left_out if left_out is not None else []
    for given in inputs:
        for path in _expand(str(given)):
            for picture in _below(path, leave_out, left) if path.is_dir() else [PictureFile(path, Path(path.name))]:
                first = found.setdefault(_identity(picture.path, real_folder), picture)
                if first is not picture:
                    left.append((picture.path, "file named twice, or a link to another one"))
    if not found:
        where = ", ".join(map(str, inputs)) if isinstance(inputs, Sequence) else ""
        others = ", ".join(f"{count:,} {why}" for why, count in Counter(why for _, why in left).most_common(5))
        raise InputError(
            "no pictures there",
            allowed=", ".join(sorted(IMAGE_SUFFIXES)),
            received=f"{where}: {others}" if others else where,
        )
    return list(found.values())


def refuse_addresses(inputs: Iterable[str]) -> None:
    """Say of an address of the web that nothing is downloaded.

    Raises:
        InputError: there is one.
    """
    for given in inputs:
        if _ADDRESS.match(given) and not os.path.lexists(given):
            raise InputError(
                "addresses of the web are not read",
                allowed="files and folders",
                received=given,
                hint="Download it first: curl -O ADDRESS",
            )


def _identity(path: Path, real_folder: Callable[[Path], str]) -> str:
    """The path without links; of the many files of one folder only the folder is resolved."""
    if path.is_symlink() or path.name in ("", ".."):
        return os.path.realpath(path)
    return os.path.join(real_folder(path.parent), path.name)


def _expand(given: str) -> list[Path]:
    """A name that exists is itself, even with ``[`` in it."""
    refuse_addresses([given])
    if os.path.lexists(given) or not glob.has_magic(given):
        return [Path(given)]
    matches = sorted(glob.glob(given, recursive=True))
    if not matches:
        raise InputError("no file matches the pattern", received=given)
    return [Path(match) for match in matches]


def _below(folder: Path, leave_out: Path | None, left: list[tuple[Path, str]]) -> list[PictureFile]:
    return [PictureFile(path, path.relative_to(folder)) for path in list_images(folder, leave_out, left)]


def read_picture(source: Path | str | bytes | np.ndarray) -> np.ndarray:
    """Return upright pixels.

    Args:
        source: a path, the content of an image file, or an array, which is taken as it is.

    Returns:
        (H, W) uint8 where the picture is gray, else (H, W, 3) uint8 RGB.

    Raises:
        InputError: the file cannot be read, or an array of another shape or type.
        ImageDecodeError: not an image within the limits (64 MiB, 64 million pixels, 12,000 on a side).
    """
    if isinstance(source, np.ndarray):
        return _check_array(source)
    data = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else _read_file(Path(source))
    return decode_rgb(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)


def read_first_frame(path: Path) -> tuple[np.ndarray, bool]:
    """Return the pixels of a file as :func:`read_picture` does, and whether the file holds more pictures than this."""
    data = _read_file(path)
    return decode_rgb(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS), has_more_frames(data)


def _check_array(image: np.ndarray) -> np.ndarray:
    shape = image.shape
    if image.dtype != np.uint8 or len(shape) not in (2, 3) or 0 in shape or shape[2:] not in ((), (3,)):
        raise InputError(
            "unusable picture", allowed="(H, W) gray or (H, W, 3) RGB, uint8", received=f"{shape} {image.dtype}"
        )
    return image


def _read_file(path: Path) -> bytes:
    refuse_addresses([str(path)])
    if not path.exists():
        raise InputError("no such picture", received=str(path))
    return read_image_file(path, MAX_BYTES, problem=f"cannot read {path}")
