"""Pictures for the browser: small upright copies inside the page, which have no address of their own."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

# Longer side in pixels: sharp on a phone's screen, a few hundred kilobytes at most.
PREVIEW_SIDE, SMALLEST_SIDE = 1120, 320
_QUALITY = 85


def jpeg_data_uri(pixels: np.ndarray) -> str:
    """Reduce, or enlarge where nothing could be recognised, and encode.

    Args:
        pixels: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
    """
    picture = Image.fromarray(pixels)
    longest = max(picture.size)
    factor = min(PREVIEW_SIDE / longest, 1.0) if longest >= SMALLEST_SIDE else SMALLEST_SIDE / longest
    if factor != 1:
        size = [max(1, round(side * factor)) for side in picture.size]
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
