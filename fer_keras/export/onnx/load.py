"""Run ONNX files of this package with ONNX Runtime: path in, images to probabilities out. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, ModelFileError
from ..seals import EXPORT_AGAIN, check_onnx


def require_onnxruntime() -> Any:
    """Import ONNX Runtime.

    Raises:
        InputError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("ONNX files need onnxruntime", hint='Install it: pip install "fer_keras[onnx]"') from error
    return onnxruntime


def load_onnx(
    path: Path | str, *, threads: int | None = None, trust: bool = False
) -> tuple[Callable[[np.ndarray], np.ndarray], str, int]:
    """Load an ONNX file written by :func:`fer_keras.export.onnx.write.export_onnx`, on the CPU.

    Args:
        path: the ``.onnx`` file.
        threads: CPU threads of the runtime; as many as physical cores when None.
        trust: also load a file without a sound seal, written or changed by another program. It must have the same
            inputs and outputs; what a hostile file does to the runtime is not known.

    Returns:
        A call from one float32 batch to probabilities, name and version of the runtime, and the side of the images.

    Raises:
        InputError: onnxruntime is not installed.
        ModelFileError: missing, damaged, of another program, or with other inputs and outputs.
    """
    runtime = require_onnxruntime()
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read ONNX file {path}: {error.strerror}") from error
    if not trust:
        check_onnx(content, path)
    session = make_session(content, path, threads=threads)
    source, target, size = _ends(session, path)
    return _OnnxBatch(session, source, target, path), f"onnxruntime {runtime.__version__}", size


def make_session(content: bytes, path: Path | str, *, threads: int | None = None) -> Any:
    """Return a quiet ``InferenceSession`` on the CPU, from memory: data in other files is never read.

    Raises:
        ModelFileError: the runtime refuses the model.
    """
    runtime = require_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # the runtime's own log repeats what its exceptions say
    options.intra_op_num_threads = threads or 0
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a dozen unrelated exception classes
        raise ModelFileError(f"cannot load ONNX file {path}: {_first_line(error)}", hint=EXPORT_AGAIN) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _ends(session: Any, path: Path | str) -> tuple[str, str, int]:
    """Names of the images and the probabilities, and the side of the images."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shapes = [list(end.shape or []) for end in (*inputs, *outputs)]
    single = len(inputs) == len(outputs) == 1 and {end.type for end in (*inputs, *outputs)} == {"tensor(float)"}
    size = shapes[0][1] if single and len(shapes[0]) == 4 else None
    if not isinstance(size, int) or shapes[0][1:] != [size, size, 1] or len(shapes[1]) != 2:
        raise ModelFileError(
            f"ONNX file {path} is no face classifier of this package",
            allowed="one float32 input of square gray images (B, S, S, 1) and one float32 output (B, classes)",
            received=", ".join(f"{end.name} {end.shape} {end.type}" for end in (*inputs, *outputs)),
        )
    return inputs[0].name, outputs[0].name, size


class _OnnxBatch:
    """One session; ONNX Runtime takes every batch size without being resized, and calls from several threads."""

    def __init__(self, session: Any, source: str, target: str, path: Path | str):
        self._session, self._source, self._target, self._path = session, source, target, path

    def __call__(self, images: np.ndarray) -> np.ndarray:
        try:
            return self._session.run([self._target], {self._source: images})[0]  # (B, classes)
        except Exception as error:  # see make_session
            raise ModelFileError(
                f"ONNX file {self._path} fails on a batch of {len(images)}: {_first_line(error)}"
            ) from error
