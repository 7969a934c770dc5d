"""Which operator of a TFLite file is the first whose result is not what the model computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ModelFileError
from ..tflite.load import make_interpreter
from ..tflite.metadata import parse
from ..tflite.report import dtype_name, operator_name

# Relative error (see OperatorError) of a sound file on trained networks, with room above what was measured.
LIMITS = {"float32": 1e-4, "float16": 1e-2, "dynamic": 0.15, "int8": 0.3}
_SUFFIX = r"(_\d+)?"  # TensorFlow numbers a scope that it has opened before


@dataclass(frozen=True)
class OperatorError:
    """One operator against the reference.

    Attributes:
        index: place in the order of execution.
        operator: TFLite's name, such as ``CONV_2D``.
        tensor: name of its result; of fused operators the first.
        reference: what it was compared with, such as ``Keras layer stem_relu``.
        relative_error: root mean square of the difference by that of the reference.
        max_error: largest absolute difference.
    """

    index: int
    operator: str
    tensor: str
    reference: str
    relative_error: float
    max_error: float


def find_divergence(rows: list[OperatorError], limit: float) -> OperatorError | None:
    """Return the first operator with a relative error above ``limit``, or None; not a number is above."""
    return next((row for row in rows if not row.relative_error <= limit), None)


def compare_operators(
    content: bytes, model: Any, faces: np.ndarray, *, kind: str = "float32", temperature: float = 1.0
) -> list[OperatorError]:
    """Compare the result of every operator that has a counterpart, in the order of execution.

    The counterparts of a float32 or float16 file are the outputs of the Keras layers, found by the layer names that
    TensorFlow writes into tensor names. Those of a dynamic or int8 file are the tensors of the same names of a float32
    file, converted here: quantisation is what is looked for, and Keras fuses nothing.

    Args:
        content: the file.
        model: the ``keras.Model`` that it was made from.
        faces: (n, S, S, 1) uint8, a few.
        kind: of the file, a key of ``LIMITS``.
        temperature: of the file; the converter may fold the division into the weights of the last layer.

    Raises:
        ModelFileError: the file cannot be run, or no tensor has a counterpart.
    """
    found = list(tensor_values(content, faces))
    reference = _keras_reference if kind in ("float32", "float16") else _float32_reference
    rows = list(reference(model, faces, found, temperature))
    if not rows:
        raise ModelFileError("no tensor of the file has a counterpart in the model", hint="Is it of this model?")
    return rows


@dataclass(frozen=True)
class _Result:
    index: int
    operator: str
    name: str
    value: np.ndarray


def tensor_values(content: bytes, faces: np.ndarray) -> Iterator[_Result]:
    """Run the file on the faces and yield the float result of every operator, dequantised, in execution order."""
    from ai_edge_litert.interpreter import OpResolverType

    # A delegate fuses operators and keeps no tensors of its own.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    options = {"experimental_op_resolver_type": plain, "experimental_preserve_all_tensors": True}
    interpreter, _ = make_interpreter(content, "of this export", **options)
    source = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(source["index"], faces.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], faces.astype(source["dtype"]))  # uint8 ends take raw pixels
    interpreter.invoke()
    model = parse(content)
    graph = model.subgraphs[0]
    for index, operator in enumerate(graph.operators):
        tensor = graph.tensors[operator.outputs[0]]
        if dtype_name(tensor) in ("float32", "int8", "uint8"):
            value = _dequantize(interpreter.get_tensor(int(operator.outputs[0])), tensor.quantization)
            yield _Result(index, operator_name(model, operator), tensor.name.decode(), value)


def _dequantize(values: np.ndarray, quantization: Any) -> np.ndarray:
    if values.dtype == np.float32 or quantization is None or quantization.scale is None:
        return values.astype(np.float32)
    return (values.astype(np.float32) - quantization.zeroPoint[0]) * quantization.scale[0]


def _keras_reference(
    model: Any, faces: np.ndarray, found: list[_Result], temperature: float
) -> Iterator[OperatorError]:
    outputs = layer_outputs(model, faces)
    layer_of = _layers_of_scopes(list(outputs), [result.name for result in found])
    last = {}
    for result in found:
        named = {layer_of[scope] for scope in _scopes(result.name) if scope in layer_of}
        fitting = [name for name, value in outputs.items() if name in named and value.shape == result.value.shape]
        if fitting:  # fused layers are all named, and the result is that of the last
            last[fitting[-1]] = result  # of several operators of one layer only the last gives the layer's output
    for name, result in last.items():
        row = _compare(result, outputs[name], f"Keras layer {name}")
        if name == model.layers[-1].name:  # the division is folded into its weights, or follows it
            tempered = _compare(result, outputs[name] / temperature, f"Keras layer {name} / temperature")
            row = min(tempered, row, key=lambda found: found.relative_error)
        yield row


def _scopes(tensor_name: str) -> list[str]:
    return re.split("[/;]", tensor_name)


def _layers_of_scopes(layers: list[str], tensor_names: list[str]) -> dict[str, str]:
    """Return the layer of every scope in the tensors' names.

    TensorFlow numbers a scope that it has opened before, so that ``relu_1`` is the layer of that name or the second
    opening of ``relu``. A scope that fits one layer only is that layer's, which is then no other scope's; one that
    stays open is left out.
    """
    scopes = dict.fromkeys(scope for name in tensor_names for scope in _scopes(name))
    fitting = {scope: {name for name in layers if re.fullmatch(re.escape(name) + _SUFFIX, scope)} for scope in scopes}
    layer_of: dict[str, str] = {}
    while certain := {scope: min(names) for scope, names in fitting.items() if len(names) == 1}:
        layer_of |= certain
        taken = set(certain.values())
        fitting = {scope: names - taken for scope, names in fitting.items() if scope not in certain}
    return layer_of


def layer_outputs(model: Any, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of every layer in order of execution, those of nested models before the model's own."""
    import keras

    outputs: dict[str, np.ndarray] = {}
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    ends = {layer.name: (layer.input, layer.output) for layer in layers}
    probe = keras.Model(model.inputs, ends)
    # training=False in words: a bare call can leave resizing layers' training mode to those behind them.
    values = probe([faces.astype(np.float32)], training=False)
    for layer in layers:
        before, after = values[layer.name]
        if isinstance(layer, keras.Model):
            outputs |= layer_outputs(layer, keras.ops.convert_to_numpy(before))
        outputs[layer.name] = keras.ops.convert_to_numpy(after)
    return outputs


def _float32_reference(
    model: Any, faces: np.ndarray, found: list[_Result], temperature: float
) -> Iterator[OperatorError]:
    from ..tflite.convert import convert_tflite

    content = convert_tflite(model, temperature=temperature)
    reference = {row.name: row.value for row in tensor_values(content, faces)}
    for result in found:
        expected = reference.get(result.name)
        if expected is not None and expected.shape == result.value.shape:
            yield _compare(result, expected, "the same tensor of the float32 file")


def _compare(result: _Result, expected: np.ndarray, reference: str) -> OperatorError:
    difference = np.abs(result.value.astype(np.float64) - expected)
    scale = np.sqrt(np.mean(np.square(expected, dtype=np.float64))) or 1.0
    relative = float(np.sqrt(np.mean(difference**2)) / scale)
    name = result.name.split(";")[0]
    return OperatorError(result.index, result.operator, name, reference, relative, float(difference.max()))
