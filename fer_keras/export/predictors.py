"""Run exported files: path in, a callable from images to probabilities out.

TensorFlow is imported for a SavedModel, and for TFLite only when ``ai_edge_litert`` is not installed.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .predictor import BATCH_SIZE, Predictor, check_images
from .savedmodel.predictor import load_savedmodel, load_savedmodel_predictor
from .tflite.predictor import load_tflite_predictor

__all__ = [
    "BATCH_SIZE",
    "Predictor",
    "check_images",
    "load_predictor",
    "load_savedmodel",
    "load_savedmodel_predictor",
    "load_tflite_predictor",
]


def load_predictor(path: Path | str, *, threads: int | None = None, trust: bool = False) -> Predictor:
    """Load an exported file by its kind: a folder is a SavedModel, ``.tflite`` is TFLite, ``.onnx`` is ONNX.

    Args:
        path: file or folder.
        threads: CPU threads of LiteRT or ONNX Runtime; TensorFlow has one setting for the whole process.
        trust: also load a file without the sha256 that this package writes into each; only for files of your own.

    Raises:
        InputError: none of these, or a package that runs it is missing.
        ModelFileError: changed, damaged or of another purpose.
    """
    path = Path(path)
    if path.suffix == ".tflite":
        return load_tflite_predictor(path, threads=threads, trust=trust)
    if path.suffix == ".onnx":
        from .onnx.predictor import load_onnx_predictor

        return load_onnx_predictor(path, threads=threads, trust=trust)
    if path.is_dir():
        return load_savedmodel_predictor(path, trust=trust)
    allowed = "a SavedModel folder, a .tflite or an .onnx file"
    raise InputError("not an exported model", allowed=allowed, received=str(path))
