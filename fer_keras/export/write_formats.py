"""Write one model in several formats into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import write_text
from .formats import FORMATS, TFLITE_KINDS
from .labels import LABELS, check_classes, labels_text

if TYPE_CHECKING:
    import keras
    import numpy as np


def write_formats(
    model: keras.Model,
    contract: Mapping,
    folder: Path,
    names: Sequence[str],
    calibration_faces: np.ndarray | None = None,
) -> dict[str, Path]:
    """Write ``labels.txt`` and a file or folder for each format; return their paths.

    Args:
        model: float32, ends in logits.
        contract: see :func:`fer_keras.export.contract.make_contract`; holds classes and temperature.
        folder: where to.
        names: formats.
        calibration_faces: (m, S, S, 1) uint8, for ``tflite_int8``.

    Raises:
        InputError: class names that do not fit, a package that is missing, or int8 without faces.
        ModelFileError: the model cannot be exported to one of the formats.
        RunFolderError: a file cannot be written.
    """
    from .savedmodel.write import check_model

    check_model(model)
    check_classes(contract["classes"], model.output_shape[-1])
    write_text(folder / LABELS, labels_text(contract["classes"]))
    paths = {name: folder / FORMATS[name] for name in names}
    for name, path in paths.items():
        _write(name, model, contract, path, calibration_faces)
    return paths


def _write(name: str, model: keras.Model, contract: Mapping, path: Path, calibration_faces: np.ndarray | None) -> None:
    classes, temperature = contract["classes"], contract["temperature"]
    if name in TFLITE_KINDS:
        from .tflite import convert as tflite

        faces = calibration_faces if name == "tflite_int8" else None
        options = {"kind": TFLITE_KINDS[name], "temperature": temperature, "calibration_faces": faces}
        tflite.export_tflite(model, path, contract=contract, **options)
    elif name == "savedmodel":
        from .savedmodel.write import export_savedmodel

        export_savedmodel(model, classes, path, temperature=temperature)
    elif name == "onnx":
        from .onnx.write import export_onnx

        export_onnx(model, classes, path, temperature=temperature, contract=contract)
    else:
        from .torch_file import export_torch

        export_torch(model, classes, path)
