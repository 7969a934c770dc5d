"""Boxes and labels on pictures of any size, for people to look at, and annotated copies on disk."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..atomic_files import atomic_path
from ..errors import InputError
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

    Labels stand above their box, below it where there is no room, and always inside the picture. An uncertain
    expression has a question mark and a gray box. A picture without a face says so.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB; not changed.
        predictions: of this picture.
        enlarge: scale pictures whose longer side is below 320 px up to it; video frames must keep their size.

    Returns:
        (H, W, 3) uint8 RGB, larger where enlarged.
    """
    picture, factor = Image.fromarray(image).convert("RGB"), 1.0
    if enlarge and max(picture.size) < LEGIBLE_SIDE:
        factor = LEGIBLE_SIDE / max(picture.size)
        size = [max(1, round(side * factor)) for side in picture.size]
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    canvas = _Canvas(picture)
    for prediction in reversed(predictions):  # the largest face last: its label covers others
        canvas.add(prediction, factor)
    return np.asarray(picture)  # (H, W, 3)


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
    """One picture being drawn on."""

    def __init__(self, picture: Image.Image):
        self._draw, (self._width, self._height) = ImageDraw.Draw(picture), picture.size
        side = (self._width * self._height) ** 0.5
        self._line = max(1, round(_LINE_SHARE * side))
        self._font_size = max(_SMALLEST_FONT, round(_FONT_SHARE * side))

    def add(self, prediction: Prediction, factor: float) -> None:
        """Draw one face, or say that there is none."""
        if prediction.box is None:
            self._label(label_of(prediction), 0.0, 0.0, 0.0, self._font_size)
            return
        box = prediction.box.scaled(factor)
        # The longer a side, the nearer it may lie to the edge: inside, the line still shows.
        edges = [max(0.0, box.left), max(0.0, box.top), min(self._width, box.right), min(self._height, box.bottom)]
        line = max(1, min(self._line, round(_LINE_OF_BOX * box.width)))
        self._box(edges, MUTED_LINE if prediction.uncertain else LINE, line)
        font_size = max(_SMALLEST_FONT, min(self._font_size, round(_FONT_OF_BOX * box.width)))
        self._label(label_of(prediction), edges[0], edges[1], edges[3], font_size)

    def _box(self, edges: Sequence[float], color: tuple[int, int, int], inner: int) -> None:
        left, top, right, bottom = (round(edge) for edge in edges)
        dark = max(1, inner // 2)
        for inset, line, ink in ((0, 2 * dark + inner, GROUND), (dark, inner, color)):
            corners = (left + inset, top + inset, right - 1 - inset, bottom - 1 - inset)
            if corners[0] < corners[2] and corners[1] < corners[3]:
                self._draw.rectangle(corners, outline=ink, width=line)

    def _label(self, text: str, left: float, top: float, bottom: float, font_size: int) -> None:
        font, width, height, pad = self._fit(text, font_size)
        above, below = top - height, bottom
        place = above if above >= 0 else below if below + height <= self._height else top
        y = min(max(0.0, place), max(0.0, self._height - height))
        x = min(max(0.0, left), max(0.0, self._width - width))
        self._draw.rectangle((x, y, x + width - 1, y + height - 1), fill=GROUND)
        self._draw.text((x + pad, y + pad), text, font=font, fill=TEXT, anchor="la")

    def _fit(self, text: str, size: int) -> tuple[ImageFont.FreeTypeFont, int, int, int]:
        """Font, width and height of the label and its padding; long words shrink to the picture's width."""
        while True:
            font, pad = _font(size), max(1, size // 4)
            ascent, descent = font.getmetrics()
            width, height = round(font.getlength(text)) + 2 * pad, ascent + descent + 2 * pad
            if size <= _SMALLEST_FONT or width <= self._width:
                return font, width, height, pad
            size = max(_SMALLEST_FONT, min(size - 1, int(size * self._width / width)))


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Bold, which comes with matplotlib, without importing that."""
    files = importlib.metadata.distribution("matplotlib")
    path = files.locate_file("matplotlib/mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
    return ImageFont.truetype(str(path), size)
