"""Run an exported file: path in, a callable from images to probabilities out.

TensorFlow is imported for a SavedModel, and for TFLite only when ``ai_edge_litert`` is not installed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..emotions import FACE_SIZE
from ..errors import InputError
from .formats import TABLE, check_images, find_function

BATCH_SIZE = 64
# Faces from which on another thread is worth its call.
_LEAST_SHARE = 4


class ExportedModel:
    """Callable: images (n, 48, 48, 1) uint8 or float32, pixels 0..255, to probabilities (n, classes) float32.

    Many threads may call it at the same time.

    Attributes:
        image_size: side of the images in pixels, where the file takes others than 48.
        predict_batch: one float32 batch straight into the runtime, unchecked, in the calling thread.
        runtime: name and version of the library that computes, such as ``ai-edge-litert 2.3.0``.
        threads: how many calls compute at the same time; 1 where the runtime itself spreads a call over the cores.
    """

    def __init__(
        self,
        predict_batch: Callable[[np.ndarray], np.ndarray],
        runtime: str,
        image_size: int = FACE_SIZE,
        threads: int = 1,
    ):
        self.predict_batch, self.runtime, self.image_size = predict_batch, runtime, image_size
        self.threads = threads

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Run in batches of at most 64, on all threads.

        Raises:
            InputError: other shape or dtype, or no image.
            ModelFileError: the runtime gives up on the file.
        """
        check_images(images, self.image_size)
        return self.in_shares(lambda share: self.predict_batch(share.astype(np.float32)), images)

    def in_shares(self, function: Callable[[Any], np.ndarray], items: Sequence | np.ndarray) -> np.ndarray:
        """Call a function that uses this model on shares of items, in threads, and join its rows in their order.

        Args:
            function: a share of at most 64 items to an array with a row for each.
            items: at least one.
        """
        count = max(math.ceil(len(items) / BATCH_SIZE), min(self.threads, len(items) // _LEAST_SHARE), 1)
        edges = [len(items) * at // count for at in range(count + 1)]
        shares = [items[first:end] for first, end in pairwise(edges)]
        mapped = map(function, shares) if min(count, self.threads) == 1 else self._helpers.map(function, shares)
        return np.concatenate(list(mapped))

    @cached_property
    def _helpers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="fer-keras-faces")


def load_exported(path: Path | str, *, threads: int | None = None, trust: bool = False) -> ExportedModel:
    """Load an exported file by its kind: a folder is a SavedModel, ``.tflite`` is TFLite, ``.onnx`` is ONNX.

    Args:
        path: file or folder.
        threads: CPU threads of LiteRT or ONNX Runtime, as many as cores when None; TensorFlow has one setting for the
            whole process.
        trust: also load a file without the sha256 that this package writes into each; only for files of your own.

    Raises:
        InputError: none of these, or a package that runs it is missing.
        ModelFileError: changed, damaged or of another purpose.
    """
    path = Path(path)
    loaders = {Path(row.file).suffix: row.loader for row in TABLE.values() if row.loader}
    suffix = "" if path.is_dir() else path.suffix or "none"
    if suffix not in loaders:
        allowed = "a SavedModel folder, a .tflite or an .onnx file"
        raise InputError("not an exported model", allowed=allowed, received=str(path))
    return ExportedModel(*find_function(loaders[suffix])(path, threads=threads, trust=trust))
