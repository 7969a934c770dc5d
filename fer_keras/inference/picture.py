"""Pictures as users give them: paths, contents of files, or arrays. Every file goes through the one decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import DataError, InputError
from ..imaging import decode_rgb

# Larger than the limits of training data: photographs of today's cameras have up to 60 million pixels.
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000


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


def _check_array(image: np.ndarray) -> np.ndarray:
    shape = image.shape
    if image.dtype != np.uint8 or len(shape) not in (2, 3) or 0 in shape or shape[2:] not in ((), (3,)):
        raise InputError(
            "unusable picture", allowed="(H, W) gray or (H, W, 3) RGB, uint8", received=f"{shape} {image.dtype}"
        )
    return image


def _read_file(path: Path) -> bytes:
    """The content, at most one byte more than allowed: a huge file is refused without being read whole."""
    if not path.is_file():  # a pipe or device would block or never end
        raise InputError("no such picture" if not path.exists() else "not a regular file", received=str(path))
    try:
        with open(path, "rb") as handle:
            return handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
