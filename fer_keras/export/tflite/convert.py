"""Export to TensorFlow Lite (LiteRT) in four precisions, with operators that every TFLite runtime has.

Converter: https://ai.google.dev/edge/litert/conversion/tensorflow/overview
Quantisation: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...atomic_files import atomic_path
from ...errors import InputError, ModelFileError, nearest_hint
from ..native_logs import native_logs_captured
from ..precision import as_float32
from ..predictor import check_images
from ..savedmodel.predictor import load_savedmodel
from ..savedmodel.write import make_serving_module
from .batch import free_batch
from .metadata import with_metadata
from .report import end_details, operator_names, tensor_types, weight_share

KINDS = ("float32", "float16", "dynamic", "int8")
# Types of a full integer file: 8-bit numbers, 32-bit biases and shapes.
_INTEGERS = {"int8", "uint8", "int32", "int64", "bool"}
_MIN_QUANTISED = 0.5  # of all weights; the converter leaves small tensors as they are


def export_tflite(
    source: keras.Model | Path | str,
    path: Path | str,
    *,
    kind: str = "float32",
    temperature: float = 1.0,
    calibration_faces: np.ndarray | None = None,
    batch: int | None = None,
    contract: Mapping | None = None,
) -> None:
    """Write a TFLite file, whole or not at all; an existing one is replaced.

    Signature ``serving_default``: ``images`` (B, S, S, 1), pixels 0..255, to ``probabilities`` (B, classes).

    - ``float32``: both ends float32
    - ``float16``: weights stored as float16, which halves the file; runtimes compute in float32 unless a GPU takes over
    - ``dynamic``: weights stored as int8 per channel, activations quantised on the fly; both ends float32
    - ``int8``: everything int8 per channel, biases int32; both ends uint8: pixels as they are (scale 1, zero point 0)
      and probabilities in steps of 1/256

    The tensors have a batch of 1. Call ``resize_tensor_input`` before ``allocate_tensors`` for another: every kind can
    be resized. Int8 files have no dynamic size in them, as fixed-function chips need it.

    Args:
        source: a model that takes (B, S, S, 1) and ends in logits, or a SavedModel folder written by
            :func:`fer_keras.export.savedmodel.write.export_savedmodel` (not for int8, and the temperature is inside).
        path: the ``.tflite`` file to write.
        kind: ``float32``, ``float16``, ``dynamic`` or ``int8``.
        temperature: divides the logits of a Keras model (Guo et al. 2017, arXiv:1706.04599).
        calibration_faces: (m, S, S, 1) uint8 training faces for int8, see
            :func:`fer_keras.export.calibration_faces.select_calibration_faces`.
        batch: a fixed batch; None for one that can be resized.
        contract: JSON object to carry as metadata, see :mod:`fer_keras.export.contract`.

    Raises:
        InputError: unknown kind, or int8 without faces.
        ModelFileError: the model needs operators outside the TFLite built-in set (they are named), is not
            exportable, the converter quantised nothing, or the SavedModel cannot be read.
        RunFolderError: the file cannot be written.
    """
    content = convert_tflite(source, kind, temperature=temperature, calibration_faces=calibration_faces, batch=batch)
    refuse_custom_operators(content)
    _check_kind(content, kind)
    with atomic_path(Path(path)) as scratch:
        described = None if contract is None else {**contract, "kind": kind, **end_details(content)}
        scratch.write_bytes(with_metadata(content, described))


def convert_tflite(
    source: keras.Model | Path | str,
    kind: str = "float32",
    *,
    temperature: float = 1.0,
    calibration_faces: np.ndarray | None = None,
    batch: int | None = None,
) -> bytes:
    """Convert to a TFLite flatbuffer without metadata; arguments and errors as in :func:`export_tflite`."""
    if kind not in KINDS:
        hint = nearest_hint(str(kind), KINDS)
        raise InputError("unknown kind of TFLite file", allowed=", ".join(KINDS), received=repr(kind), hint=hint)
    # Int8 files go to chips that want fixed sizes, so that their batch is fixed first and made resizable afterwards.
    function, owner = _probability_function(source, temperature, batch or (1 if kind == "int8" else None))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    _set_kind(converter, kind, calibration_faces, function)
    try:
        with native_logs_captured():
            content = converter.convert()
    except Exception as error:  # the converter's own error class has no public name
        raise _explain(error) from error
    return free_batch(content) if kind == "int8" and batch is None else content


def _set_kind(converter: Any, kind: str, faces: np.ndarray | None, function: Any) -> None:
    operators = tf.lite.OpsSet.TFLITE_BUILTINS_INT8 if kind == "int8" else tf.lite.OpsSet.TFLITE_BUILTINS
    converter.target_spec.supported_ops = [operators]
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        faces = _calibration_batch(faces, function.inputs[0].shape[1])
        converter.representative_dataset = lambda: _one_by_one(faces)
        converter.inference_input_type = converter.inference_output_type = tf.uint8


def _calibration_batch(faces: np.ndarray | None, side: int) -> np.ndarray:
    """The faces as float32 with one black and one white pixel, so that the input's range is exactly 0..255."""
    if faces is None:
        raise InputError("an int8 file needs training faces to calibrate on", allowed="calibration_faces=images")
    check_images(faces, side)
    faces = faces.astype(np.float32)
    faces[0, 0, :2, 0] = 0, 255
    return faces  # (m, S, S, 1)


