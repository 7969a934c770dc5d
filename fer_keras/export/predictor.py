"""What every exported file becomes when it is loaded: a callable from images to probabilities. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..datasets.faces import FACE_SIZE
from ..errors import InputError

BATCH_SIZE = 64


class Predictor:
    """Callable: images (n, 48, 48, 1) uint8 or float32, pixels 0..255, to probabilities (n, classes) float32.

    Attributes:
        image_size: side of the images in pixels, where the file takes others than 48.
        predict_batch: one float32 batch straight into the runtime, unchecked.
        runtime: name and version of the library that computes, such as ``ai-edge-litert 2.3.0``.
    """

    def __init__(self, predict_batch: Callable[[np.ndarray], np.ndarray], runtime: str, image_size: int = FACE_SIZE):
        self.predict_batch, self.runtime, self.image_size = predict_batch, runtime, image_size

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Run in batches of at most 64.

        Raises:
            InputError: other shape or dtype, or no image.
            ModelFileError: the runtime gives up on the file.
        """
        check_images(images, self.image_size)
        batches = np.split(images, range(BATCH_SIZE, len(images), BATCH_SIZE))
        return np.concatenate([self.predict_batch(batch.astype(np.float32)) for batch in batches])


def check_images(images: np.ndarray, size: int = FACE_SIZE) -> None:
    """Refuse anything but (n, size, size, 1) uint8 or float32 with n > 0.

    Raises:
        InputError: naming the shape and dtype received.
    """
    shape, dtype = getattr(images, "shape", ()), getattr(images, "dtype", type(images).__name__)
    if len(shape) != 4 or shape[0] < 1 or shape[1:] != (size, size, 1) or dtype not in (np.uint8, np.float32):
        raise InputError(
            "unusable array of faces",
            allowed=f"(n, {size}, {size}, 1) uint8 or float32 with n of at least 1",
            received=f"{tuple(shape)} {dtype}",
        )
