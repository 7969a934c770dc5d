"""Viola and Jones' frontal-face cascade (CVPR 2001), as trained by R. Lienhart and shipped with OpenCV 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import InputError
from ...threads import Pool
from ..boxes import Box
from .protocol import INSTALL_OPENCV, largest_first, reduce_to, require_cv2

CASCADE = "haarcascade_frontalface_default.xml"
# Longest side in pixels that is searched: larger pictures are reduced first. Sizes are searched in steps of the factor,
# and boxes that this many neighbours agree on are kept. Chosen on 24 pictures of 1280x960 with 48 validation faces of
# FER2013, 80 to 300 pixels wide, pasted onto photographs. Side, factor, neighbours: recall, wrong boxes and processor
# milliseconds a picture.
#   1024, 1.1, 5: 0.67, 0.46, 550    1024, 1.2, 8: 0.50, 0.00, 303     800, 1.1, 6: 0.71, 0.33, 341
#    640, 1.1, 4: 0.71, 0.29, 212     640, 1.1, 6: 0.67, 0.12, 212     640, 1.1, 8: 0.62, 0.00, 212
# So 640 has the fewest wrong boxes; it finds faces from 30/640 of the longer side on.
MAX_SIDE = 640
SCALE_FACTOR, MIN_NEIGHBORS = 1.1, 6
# Smallest face: pixels of the searched picture.
MIN_FACE = 30


class HaarDetector:
    """Finds upright frontal faces on the CPU, without a model file of the user's."""

    name, thread_safe = "haar", True

    def __init__(self, max_side: int = MAX_SIDE):
        """Load the cascade.

        Args:
            max_side: pixels that the longer side of a picture is reduced to; more finds smaller faces, more slowly,
                and with more wrong boxes.

        Raises:
            InputError: no OpenCV, or one without Haar cascades (5.x).
        """
        self._cv2, self._max_side = require_cv2(), max_side
        folder = Path(getattr(getattr(self._cv2, "data", None), "haarcascades", ""))
        if not hasattr(self._cv2, "CascadeClassifier") or not (folder / CASCADE).is_file():
            raise InputError("this OpenCV has no Haar cascades", hint=INSTALL_OPENCV)
        self._cascades = Pool(lambda: self._cv2.CascadeClassifier(str(folder / CASCADE)))  # each has its buffers

    def detect(self, image: np.ndarray) -> list[Box]:
        """See :class:`fer_keras.inference.detection.protocol.Detector`."""
        cv2 = self._cv2
        image, factor = reduce_to(image, self._max_side)
        gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # (h, w)
        with self._cascades.take() as cascade:
            found = cascade.detectMultiScale(
                gray, scaleFactor=SCALE_FACTOR, minNeighbors=MIN_NEIGHBORS, minSize=(MIN_FACE, MIN_FACE)
            )
        return largest_first([Box(*map(float, box)).scaled(1 / factor) for box in found])
