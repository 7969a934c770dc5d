"""The export formats: their names on the command line, their files, and which of them this machine can write."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from ..errors import InputError, nearest_hint

# Format name to the name of its file or folder in ``exports``.
FORMATS = {
    "savedmodel": "savedmodel",
    "tflite": "model_float32.tflite",
    "tflite_float16": "model_float16.tflite",
    "tflite_dynamic": "model_dynamic.tflite",
    "tflite_int8": "model_int8.tflite",
    "onnx": "model.onnx",
    "torch": "model_torch.pth",
}
# Kind of TFLite file by format.
TFLITE_KINDS = {
    "tflite": "float32",
    "tflite_float16": "float16",
    "tflite_dynamic": "dynamic",
    "tflite_int8": "int8",
}
# What a format writes beside it.
COMPANIONS = {"torch": ("model_torch.py",)}
# What needs nothing but the package's own dependencies; ``all`` adds ONNX where its packages are installed.
DEFAULT_FORMATS = ("savedmodel", *TFLITE_KINDS)
ONNX_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
# Before the name of a file that was kept although it failed.
FAILED = "failed_"


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats without repetitions; ``all`` stands for every one that can be written here but ``torch``.

    Raises:
        InputError: none at all, or an unknown one (with the nearest valid name).
    """
    names = tuple(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    for name in names or ("",):
        if name not in (*FORMATS, "all"):
            hint = nearest_hint(name, FORMATS)
            allowed = ", ".join((*FORMATS, "all"))
            raise InputError("unknown export format", allowed=allowed, received=repr(name), hint=hint)
    return tuple(dict.fromkeys(part for name in names for part in (_all() if name == "all" else (name,))))


def _all() -> tuple[str, ...]:
    has_onnx = all(importlib.util.find_spec(package) for package in ONNX_PACKAGES)
    return (*DEFAULT_FORMATS, "onnx") if has_onnx else DEFAULT_FORMATS
