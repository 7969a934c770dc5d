"""Parts of a picture that a small network looks at one after the other, and one list of faces from all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..boxes import Box, iou
from .protocol import require_cv2

# Pixels of its input in which the full-range network finds a face for sure; in 10 it finds most.
SURE_FACE = 14
# Neighbouring windows share this part of their side: a face up to that size lies whole in one of them.
_SHARED = 0.25
# Windows of one size are so many times as large as those of the next smaller one: its faces, from SURE_FACE / 192 of
# the side on, begin where those of the smaller windows end.
_STEP = 3.0
# Candidates that overlap the best one more than this are the same face, as in MediaPipe.
MAX_IOU = 0.3
# Of the smaller one's area: a candidate inside a better one is a part of the same face.
MAX_INSIDE = 0.7


@dataclass(frozen=True, slots=True)
class Window:
    """A square in a picture, in its pixels; it may reach beyond the picture."""

    left: int
    top: int
    side: int


def make_windows(width: int, height: int, network_side: int, min_face: int | None) -> Iterator[Window]:
    """Yield the whole picture and, for small faces, overlapping windows of decreasing size.

    Args:
        width, height: of the picture in pixels.
        network_side: pixels that a window is resized to.
        min_face: pixels of the smallest face; None yields the whole picture only.
    """
    side = max(width, height)
    yield Window((width - side) // 2, (height - side) // 2, side)
    smallest = side if min_face is None else math.floor(min_face * network_side / SURE_FACE)
    while side > smallest:
        side = max(smallest, math.ceil(side / _STEP))
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield Window(left, top, side)


def _starts(length: int, side: int) -> list[int]:
    """Evenly from the first pixel to the last; one window in the middle where it is longer than the line."""
    if side >= length:
        return [(length - side) // 2]
    count = math.ceil((length - _SHARED * side) / ((1 - _SHARED) * side))
    return np.linspace(0, length - side, count).round().astype(int).tolist()


def cut_window(image: np.ndarray, window: Window, size: int) -> np.ndarray:
    """Cut a window out and resize it; what lies outside the picture is black.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
        window: not wholly outside.
        size: side of the result.

    Returns:
        (size, size, 3) uint8.
    """
    cv2 = require_cv2()
    left, top = max(0, window.left), max(0, window.top)
    part = image[top : window.top + window.side, left : window.left + window.side]
    factor = size / window.side
    height, width = (min(size, max(1, round(pixels * factor))) for pixels in part.shape[:2])
    part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    canvas = np.zeros((size, size, 3), np.uint8)
    x, y = (
        min(round((start - edge) * factor), size - used)
        for start, edge, used in ((left, window.left, width), (top, window.top, height))
    )
    canvas[y : y + height, x : x + width] = part if part.ndim == 3 else part[..., None]
    return canvas


def is_cut_off(points: np.ndarray, window: Window, width: int, height: int) -> np.ndarray:
    """Tell which candidates reach beyond an edge of their window behind which the picture goes on.

    Args:
        points: (n, P, 2) in shares of the window; the first two are the corners of the box.
        window: theirs.
        width, height: of the picture.

    Returns:
        (n,) bool; also true where a box lies outside the window altogether.
    """
    low, high = points[:, 0], points[:, 1]
    goes_on_before = np.array([window.left > 0, window.top > 0])
    goes_on_after = np.array([window.left + window.side < width, window.top + window.side < height])
    outside = (high <= 0) | (low >= 1)
    return np.any(outside | (goes_on_before & (low < 0)) | (goes_on_after & (high > 1)), axis=1)


def merge_candidates(points: np.ndarray, scores: np.ndarray, lone_score: float = 0.0) -> list[np.ndarray]:
    """Make one face of candidates that overlap: their mean, weighted by the scores (section 4.2 of BlazeFace's paper).

    Args:
        points: (n, P, 2) in pixels; the first two are the corners of the box.
        scores: (n,).
        lone_score: what a candidate with which no other agrees must reach.

    Returns:
        (P, 2) for each face, best first.
    """
    faces = []
    while len(points):
        best = int(np.argmax(scores))
        common, areas = _common_areas(points[best], points)
        same = common > MAX_IOU * (areas[best] + areas - common)
        same[best] = True
        if np.count_nonzero(same) > 1 or scores[best] >= lone_score:
            faces.append(np.average(points[same], axis=0, weights=scores[same]))
        rest = ~same & (common <= MAX_INSIDE * np.minimum(areas, areas[best]))
        points, scores = points[rest], scores[rest]
    return faces


def is_same_face(first: Box, second: Box) -> bool:
    """Whether boxes overlap as those of one face do, or the centre of one lies in the other."""
    return iou(first, second) > MAX_IOU or _holds_centre(first, second) or _holds_centre(second, first)


def _holds_centre(outer: Box, inner: Box) -> bool:
    across, down = inner.left + inner.width / 2, inner.top + inner.height / 2
    return outer.left < across < outer.right and outer.top < down < outer.bottom


def _common_areas(one: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas that boxes share with one, and their own."""
    sides = np.minimum(one[1], many[:, 1]) - np.maximum(one[0], many[:, 0])
    return np.prod(np.maximum(sides, 0), axis=1), np.prod(many[:, 1] - many[:, 0], axis=1)
