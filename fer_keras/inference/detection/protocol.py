"""What every face detector is, and what several of them need."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ...errors import InputError
from ..boxes import Box

INSTALL_OPENCV = 'Install OpenCV 4: pip install "opencv-python-headless>=4.10,<5"'


class Detector(Protocol):
    """Finds faces in one upright picture.

    Attributes:
        name: for people.
        thread_safe: several threads may call it at the same time; it may be missing, which says that they may not.
        cheap: a frame of a video is searched in less time than it is shown; missing for no.
    """

    name: str

    def detect(self, image: np.ndarray) -> list[Box]:
        """Return the boxes of the faces, largest first; none is an empty list.

        Args:
            image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
        """
        ...


def is_thread_safe(detector: Detector) -> bool:
    """Whether several threads may search at the same time; what says nothing may have buffers of its own."""
    return bool(getattr(detector, "thread_safe", False))


def is_cheap(detector: Detector | None) -> bool:
    """Whether each frame of a video can be searched."""
    return bool(getattr(detector, "cheap", False))


def largest_first(boxes: list[Box]) -> list[Box]:
    """Sort by area, then from the top left, so that the order does not depend on the detector."""
    return sorted(boxes, key=lambda box: (-box.area, box.top, box.left))


def reduce_to(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """Reduce a picture whose longer side is above ``side`` pixels to it; return it and the factor, at most 1."""
    factor = min(1.0, side / max(image.shape[:2]))
    if factor == 1:
        return image, factor
    cv2 = require_cv2()
    size = [max(1, round(pixels * factor)) for pixels in (image.shape[1], image.shape[0])]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def require_cv2() -> Any:
    """Import OpenCV.

    Raises:
        InputError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise InputError("finding faces needs OpenCV", hint=INSTALL_OPENCV) from error
    return cv2
