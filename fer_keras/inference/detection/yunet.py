"""YuNet (Wu, Peng & Yu 2023, doi:10.1007/s11633-023-1423-y), a small network that OpenCV runs from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import InputError, ModelFileError
from ...threads import Pool
from ..boxes import Box
from .protocol import largest_first, reduce_to, require_cv2

MAX_SIDE = 1024
# OpenCV's own defaults of cv2.FaceDetectorYN.create, where a face counts from 0.9 on.
SCORE_THRESHOLD = 0.9


class YunetDetector:
    """Finds faces with ``face_detection_yunet_*.onnx`` of https://github.com/opencv/opencv_zoo"""

    name, thread_safe = "yunet", True

    def __init__(self, path: Path | str):
        """Load the network.

        Raises:
            InputError: no such file, or no OpenCV.
            ModelFileError: OpenCV cannot read it.
        """
        self._cv2 = require_cv2()
        if not Path(path).is_file():
            raise InputError("no YuNet model file", allowed="face_detection_yunet_*.onnx", received=str(path))
        self._path, self._networks = path, Pool(self._load)  # each has its size of pictures
        with self._networks.take():
            pass

    def _load(self):
        try:
            return self._cv2.FaceDetectorYN.create(str(self._path), "", (320, 320), SCORE_THRESHOLD)
        except self._cv2.error as error:
            raise ModelFileError(f"OpenCV cannot read the YuNet model {self._path}: {error.err}") from error

    def detect(self, image: np.ndarray) -> list[Box]:
        """See :class:`fer_keras.inference.detection.protocol.Detector`.

        Raises:
            ModelFileError: the file is another network.
        """
        cv2 = self._cv2
        image, factor = reduce_to(image, MAX_SIDE)
        bgr = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)  # (h, w, 3)
        try:
            with self._networks.take() as network:
                network.setInputSize((bgr.shape[1], bgr.shape[0]))
                rows = network.detect(bgr)[1]  # (faces, 15), left top width height first; None without a face
        except cv2.error as error:
            raise ModelFileError(f"the YuNet model file is another network: {error.err}") from error
        boxes = [] if rows is None else [row[:4].astype(float) for row in rows]
        return largest_first([Box(*box).scaled(1 / factor) for box in boxes if box[2] > 0 and box[3] > 0])
