"""Run exported files: path in, a callable from images to probabilities out.

TensorFlow is imported for a SavedModel, and for TFLite only when ``ai_edge_litert`` is not installed.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.faces import FACE_SIZE
from ..errors import InputError, ModelFileError
from .native_logs import native_logs_captured

BATCH_SIZE = 64
TFLITE_IDENTIFIER = b"TFL3"  # bytes 4..8 of the flatbuffer, from TFLite's schema.fbs
_DAMAGED = "Export the run again, or restore it from a copy"


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


def load_predictor(path: Path | str) -> Predictor:
    """Load an exported file by its kind: a folder is a SavedModel, ``.tflite`` is TFLite.

    Raises:
        InputError: neither of both.
        ModelFileError: damaged or of another purpose.
    """
    path = Path(path)
    if path.suffix == ".tflite":
        return load_tflite_predictor(path)
    if path.is_dir():
        return load_savedmodel_predictor(path)
    raise InputError("not an exported model", allowed="a SavedModel folder or a .tflite file", received=str(path))


def load_savedmodel(path: Path | str) -> Any:
    """Load a SavedModel; keep the returned object for as long as its functions are in use.

    Raises:
        ModelFileError: missing, damaged or written by an unknown TensorFlow.
    """
    import tensorflow as tf

    try:
        with native_logs_captured():
            return tf.saved_model.load(str(path))
    except Exception as error:  # OSError, protobuf, RuntimeError or tf.errors, depending on the damaged file
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelFileError(f"cannot load SavedModel {path}: {reason[0]}", hint=_DAMAGED) from error


def load_savedmodel_predictor(path: Path | str) -> Predictor:
    """Load a SavedModel folder that has the ``serving_default`` signature of this package.

    Raises:
        ModelFileError: damaged, or without that signature.
    """
    import tensorflow as tf

    loaded = load_savedmodel(path)
    function = loaded.signatures.get("serving_default") if hasattr(loaded, "signatures") else None
    if function is None or "probabilities" not in function.structured_outputs:
        raise ModelFileError(f"SavedModel {path} has no 'serving_default' that returns 'probabilities'")

    def predict_batch(images: np.ndarray, owner=loaded) -> np.ndarray:  # owner: unreferenced variables are freed
        return function(images=tf.constant(images))["probabilities"].numpy()

    size = function.structured_input_signature[1]["images"].shape[1]
    return Predictor(predict_batch, f"tensorflow {tf.__version__}", size)


def load_tflite_predictor(path: Path | str, *, threads: int | None = None) -> Predictor:
    """Load a float32 TFLite file, with LiteRT when installed (``pip install fer_keras[litert]``), else TensorFlow.

    Args:
        path: the ``.tflite`` file.
        threads: CPU threads of the runtime; its own default when None.

    Raises:
        ModelFileError: missing, damaged or with other inputs and outputs.
    """
    content = _read_flatbuffer(Path(path))
    interpreter_class, runtime = _tflite_runtime()
    try:
        with native_logs_captured(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow announces that its interpreter moves to LiteRT
            interpreter = interpreter_class(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"cannot load TFLite file {path}: {error}", hint=_DAMAGED) from error
    source, target, size = _tflite_ends(interpreter, path)
    return Predictor(_TfliteBatch(interpreter, source, target, path), runtime, size)


def _read_flatbuffer(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read TFLite file {path}: {error.strerror}") from error
    if content[4:8] != TFLITE_IDENTIFIER:
        raise ModelFileError(f"{path} is no TFLite file", received=repr(content[:8]), hint=_DAMAGED)
    return content


def _tflite_runtime() -> tuple[type, str]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        return tf.lite.Interpreter, f"tensorflow {tf.__version__}"
    return Interpreter, f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"


def _tflite_ends(interpreter: Any, path: Path | str) -> tuple[int, int, int]:
    """Tensor indices of the images and the probabilities, and the side of the images."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    ends = [(tuple(map(int, end["shape"][1:])), np.dtype(end["dtype"]).name) for end in inputs + outputs]
    size = ends[0][0][0] if ends[0][0] else 0
    fits = len(inputs) == len(outputs) == 1 and ends[0] == ((size, size, 1), "float32")
    if not fits or len(ends[1][0]) != 1 or ends[1][1] != "float32":
        raise ModelFileError(
            f"TFLite file {path} is no face classifier of this package",
            allowed="one float32 input of square gray images (B, S, S, 1) and one float32 output (B, classes)",
            received=", ".join(f"(B, {', '.join(map(str, shape))}) {dtype}" for shape, dtype in ends),
        )
    return inputs[0]["index"], outputs[0]["index"], size


class _TfliteBatch:
    """One interpreter; it is resized only when the batch size changes."""

    def __init__(self, interpreter: Any, source: int, target: int, path: Path | str):
        self._interpreter, self._source, self._target, self._path = interpreter, source, target, path
        self._size = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        try:
            if len(images) != self._size:
                self._interpreter.resize_tensor_input(self._source, images.shape)
                self._interpreter.allocate_tensors()
                self._size = len(images)
            self._interpreter.set_tensor(self._source, images)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            self._size = 0
            raise ModelFileError(f"TFLite file {self._path} fails on a batch of {len(images)}: {error}") from error
        return self._interpreter.get_tensor(self._target)  # (B, classes)
