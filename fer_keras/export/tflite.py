"""Export to TensorFlow Lite (LiteRT), float32, with operators that every TFLite runtime has.

Converter: https://ai.google.dev/edge/litert/conversion/tensorflow/overview
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from ..errors import ModelFileError
from ..run_folder import atomic_path
from .native_logs import native_logs_captured
from .precision import as_float32
from .predictors import TFLITE_IDENTIFIER, load_savedmodel
from .savedmodel import make_serving_module


def export_tflite(source: keras.Model | Path | str, path: Path | str) -> None:
    """Write a float32 TFLite file, whole or not at all; an existing one is replaced.

    Signature ``serving_default``: ``images`` (1, 48, 48, 1) float32, pixels 0..255, to ``probabilities``
    (1, classes) float32. The batch is dynamic: call ``resize_tensor_input`` before ``allocate_tensors`` for another.
    A fixed batch of 1 was no faster when measured and cannot be resized when the model has a Flatten layer.

    Args:
        source: a model that takes (B, 48, 48, 1) and ends in logits, or a SavedModel folder written by
            :func:`fer_keras.export.savedmodel.export_savedmodel`.
        path: the ``.tflite`` file to write.

    Raises:
        ModelFileError: the model needs operators outside the TFLite built-in set (they are named), is not
            exportable, or the SavedModel cannot be read.
        RunFolderError: the file cannot be written.
    """
    content = convert_float32(source)
    refuse_custom_operators(content)
    with atomic_path(Path(path)) as scratch:
        scratch.write_bytes(content)


def convert_float32(source: keras.Model | Path | str) -> bytes:
    """Convert to a TFLite flatbuffer; arguments and errors as in :func:`export_tflite`."""
    function, owner = _probability_function(source)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        with native_logs_captured():
            return converter.convert()
    except Exception as error:  # the converter's own error class has no public name
        raise _explain(error) from error


def _probability_function(source: keras.Model | Path | str) -> tuple[Any, Any]:
    """The concrete function to convert, and the object that keeps its variables alive."""
    if isinstance(source, keras.Model):
        module = make_serving_module(as_float32(source))
        return module.probabilities.get_concrete_function(), module
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


def operator_names(content: bytes) -> dict[str, bool]:
    """List the operators of a TFLite flatbuffer.

    Returns:
        Operator name to whether it is built in; names of the others are as the file spells them (``FlexErf``).

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    if content[4:8] != TFLITE_IDENTIFIER:
        raise ModelFileError("not a TFLite file", received=repr(content[:8]))
    builtin = {value: key for key, value in vars(schema.BuiltinOperator).items() if not key.startswith("_")}
    model = schema.Model.GetRootAsModel(content, 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    # Files before schema 3a keep the code in the deprecated byte; the larger one is the code, as in TFLite itself.
    numbers = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes]
    customs = [(code.CustomCode() or b"").decode() for code in codes]
    is_builtin = [number != schema.BuiltinOperator.CUSTOM for number in numbers]
    return {
        builtin[number] if known else custom: known
        for number, custom, known in zip(numbers, customs, is_builtin, strict=True)
    }


def refuse_custom_operators(content: bytes) -> None:
    """Check that a TFLite flatbuffer holds built-in operators only.

    Raises:
        ModelFileError: naming every Flex or custom operator.
    """
    foreign = sorted(name for name, is_builtin in operator_names(content).items() if not is_builtin)
    if foreign:
        raise _not_built_in(foreign)
