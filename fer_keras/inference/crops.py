"""From a box in a picture to the model's input: the one crop that pictures, videos and the web page use."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from ..errors import InputError
from .boxes import Box

# FER2013's faces fill their pictures as Haar's boxes do: enlarged and padded, 698 of 900 validation faces are found, in
# boxes of 48.0 of their 48 pixels (median; half of them 44 to 51). Cut out again with margins of -0.05, 0, 0.05, 0.1,
# 0.2, a cnn scores 66.8, 66.6, 65.3, 63.6, 58.0 %, and 66.9 % on the original pictures.
DEFAULT_MARGIN = 0.0


def crop_face(image: np.ndarray, box: Box, margin: float = DEFAULT_MARGIN, size: int = 48) -> np.ndarray:
    """Cut the square around a box, with a margin, and resize it to the model's input.

    What lies outside the picture repeats its edge. Only the square is turned to gray (ITU-R 601), so that a small face
    in a large picture costs little. The filter is Pillow's bilinear one, which averages when it reduces.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB, upright.
        box: of the face.
        margin: see :meth:`fer_keras.inference.boxes.Box.squared`.
        size: side of the result in pixels.

    Returns:
        (size, size) uint8, 0..255.

    Raises:
        InputError: the box is more than twice as large as the picture.
    """
    _check_size(image, box)
    square = box.squared(margin)
    left, top = math.floor(square.left), math.floor(square.top)
    region = _region(image, left, top, math.ceil(square.right), math.ceil(square.bottom))
    cut = (square.left - left, square.top - top, square.right - left, square.bottom - top)
    gray = Image.fromarray(region).convert("L")
    return np.asarray(gray.resize((size, size), Image.Resampling.BILINEAR, box=cut))  # (size, size)


def _check_size(image: np.ndarray, box: Box) -> None:
    """What lies outside the picture takes memory too, so a box in wrong units must not get through."""
    longest = 2 * max(image.shape[:2])
    if max(box.width, box.height) > longest:
        raise InputError("a box is far larger than its picture", allowed=f"sides up to {longest}", received=box)


def _region(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """The pixels of a rectangle, the picture's edge repeated outside of it."""
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.ascontiguousarray(image[top:bottom, left:right])
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    return image[rows[:, None], columns]


def fit_whole(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a picture that is a ready-made crop; one that is not square is stretched.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
        size: side of the result in pixels.

    Returns:
        (size, size) uint8; the same pixels where the picture is gray and has that size already.
    """
    gray = image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))  # (H, W)
    if gray.shape == (size, size):
        return gray
    return np.asarray(Image.fromarray(gray).resize((size, size), Image.Resampling.BILINEAR))
