"""MTCNN (Zhang et al. 2016, arXiv:1604.02878) of the package ``mtcnn``, which runs on TensorFlow."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ...threads import Pool
from ..boxes import Box
from .protocol import largest_first


class MtcnnDetector:
    """Finds faces at more angles than Haar does, many times slower, and imports TensorFlow."""

    name, thread_safe = "mtcnn", True

    def __init__(self):
        """Load the networks, which come with the package.

        Raises:
            InputError: the package is not installed.
        """
        try:
            from mtcnn import MTCNN
        except ImportError as error:
            raise InputError("this detector needs mtcnn", hint='Install it: pip install "mtcnn>=1.0"') from error
        self._networks = Pool(lambda: MTCNN(device="CPU:0"), most=1)  # TensorFlow spreads one call over the cores

    def detect(self, image: np.ndarray) -> list[Box]:
        """See :class:`fer_keras.inference.detection.protocol.Detector`."""
        rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)  # (H, W, 3)
        with self._networks.take() as network:
            found = [face["box"] for face in network.detect_faces(rgb) or []]
        return largest_first([Box(*map(float, box)) for box in found if box[2] > 0 and box[3] > 0])
