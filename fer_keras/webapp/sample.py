"""A picture for visitors without one at hand: drawn faces, which the detector finds."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..datasets.synthetic.drawing import draw_faces
from ..emotions import FER7

_SIDE, _SIZE, _GROUND, _SOFT = 220, (900, 360), 168, 7  # pixels, pixels, gray, pixels
_PLACES = ((60, 70, "happy", 4), (340, 58, "surprise", 7), (620, 76, "angry", 4))  # left, top, expression, seed


@functools.lru_cache(maxsize=1)
def sample_picture() -> bytes:
    """Return a PNG file of 900x360 pixels with three faces."""
    canvas, mask = Image.new("L", _SIZE, _GROUND), _soft_oval()
    for left, top, name, seed in _PLACES:
        face = Image.fromarray(draw_faces(np.array([FER7.index(name)]), seed)[0, ..., 0])
        canvas.paste(face.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), (left, top), mask)
    stream = io.BytesIO()
    canvas.save(stream, "PNG")
    return stream.getvalue()


def _soft_oval() -> Image.Image:
    """Opaque on the face, fading at the edge of the drawing."""
    mask = Image.new("L", (_SIDE, _SIDE), 0)
    ImageDraw.Draw(mask).ellipse((_SOFT, -_SOFT, _SIDE - _SOFT, _SIDE + _SOFT), fill=255)
    mask.paste(0, (0, _SIDE - _SOFT, _SIDE, _SIDE))
    return mask.filter(ImageFilter.GaussianBlur(_SOFT))
