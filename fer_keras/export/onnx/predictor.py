"""Run ONNX files of this package with ONNX Runtime: path in, images to probabilities out. No TensorFlow.

A file is sealed: its last protobuf field is a metadata entry with the sha256 of all bytes before it. Protobuf reads a
field wherever it stands, so every ONNX tool takes a sealed file; here the seal is checked before anything is parsed. It
finds damage. It is no signature: whoever changes a file on purpose can seal it anew.

Encoding: https://protobuf.dev/programming-guides/encoding/; fields: onnx.proto3 of https://github.com/onnx/onnx
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, ModelFileError
from ..predictor import Predictor

SEAL = "fer_keras.sha256"
_DIGITS = 64  # of a sha256 in hex
_ENTRY = b"\x0a" + bytes([len(SEAL)]) + SEAL.encode() + b"\x12" + bytes([_DIGITS])  # key and length of the value
_PREFIX = b"\x72" + bytes([len(_ENTRY) + _DIGITS]) + _ENTRY  # ModelProto.metadata_props is field 14
_DAMAGED = "Export the run again, or restore it from a copy"


def seal(content: bytes) -> bytes:
    """Return a serialized ``ModelProto`` with its sha256 appended as the metadata entry ``fer_keras.sha256``."""
    return content + _PREFIX + hashlib.sha256(content).hexdigest().encode()


def check_seal(content: bytes, path: Path | str) -> None:
    """Refuse bytes that are not exactly what :func:`seal` returned.

    Raises:
        ModelFileError: the seal is missing or does not fit.
    """
    body, ending = content[: -len(_PREFIX) - _DIGITS], content[-len(_PREFIX) - _DIGITS :]
    if not ending.startswith(_PREFIX):
        raise ModelFileError(
            f"{path} is truncated, or no ONNX file of this package (it does not end in a '{SEAL}' entry)",
            hint=f"{_DAMAGED}; files of other programs need trust=True",
        )
    if hashlib.sha256(body).hexdigest().encode() != ending[len(_PREFIX) :]:
        raise ModelFileError(f"{path} was changed or damaged: its content does not have its sha256", hint=_DAMAGED)


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


def load_onnx_predictor(path: Path | str, *, threads: int | None = None, trust: bool = False) -> Predictor:
    """Load an ONNX file written by :func:`fer_keras.export.onnx.write.export_onnx`, on the CPU.

    Args:
        path: the ``.onnx`` file.
        threads: CPU threads of the runtime; as many as physical cores when None.
        trust: also load a file without a sound seal, written or changed by another program. It must have the same
            inputs and outputs; what a hostile file does to the runtime is not known.

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
        check_seal(content, path)
    session = make_session(content, path, threads=threads)
    source, target, size = _ends(session, path)
    return Predictor(_OnnxBatch(session, source, target, path), f"onnxruntime {runtime.__version__}", size)


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
        raise ModelFileError(f"cannot load ONNX file {path}: {_first_line(error)}", hint=_DAMAGED) from error


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
    """One session; ONNX Runtime takes every batch size without being resized."""

    def __init__(self, session: Any, source: str, target: str, path: Path | str):
        self._session, self._source, self._target, self._path = session, source, target, path

    def __call__(self, images: np.ndarray) -> np.ndarray:
        try:
            return self._session.run([self._target], {self._source: images})[0]  # (B, classes)
        except Exception as error:  # see make_session
            raise ModelFileError(
                f"ONNX file {self._path} fails on a batch of {len(images)}: {_first_line(error)}"
            ) from error
