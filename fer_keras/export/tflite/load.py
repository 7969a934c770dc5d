"""Run TFLite files with LiteRT, without TensorFlow: float ends, or uint8 ends as of a full int8 file.

Each interpreter scores one face at a time on one thread, and there is one for each core: a call of LiteRT is no faster
with many faces than with one, and threads inside of an interpreter wait for each other. TensorFlow's interpreter takes
over only where ``ai_edge_litert`` is not installed.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ModelFileError
from ...threads import Pool, usable_cores
from ..native_logs import native_logs_captured
from ..seals import EXPORT_AGAIN, is_sealed_tflite
from .metadata import read_tflite
from .structure import check_structure

_DTYPES = ("float32", "uint8", "int8")


def load_tflite(
    path: Path | str, *, threads: int | None = None, trust: bool = False
) -> tuple[Callable[[np.ndarray], np.ndarray], str, int, int]:
    """Load a TFLite file of this package, with LiteRT, or TensorFlow's own runtime where there is no LiteRT.

    The file's sha256, which it carries, is checked before anything else reads it. Pixels are rounded and clipped to the
    range of an integer input, and integer probabilities are returned as float32: in steps of 1/256, so that a row sums
    to 1 only within a few steps.

    Args:
        path: the ``.tflite`` file.
        threads: interpreters that compute at the same time, each on one; as many as usable cores when None.
        trust: also load a file that carries no sha256, after a check of its structure. The runtime itself does not
            check what it reads: a file made to do harm can do it.

    Returns:
        What :class:`fer_keras.export.exported_model.ExportedModel` is made of: a call from one float32 batch to
        probabilities, name and version of the runtime, the side of the images, and how many calls compute at once.

    Raises:
        ModelFileError: missing, changed, damaged, not trusted or with other inputs and outputs.
    """
    content = read_tflite(path, trust=trust)
    if trust and not is_sealed_tflite(content, path):
        check_structure(content, path)
    interpreter, runtime = make_interpreter(content, path)
    source, target, size = _ends(interpreter, path)
    threads = threads or usable_cores()
    return _TfliteFaces(interpreter, content, path, source, target, size, threads), runtime, size, threads


def make_interpreter(content: bytes, path: Path | str, **options) -> tuple[Any, str]:
    """Return an allocated interpreter of one thread, and the name and version of the library.

    Raises:
        ModelFileError: the runtime refuses the content.
    """
    interpreter_class, runtime = _runtime()
    try:
        with native_logs_captured(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow announces that its interpreter moves to LiteRT
            interpreter = interpreter_class(model_content=content, num_threads=1, **options)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"cannot load TFLite file {path}: {error}", hint=EXPORT_AGAIN) from error
    return interpreter, runtime


def _runtime() -> tuple[type, str]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        return tf.lite.Interpreter, f"tensorflow {tf.__version__}"
    return Interpreter, f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"


@dataclass(frozen=True)
class _End:
    """One end of the graph; real value = scale * (stored - zero_point), for float32 scale is 0."""

    index: int
    dtype: np.dtype
    scale: float
    zero_point: int

    def store(self, values: np.ndarray) -> np.ndarray:
        if not self.scale:
            return values.astype(np.float32, copy=False)
        limits = np.iinfo(self.dtype)
        steps = np.rint(values / np.float32(self.scale)) + self.zero_point
        return np.clip(steps, limits.min, limits.max).astype(self.dtype)

    def read(self, stored: np.ndarray) -> np.ndarray:
        if not self.scale:
            return stored
        return (stored.astype(np.float32) - self.zero_point) * np.float32(self.scale)


def _ends(interpreter: Any, path: Path | str) -> tuple[_End, _End, int]:
    """The images, the probabilities, and the side of the images."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    ends = [(tuple(map(int, end["shape"][1:])), np.dtype(end["dtype"]).name) for end in inputs + outputs]
    size = ends[0][0][0] if ends and ends[0][0] else 0
    fits = len(inputs) == len(outputs) == 1 and ends[0][0] == (size, size, 1) and len(ends[1][0]) == 1
    if not fits or not all(map(_usable, inputs + outputs)):
        raise ModelFileError(
            f"TFLite file {path} is no face classifier of this package",
            allowed="one input of square gray images (B, S, S, 1) and one output (B, classes), both float32 or 8-bit",
            received=", ".join(f"(B, {', '.join(map(str, shape))}) {dtype}" for shape, dtype in ends),
        )
    return _end(inputs[0]), _end(outputs[0]), size


def _usable(detail: dict) -> bool:
    """Float, or 8-bit with a scale: an integer without one has no meaning."""
    name = np.dtype(detail["dtype"]).name
    return name in _DTYPES and (name == "float32") == (detail["quantization"][0] == 0)


def _end(detail: dict) -> _End:
    scale, zero_point = detail["quantization"]
    return _End(detail["index"], np.dtype(detail["dtype"]), float(scale), int(zero_point))


class _TfliteFaces:
    """Interpreters of one file; each call takes one and scores its faces one by one."""

    def __init__(
        self, first: Any, content: bytes, path: Path | str, source: _End, target: _End, size: int, threads: int
    ):
        self._path, self._source, self._target = path, source, target
        self._shape = (1, size, size, 1)
        self._interpreters = Pool(
            lambda: self._for_one_face(make_interpreter(content, path)[0]), threads, self._for_one_face(first)
        )

    def _for_one_face(self, interpreter: Any) -> Any:
        interpreter.resize_tensor_input(self._source.index, self._shape)
        interpreter.allocate_tensors()
        return interpreter

    def __call__(self, images: np.ndarray) -> np.ndarray:
        with self._interpreters.take() as interpreter:
            try:
                return np.concatenate([self._score(interpreter, images[at : at + 1]) for at in range(len(images))])
            except (ValueError, RuntimeError) as error:
                raise ModelFileError(f"TFLite file {self._path} fails on a face: {error}") from error

    def _score(self, interpreter: Any, image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(self._source.index, self._source.store(image))
        interpreter.invoke()
        return self._target.read(interpreter.get_tensor(self._target.index))  # (1, classes)
