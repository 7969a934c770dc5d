"""Boxes and labels on pictures of any size, for people to look at, and annotated copies on disk.

A picture is copied once; lines are written into it, and labels, each drawn by itself and kept for the next frame.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..atomic_files import atomic_path
from ..errors import InputError
from .boxes import Box
from .results import Prediction

# A bright line between two dark ones shows on every background, and so does white text on dark.
LINE, MUTED_LINE, GROUND, TEXT = (255, 213, 0), (200, 205, 210), (16, 20, 26), (255, 255, 255)
# Copies of pictures smaller than this on the longer side are enlarged: no text can be read in 48 pixels.
LEGIBLE_SIDE = 320
_SMALLEST_FONT, _FONT_SHARE, _LINE_SHARE = 9, 0.03, 0.004
# Of a box's side, at most: the labels of a crowd must not cover it.
_FONT_OF_BOX, _LINE_OF_BOX = 0.4, 0.06
NO_FACE = "no face found"
_QUALITY = 92  # of JPEG copies; PNG has none


def draw_predictions(image: np.ndarray, predictions: Sequence[Prediction], *, enlarge: bool = False) -> np.ndarray:
    """Draw a box and a label for each face; sizes follow the picture's.

    Labels stand above their box, or else below or inside of it, where they cover the least of faces and of the labels
    of larger faces, in smaller letters where that is needed, and always inside the picture. An uncertain expression has
    a question mark and a gray box. A picture without a face says so.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB; not changed.
        predictions: of this picture.
        enlarge: scale pictures whose longer side is below 320 px up to it; video frames must keep their size.

    Returns:
        (H, W, 3) uint8 RGB, larger where enlarged.
    """
    factor = max(1.0, LEGIBLE_SIDE / max(image.shape[:2])) if enlarge else 1.0
    boxes = [None if item.box is None else item.box.scaled(factor) for item in predictions]
    canvas = _Canvas(_copy(image, factor), [box for box in boxes if box is not None])
    for item, box in reversed(list(zip(predictions, boxes, strict=True))):  # the largest face last, on top
        canvas.add_box(item, box)
    for item, box in zip(predictions, boxes, strict=True):
        canvas.add_label(item, box)
    return canvas.pixels  # (H, W, 3)


def _copy(image: np.ndarray, factor: float) -> np.ndarray:
    """(H, W, 3) of its own, ``factor`` times as large."""
    if factor > 1:
        size = [max(1, round(side * factor)) for side in (image.shape[1], image.shape[0])]
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    return image.copy() if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)


def save_annotated(
    image: np.ndarray, predictions: Sequence[Prediction], path: Path, sources: Collection[Path] = ()
) -> None:
    """Draw the predictions on a copy of a picture and write it, whole or not at all; an older copy is replaced.

    The copy is upright and holds no metadata of the original.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
        predictions: of this picture.
        path: ``.jpg``, ``.jpeg`` or ``.png``.
        sources: resolved paths that must not be replaced.

    Raises:
        InputError: ``path`` is one of the sources.
        RunFolderError: the file system refuses.
    """
    if path.resolve() in sources:
        raise InputError(
            "the copy would replace the picture", received=str(path), hint="Choose another --output folder"
        )
    copy = Image.fromarray(draw_predictions(image, predictions, enlarge=True))
    with atomic_path(path) as scratch:
        copy.save(scratch, quality=_QUALITY)


def label_of(prediction: Prediction) -> str:
    """The words for one face, such as ``happy 93%`` or ``sad? 41%``."""
    if prediction.expression is None:
        return NO_FACE
    mark = "?" if prediction.uncertain else ""
    return f"{prediction.expression}{mark} {prediction.confidence:.0%}"


class _Canvas:
    """One picture being drawn on.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, changed in place.
    """

    def __init__(self, pixels: np.ndarray, faces: Sequence[Box]):
        self.pixels, (self._height, self._width) = pixels, pixels.shape[:2]
        side = (self._width * self._height) ** 0.5
        self._line = max(1, round(_LINE_SHARE * side))
        self._font_size = max(_SMALLEST_FONT, round(_FONT_SHARE * side))
        # Edges of what labels should not cover, left, top, right, bottom, and how bad it is: faces, then labels.
        self._taken = np.array([self._edges(box) for box in faces]).reshape(-1, 4)
        self._weights = np.full(len(faces), 0.5)

    def add_box(self, prediction: Prediction, box: Box | None) -> None:
        """Draw the lines around one face: a bright one between two dark ones."""
        if box is None:
            return
        inner = max(1, min(self._line, round(_LINE_OF_BOX * box.width)))
        left, top, right, bottom = (round(edge) for edge in self._edges(box))
        dark = max(1, inner // 2)
        color = MUTED_LINE if prediction.uncertain else LINE
        for inset, line, ink in ((0, 2 * dark + inner, GROUND), (dark, inner, color)):
            if min(bottom - top, right - left) > 2 * inset:
                part = self.pixels[top + inset : bottom - inset, left + inset : right - inset]
                part[:line], part[-line:], part[:, :line], part[:, -line:] = ink, ink, ink, ink

    def add_label(self, prediction: Prediction, box: Box | None) -> None:
        """Write what is said of one face, or that there is none."""
        edges, size = (0.0, 0.0, 0.0, 0.0), self._font_size
        if box is not None:
            edges, size = self._edges(box), max(_SMALLEST_FONT, min(size, round(_FONT_OF_BOX * box.width)))
        text = label_of(prediction)
        while True:
            size, width, height = _label_size(text, size, self._width)
            (x, y), covered = self._place(edges, width, height)
            if not covered or size <= _SMALLEST_FONT:
                break
            size = max(_SMALLEST_FONT, int(0.75 * size))
        label = _label(text, size, width, height)
        part = self.pixels[y : y + height, x : x + width]
        part[:] = label[: part.shape[0], : part.shape[1]]
        self._taken = np.append(self._taken, [(x, y, x + part.shape[1], y + part.shape[0])], axis=0)
        self._weights = np.append(self._weights, 1.0)

    def _edges(self, box: Box) -> tuple[float, float, float, float]:
        """The longer a side, the nearer it may lie to the edge: inside, the line still shows."""
        return max(0.0, box.left), max(0.0, box.top), min(self._width, box.right), min(self._height, box.bottom)

    def _place(
        self, edges: tuple[float, float, float, float], width: int, height: int
    ) -> tuple[tuple[int, int], float]:
        """The place around a box at which a label covers the least, and how much that is."""
        left, top, right, bottom = edges
        places = [(x, y) for y in (top - height, bottom, top, bottom - height) for x in (left, right - width)]
        most = [max(0, self._width - width), max(0, self._height - height)]
        starts = np.clip(np.round(places).astype(int), 0, most)[:, None]  # (places, 1, 2)
        sides = np.minimum(starts + np.array([width, height]), self._taken[:, 2:]) - np.maximum(
            starts, self._taken[:, :2]
        )
        covered = np.prod(np.maximum(sides, 0), axis=-1) @ self._weights  # (places,)
        best = int(np.argmin(covered))
        return (int(starts[best, 0, 0]), int(starts[best, 0, 1])), float(covered[best])


@functools.lru_cache(maxsize=4096)
def _label_size(text: str, size: int, most: int) -> tuple[int, int, int]:
    """Font, width and height of a label, the font smaller than asked for where it would be wider than ``most``."""
    while True:
        font, pad = _font(size), _pad(size)
        ascent, descent = font.getmetrics()
        width, height = round(font.getlength(text)) + 2 * pad, ascent + descent + 2 * pad
        if size <= _SMALLEST_FONT or width <= most:
            return size, width, height
        size = max(_SMALLEST_FONT, min(size - 1, int(size * most / width)))


@functools.lru_cache(maxsize=256)  # of a video in 4K some 40 MB
def _label(text: str, size: int, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB."""
    label = Image.new("RGB", (width, height), GROUND)
    ImageDraw.Draw(label).text((_pad(size), _pad(size)), text, font=_font(size), fill=TEXT, anchor="la")
    return np.asarray(label)


def _pad(size: int) -> int:
    return max(1, size // 4)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Bold, which comes with matplotlib, without importing that."""
    files = importlib.metadata.distribution("matplotlib")
    path = files.locate_file("matplotlib/mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
    return ImageFont.truetype(str(path), size)
