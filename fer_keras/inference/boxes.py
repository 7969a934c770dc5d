"""Boxes around faces, in pixels of the upright picture, and the one crop that pictures, videos and the web page use."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..imaging import resize_gray, to_gray

# Detectors' boxes lie as FER2013's pictures do: Haar's by themselves (48.0 of 48 pixels in the median), BlazeFace's by
# the factor that scores best; docs/predict.md has the figures.
DEFAULT_MARGIN = 0.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; the pixel in row 0 and column 0 covers 0..1 on both axes.

    Attributes:
        left, top: corner nearest to the origin, in pixels; fractions and places outside the picture are allowed.
        width, height: in pixels, above 0.
        tilt: degrees by which the head is turned clockwise; it is turned back before the face is cut out.
    """

    left: float
    top: float
    width: float
    height: float
    tilt: float = 0.0

    def __post_init__(self):
        sizes = (self.left, self.top, self.width, self.height, self.tilt)
        if not all(math.isfinite(size) for size in sizes) or self.width <= 0 or self.height <= 0:
            raise ValueError(f"a box needs finite numbers and a width and height above 0, not {sizes}")

    @property
    def right(self) -> float:
        """Column after the last."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Row after the last."""
        return self.top + self.height

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def scaled(self, factor: float) -> Box:
        """The same box in a picture that is ``factor`` times as large."""
        return Box(self.left * factor, self.top * factor, self.width * factor, self.height * factor, self.tilt)

    def squared(self, margin: float = 0.0) -> Box:
        """The square with the same centre whose side is the longer side, made ``1 + 2 * margin`` times as long.

        Args:
            margin: share of the longer side that is added at each edge; below 0 it is taken off, above -0.5.
        """
        side = max(self.width, self.height) * (1 + 2 * margin)
        left, top = self.left + (self.width - side) / 2, self.top + (self.height - side) / 2
        return Box(left, top, side, side, self.tilt)

    def clipped(self, width: float, height: float) -> Box | None:
        """The part inside a picture of that size, or None where nothing is inside."""
        left, top = max(0.0, self.left), max(0.0, self.top)
        right, bottom = min(float(width), self.right), min(float(height), self.bottom)
        if right <= left or bottom <= top:
            return None
        return Box(left, top, right - left, bottom - top, self.tilt)


def iou(first: Box, second: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (first.area + second.area - width * height)


def crop_face(image: np.ndarray, box: Box, margin: float = DEFAULT_MARGIN, size: int = 48) -> np.ndarray:
    """Cut the square around a box, with a margin, turn it upright and resize it to the model's input.

    The square has whole pixels. What lies outside the picture repeats its edge. Only the square is made gray (ITU-R
    601), so that a small face in a large picture costs little. A box with a tilt is turned about its centre, bilinear.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB, upright.
        box: of the face.
        margin: see :meth:`Box.squared`.
        size: side of the result in pixels.

    Returns:
        (size, size) uint8, 0..255.

    Raises:
        InputError: the box is more than twice as large as the picture.
    """
    _check_size(image, box)
    length = max(box.width, box.height) * (1 + 2 * margin)
    side = max(1, round(length))
    if box.tilt:
        region = _turned(image, box.squared(margin), side)
    else:
        left = math.floor(box.left + (box.width - length) / 2 + 0.5)
        top = math.floor(box.top + (box.height - length) / 2 + 0.5)
        region = _region(image, left, top, left + side, top + side)
    return resize_gray(to_gray(region), size)  # (size, size)


def _check_size(image: np.ndarray, box: Box) -> None:
    """What lies outside the picture takes memory too, so a box in wrong units must not get through."""
    longest = 2 * max(image.shape[:2])
    if max(box.width, box.height) > longest:
        raise InputError("a box is far larger than its picture", allowed=f"sides up to {longest}", received=box)


def _region(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """The pixels of a rectangle, the picture's edge repeated outside of it."""
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        part = image[top:bottom, left:right]
        return part if part.ndim == 3 else np.ascontiguousarray(part)  # colours are copied on the way to gray
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    return image[rows[:, None], columns]


def _turned(image: np.ndarray, square: Box, side: int) -> np.ndarray:
    """The pixels of a square that is turned clockwise about its centre by its tilt, the picture's edge repeated."""
    import cv2

    cos, sin = math.cos(math.radians(square.tilt)), math.sin(math.radians(square.tilt))
    turn = np.array([[cos, -sin], [sin, cos]])  # from the square's axes to the picture's
    centre = np.array([square.left + square.width / 2, square.top + square.height / 2])
    # Pixel 0 of a line covers 0 to 1 here, and lies at 0 for OpenCV.
    shift = centre - 0.5 + turn @ np.full(2, 0.5 - side / 2)
    matrix = np.concatenate([turn, shift[:, None]], axis=1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def fit_whole(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a picture that is a ready-made crop; one that is not square is stretched.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
        size: side of the result in pixels.

    Returns:
        (size, size) uint8; the same pixels where the picture is gray and has that size already.
    """
    return resize_gray(to_gray(image), size)