def _one_by_one(faces: np.ndarray) -> Iterator[list[np.ndarray]]:
    for face in faces:
        yield [face[None]]  # (1, S, S, 1)


def _probability_function(source: keras.Model | Path | str, temperature: float, batch: int | None) -> tuple[Any, Any]:
    """The concrete function to convert, and the object that keeps its variables alive."""
    if isinstance(source, keras.Model):
        module = make_serving_module(as_float32(source), temperature)
        if batch is None:
            return module.probabilities.get_concrete_function(), module
        spec = tf.TensorSpec((batch, *source.input_shape[1:]), tf.float32, name="images")
        return tf.function(module.probabilities.python_function).get_concrete_function(images=spec), module
    if batch is not None or temperature != 1:
        raise InputError(
            "a SavedModel converts as it is", hint="Give the Keras model for int8, a batch or a temperature"
        )
    loaded = load_savedmodel(Path(source))
    if "probabilities" not in loaded.signatures:
        raise ModelFileError(
            f"{source} has no signature 'probabilities'",
            received=", ".join(loaded.signatures) or "no signatures",
            hint="Write it with 'fer-keras export'",
        )
    return loaded.signatures["probabilities"], loaded


def _explain(error: Exception) -> ModelFileError:
    found = re.findall(r"(?:TF Select|Custom|Flex) ops: ([^\n]+)", str(error))
    names = sorted({name.strip() for line in found for name in line.split(",")})
    if names:
        return _not_built_in(names)
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return ModelFileError(f"TensorFlow cannot convert the model to TFLite: {reason[0]}")


def _not_built_in(names: list[str]) -> ModelFileError:
    return ModelFileError(
        "the model needs operators that TFLite does not build in",
        received=", ".join(names),
        hint="Write the layer with other keras.ops, such as repeat or concatenate instead of indexing",
    )


def refuse_custom_operators(content: bytes) -> None:
    """Check that a TFLite flatbuffer holds built-in operators only.

    Raises:
        ModelFileError: naming every Flex or custom operator.
    """
    foreign = sorted(name for name, is_builtin in operator_names(content).items() if not is_builtin)
    if foreign:
        raise _not_built_in(foreign)


def _check_kind(content: bytes, kind: str) -> None:
    """The converter reports nothing when it leaves a tensor as it was, so the result is counted.

    Raises:
        ModelFileError: weights are not of the kind's type, or an int8 file holds another number type or input scale.
    """
    stored = {"float16": "float16", "dynamic": "int8", "int8": "int8"}.get(kind)
    if stored and weight_share(content, stored) < _MIN_QUANTISED:
        share = weight_share(content, stored)
        raise ModelFileError(f"the converter stored only {share:.0%} of the weights as {stored}")
    if kind != "int8":
        return
    types, pixels = tensor_types(content), end_details(content)["input"]
    if not set(types) <= _INTEGERS:
        raise ModelFileError("the converter left float tensors in the int8 file", received=str(types))
    if (pixels["dtype"], pixels["quantization"]) != ("uint8", {"scale": 1.0, "zero_point": 0}):
        raise ModelFileError("the int8 file does not take raw pixels", allowed="scale 1, zero 0", received=str(pixels))
