"""Export to TensorFlow Lite (LiteRT) in four precisions, with operators that every TFLite runtime has.

Converter: https://ai.google.dev/edge/litert/conversion/tensorflow/overview
Quantisation: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...atomic_files import atomic_path
from ...errors import InputError, ModelFileError, nearest_hint
from ..model import as_float32
from ..native_logs import native_logs_captured
from ..savedmodel.write import make_serving_module
from .calibration import representative_faces
from .metadata import parse, serialize, with_metadata
from .report import end_details, is_constant, operator_name, operator_names, tensor_types, weight_share

KINDS = ("float32", "float16", "dynamic", "int8")
# Types of a full integer file: 8-bit numbers, 32-bit biases and shapes.
_INTEGERS = {"int8", "uint8", "int32", "int64", "bool"}
_MIN_QUANTISED = 0.5  # of all weights; the converter leaves small tensors as they are


def _write(kind: str, model: keras.Model, path: Path, contract: Mapping, faces: np.ndarray | None) -> None:
    """Write one of the TFLite formats."""
    temperature, calibration_faces = contract["temperature"], faces if kind == "int8" else None
    export_tflite(
        model, path, kind=kind, temperature=temperature, calibration_faces=calibration_faces, contract=contract
    )


write_float32, write_float16, write_dynamic, write_int8 = (
    partial(_write, kind) for kind in ("float32", "float16", "dynamic", "int8")
)


def export_tflite(
    model: keras.Model,
    path: Path | str,
    *,
    kind: str = "float32",
    temperature: float = 1.0,
    calibration_faces: np.ndarray | None = None,
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
        model: takes (B, S, S, 1) and ends in logits.
        path: the ``.tflite`` file to write.
        kind: ``float32``, ``float16``, ``dynamic`` or ``int8``.
        temperature: divides the logits (Guo et al. 2017, arXiv:1706.04599).
        calibration_faces: (m, S, S, 1) uint8 training faces for int8, see
            :func:`fer_keras.export.tflite.calibration.select_calibration_faces`.
        contract: JSON object to carry as metadata, see :mod:`fer_keras.export.contract`.

    Raises:
        InputError: unknown kind, or int8 without faces.
        ModelFileError: the model needs operators outside the TFLite built-in set (they are named), is not
            exportable, or the converter quantised nothing.
        RunFolderError: the file cannot be written.
    """
    content = convert_tflite(model, kind, temperature=temperature, calibration_faces=calibration_faces)
    refuse_custom_operators(content)
    _check_kind(content, kind)
    with atomic_path(Path(path)) as scratch:
        described = None if contract is None else {**contract, "kind": kind, **end_details(content)}
        scratch.write_bytes(with_metadata(content, described))


def convert_tflite(
    model: keras.Model,
    kind: str = "float32",
    *,
    temperature: float = 1.0,
    calibration_faces: np.ndarray | None = None,
) -> bytes:
    """Convert to a TFLite flatbuffer without metadata; arguments and errors as in :func:`export_tflite`."""
    if kind not in KINDS:
        hint = nearest_hint(str(kind), KINDS)
        raise InputError("unknown kind of TFLite file", allowed=", ".join(KINDS), received=repr(kind), hint=hint)
    # Int8 files go to chips that want fixed sizes, so that their batch is fixed first and made resizable afterwards.
    function, owner = _probability_function(model, temperature, 1 if kind == "int8" else None)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    _set_kind(converter, kind, calibration_faces, function)
    try:
        with native_logs_captured():
            content = converter.convert()
    except Exception as error:  # the converter's own error class has no public name
        raise _explain(error) from error
    return _free_batch(content) if kind == "int8" else content


def _set_kind(converter: Any, kind: str, faces: np.ndarray | None, function: Any) -> None:
    operators = tf.lite.OpsSet.TFLITE_BUILTINS_INT8 if kind == "int8" else tf.lite.OpsSet.TFLITE_BUILTINS
    converter.target_spec.supported_ops = [operators]
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        found = list(representative_faces(faces, function.inputs[0].shape[1]))
        converter.representative_dataset = lambda: iter(found)
        converter.inference_input_type = converter.inference_output_type = tf.uint8


def _probability_function(model: keras.Model, temperature: float, batch: int | None) -> tuple[Any, Any]:
    """The concrete function to convert, and the object that keeps its variables alive."""
    module = make_serving_module(as_float32(model), temperature)
    if batch is None:
        return module.probabilities.get_concrete_function(), module
    spec = tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name="images")
    return tf.function(module.probabilities.python_function).get_concrete_function(images=spec), module


def _free_batch(content: bytes) -> bytes:
    """Replace the batch in every constant shape of a RESHAPE by -1, which means "what is left".

    The other operators take their output's batch from their input, in ``resize_tensor_input``. With a flexible batch
    the converter computes such shapes at run time instead, with operators on int32 that the Edge TPU lacks.

    Args:
        content: a TFLite flatbuffer, converted for a batch of 1.

    Returns:
        The flatbuffer; its tensors keep their sizes.

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    model = parse(content)
    changed = [_free(model, graph, operator) for graph in model.subgraphs for operator in graph.operators]
    return serialize(model) if any(changed) else content


def _free(model: Any, graph: Any, operator: Any) -> bool:
    """Change one operator; tell whether it was one to change."""
    if operator_name(model, operator) != "RESHAPE" or len(operator.inputs) < 2:
        return False
    shape = graph.tensors[operator.inputs[1]]
    if not is_constant(model, shape):
        return False
    sizes = np.frombuffer(bytes(model.buffers[shape.buffer].data), "<i4").copy()
    if len(sizes) == 0 or sizes[0] != 1 or (sizes < 0).any():
        return False
    sizes[0] = -1
    model.buffers[shape.buffer].data = sizes.view(np.uint8)
    if operator.builtinOptions is not None:
        operator.builtinOptions.newShape = sizes.tolist()
    return True


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
