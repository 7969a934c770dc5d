"""Load a SavedModel folder, checked before TensorFlow reads it. TensorFlow is imported by the functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ModelFileError
from ..native_logs import native_logs_captured
from ..seals import EXPORT_AGAIN, check_savedmodel


def load_savedmodel(path: Path | str, *, trust: bool = False) -> Any:
    """Load a SavedModel; keep the returned object for as long as its functions are in use.

    Args:
        path: the folder.
        trust: load a folder of another program too, one without the checksums that this package writes. A SavedModel
            is a program that TensorFlow runs, and its files are parsed without any check: only for files of your own.

    Raises:
        ModelFileError: missing, changed, damaged, written by an unknown TensorFlow, or foreign and not trusted.
    """
    check_savedmodel(path, trust=trust)
    import tensorflow as tf

    try:
        with native_logs_captured():
            return tf.saved_model.load(str(path))
    except Exception as error:  # OSError, protobuf, RuntimeError or tf.errors, depending on the damaged file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelFileError(f"cannot load SavedModel {path}: {reason[0]}", hint=EXPORT_AGAIN) from error


def load_serving_default(
    path: Path | str, *, threads: int | None = None, trust: bool = False
) -> tuple[Callable[[np.ndarray], np.ndarray], str, int]:
    """Load a SavedModel folder that has the ``serving_default`` signature of this package.

    Args:
        path: the folder.
        threads: without influence, TensorFlow has one setting for the whole process.
        trust: see :func:`load_savedmodel`.

    Returns:
        A call from one float32 batch to probabilities, name and version of the runtime, and the side of the images.

    Raises:
        ModelFileError: changed or damaged, or without that signature.
    """
    loaded = load_savedmodel(path, trust=trust)
    import tensorflow as tf

    function, size = _serving_default(loaded, path)

    def predict_batch(images: np.ndarray, owner=loaded) -> np.ndarray:  # owner: unreferenced variables are freed
        try:
            return function(images=tf.constant(images))["probabilities"].numpy()
        except tf.errors.OpError as error:
            raise ModelFileError(f"SavedModel {path} fails on a batch of {len(images)}: {error.message}") from error

    return predict_batch, f"tensorflow {tf.__version__}", size


def _serving_default(loaded: Any, path: Path | str) -> tuple[Any, int]:
    """The signature, and the side of its images."""
    function = getattr(loaded, "signatures", {}).get("serving_default")
    if function is None or "probabilities" not in function.structured_outputs:
        raise ModelFileError(f"SavedModel {path} has no 'serving_default' that returns 'probabilities'")
    spec = function.structured_input_signature[1].get("images")
    side = spec.shape[1] if spec is not None and spec.shape.rank == 4 else None
    if side is None or spec.shape.as_list()[1:] != [side, side, 1]:
        raise ModelFileError(
            f"SavedModel {path} is no face classifier of this package",
            allowed="one input 'images' of square gray images (B, S, S, 1)",
            received=str(function.structured_input_signature[1]),
        )
    return function, side
