"""Boxes around faces, in pixels of the upright picture. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; the pixel in row 0 and column 0 covers 0..1 on both axes.

    Attributes:
        left, top: corner nearest to the origin, in pixels; fractions and places outside the picture are allowed.
        width, height: in pixels, above 0.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self):
        sizes = (self.left, self.top, self.width, self.height)
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
        return Box(self.left * factor, self.top * factor, self.width * factor, self.height * factor)

    def squared(self, margin: float = 0.0) -> Box:
        """The square with the same centre whose side is the longer side, made ``1 + 2 * margin`` times as long.

        Args:
            margin: share of the longer side that is added at each edge; below 0 it is taken off, above -0.5.
        """
        side = max(self.width, self.height) * (1 + 2 * margin)
        left, top = self.left + (self.width - side) / 2, self.top + (self.height - side) / 2
        return Box(left, top, side, side)

    def clipped(self, width: float, height: float) -> Box | None:
        """The part inside a picture of that size, or None where nothing is inside."""
        left, top = max(0.0, self.left), max(0.0, self.top)
        right, bottom = min(float(width), self.right), min(float(height), self.bottom)
        if right <= left or bottom <= top:
            return None
        return Box(left, top, right - left, bottom - top)


def iou(first: Box, second: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (first.area + second.area - width * height)
