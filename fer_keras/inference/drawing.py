"""Boxes and labels on pictures of any size, for people to look at, and annotated copies on disk.

A picture is copied once; lines are written into it, and so are labels, each drawn by itself and kept for the next frame.
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

    Labels stand above their box, or else below or inside of it, where they cover the least of labels of larger faces,
    and always inside the picture. An uncertain expression has a question mark and a gray box. A picture without a face
    says so.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB; not changed.
        predictions: of this picture.
        enlarge: scale pictures whose longer side is below 320 px up to it; video frames must keep their size.

    Returns:
        (H, W, 3) uint8 RGB, larger where enlarged.
    """
    factor = max(1.0, LEGIBLE_SIDE / max(image.shape[:2])) if enlarge else 1.0
    canvas = _Canvas(_copy(image, factor))
    boxes = [None if item.box is None else item.box.scaled(factor) for item in predictions]
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

    def __init__(self, pixels: np.ndarray):
        self.pixels, (self._height, self._width) = pixels, pixels.shape[:2]
        side = (self._width * self._height) ** 0.5
        self._line = max(1, round(_LINE_SHARE * side))
        self._font_size = max(_SMALLEST_FONT, round(_FONT_SHARE * side))
        self._labels = np.zeros((0, 4), int)  # edges of those that stand: left, top, right, bottom

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
        size = self._font_size
        left, top, right, bottom = 0.0, 0.0, 0.0, 0.0
        if box is not None:
            left, top, right, bottom = self._edges(box)
            size = max(_SMALLEST_FONT, min(size, round(_FONT_OF_BOX * box.width)))
        label = _label(label_of(prediction), size, self._width)
        height, width = label.shape[:2]
        above, below, inside = top - height, bottom, bottom - height
        places = [(x, y) for x in (left, right - width) for y in (above, below, top, inside)]
        x, y = self._least_covering(places, width, height)
        self._labels = np.append(self._labels, [(x, y, x + width, y + height)], axis=0)
        part = self.pixels[y : y + height, x : x + width]
        part[:] = label[: part.shape[0], : part.shape[1]]

    def _edges(self, box: Box) -> tuple[float, float, float, float]:
        """The longer a side, the nearer it may lie to the edge: inside, the line still shows."""
        return max(0.0, box.left), max(0.0, box.top), min(self._width, box.right), min(self._height, box.bottom)

    def _least_covering(self, places: Sequence[tuple[float, float]], width: int, height: int) -> tuple[int, int]:
        """The first of the places, moved into the picture, that covers the least of the labels before."""
        wanted = np.round(places).astype(int)  # (places, 2)
        inside = np.clip(wanted, 0, [max(0, self._width - width), max(0, self._height - height)])
        ends = np.minimum(inside[:, None] + [width, height], self._labels[None, :, 2:])
        common = np.prod(np.maximum(0, ends - np.maximum(inside[:, None], self._labels[None, :, :2])), axis=-1).sum(axis=1)
        # A label that had to be moved up or down covers a box, its own or that of another face.
        moved = np.abs(inside - wanted)[:, 1] * width
        x, y = inside[np.argmin(common + moved)]
        return int(x), int(y)


@functools.lru_cache(maxsize=1024)
def _label(text: str, size: int, most: int) -> np.ndarray:
    """(h, w, 3) uint8 RGB: a label, its font smaller than ``size`` where it would be wider than ``most`` pixels."""
    while True:
        font, pad = _font(size), max(1, size // 4)
        ascent, descent = font.getmetrics()
        width, height = round(font.getlength(text)) + 2 * pad, ascent + descent + 2 * pad
        if size <= _SMALLEST_FONT or width <= most:
            break
        size = max(_SMALLEST_FONT, min(size - 1, int(size * most / width)))
    label = Image.new("RGB", (width, height), GROUND)
    ImageDraw.Draw(label).text((pad, pad), text, font=font, fill=TEXT, anchor="la")
    return np.asarray(label)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Bold, which comes with matplotlib, without importing that."""
    files = importlib.metadata.distribution("matplotlib")
    path = files.locate_file("matplotlib/mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
    return ImageFont.truetype(str(path), size)
