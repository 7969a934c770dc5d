"""``contract.json``: what a program that runs an exported file has to know, for people and for machines.

Every TFLite file carries the same without the list of files, see ``read_contract`` in
:mod:`fer_keras.export.tflite.metadata`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelFileError
from ..runs.contracts import parse_contract
from ..runs.manifest import file_sha256
from .formats import TFLITE_KINDS, size_in_bytes
from .seals import CONTRACT
from .tflite.metadata import find_tflite_contract, read_tflite
from .tflite.report import end_details, tensor_types

if TYPE_CHECKING:
    from ..evaluation.calibration.record import Calibration

CONTRACT_FILE = "contract.json"
FORMAT_VERSION = 1
PREPROCESSING = "pixels 0..255, gray, nothing else: rescaling is inside"


def make_contract(
    run: str, model_sha256: str, image_size: int, classes: Sequence[str], calibration: Calibration | None
) -> dict:
    """Return what all files of one export share.

    Args:
        run: name of the run folder.
        model_sha256: of its ``model.keras``.
        image_size: side of the faces in pixels.
        classes: in the order of the probabilities.
        calibration: of the run; without it the temperature is 1 and no threshold of ``uncertain`` is known.
    """
    uncertain = None
    if calibration is not None and calibration.threshold is not None:
        uncertain = {"threshold": calibration.threshold, "target_precision": calibration.target_precision}
    return {
        "format_version": FORMAT_VERSION,
        "run": run,
        "model_sha256": model_sha256,
        "images": {
            **{"name": "images", "image_size": image_size, "channels": 1, "color": "gray", "layout": "NHWC"},
            **{"range": [0, 255], "preprocessing": PREPROCESSING},
        },
        "classes": list(classes),
        "probabilities": "softmax(logits / temperature), in the order of the classes",
        "temperature": 1.0 if calibration is None else calibration.temperature,
        "uncertain": uncertain,
    }


def find_contract(path: Path) -> Mapping:
    """Return the contract inside an exported file, or beside a SavedModel; empty where there is none.

    Call it after the file has been loaded, which checks that it is whole.

    Raises:
        ModelFileError: what stands there is no contract.
    """
    if path.suffix == ".tflite":
        return find_tflite_contract(path) or {}  # whole, but written without one
    if path.suffix == ".onnx":
        from .onnx.load import make_session

        metadata = make_session(path.read_bytes(), path).get_modelmeta().custom_metadata_map
        classes = f'{{"classes": {metadata["classes"]}}}' if "classes" in metadata else "{}"
        parts = [parse_contract(text, path, ModelFileError) for text in (classes, metadata.get(CONTRACT, "{}"))]
        return parts[0] | parts[1]
    beside = path.parent / CONTRACT_FILE
    return parse_contract(beside.read_bytes(), beside, ModelFileError) if beside.is_file() else {}


def describe_files(paths: Mapping[str, Path], image_size: int, n_classes: int) -> dict[str, dict]:
    """Describe each exported file: ``file, bytes, sha256, input, output``; for TFLite also ``tensor_types``.

    The ends are ``dtype, shape`` (the batch is ``"batch"``) and ``quantization``: None, or ``scale`` and
    ``zero_point``, where real value = scale * (stored - zero_point). The sha256 of a folder is one for each file in it.

    Raises:
        ModelFileError: a TFLite file is damaged.
    """
    return {name: _describe(name, path, image_size, n_classes) for name, path in paths.items()}


def _describe(name: str, path: Path, size: int, n_classes: int) -> dict:
    described = {"file": path.name, "bytes": size_in_bytes(path), "sha256": _sha256(path)}
    if name in TFLITE_KINDS:
        content = read_tflite(path)
        return {**described, **end_details(content), "tensor_types": tensor_types(content)}
    # PyTorch's convolutions want the channel first, and its file ends in logits.
    shape, end = (
        (["batch", 1, size, size], "logits") if name == "torch" else (["batch", size, size, 1], "probabilities")
    )
    return {
        **described,
        "input": {"dtype": "float32", "shape": shape, "quantization": None},
        "output": {"dtype": "float32", "shape": ["batch", n_classes], "quantization": None, "holds": end},
    }


def _sha256(path: Path) -> str | dict[str, str]:
    if path.is_file():
        return file_sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file_sha256(file) for file in files}
