"""Does an int8 TFLite file fit Google's Edge TPU (Coral)? A check against the documented rules; no compiler is run.

Rules and operators: https://coral.ai/docs/edgetpu/models-intro/#model-requirements and #supported-operations.
The vendor's ``edgetpu_compiler`` has the last word: it maps operators by sizes that are not documented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .metadata import parse
from .report import dtype_name, is_constant, operator_counts, operator_name, tensor_types

# The table of supported operations, under TFLite's names.
# fmt: off
SUPPORTED = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED",
    "L2_NORMALIZATION", "LOGISTIC", "LSTM", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD",
    "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE",
    "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TRANSPOSE", "TRANSPOSE_CONV",
}
# fmt: on
_NO_FUSED_ACTIVATION = {"AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D"}
_NOT_OVER_BATCH = {"MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"}
_MAX_SOFTMAX = 16_000
_EIGHT_BIT = {"int8", "uint8"}


def edgetpu_report(content: bytes) -> dict:
    """Check a TFLite flatbuffer against the documented requirements of the Edge TPU.

    Args:
        content: the file; an int8 one, or every tensor of numbers is a finding.

    Returns:
        ``compatible`` (no finding), ``problems`` (sentences), ``operators`` (name to ``count`` and ``supported``) and
        ``tensor_types``.

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    model = parse(content)
    problems = [] if len(model.subgraphs) == 1 else [f"{len(model.subgraphs)} subgraphs; one is allowed"]
    for graph in model.subgraphs:
        problems += [*_tensor_problems(model, graph), *_operator_problems(model, graph)]
    counts = operator_counts(content)
    return {
        "compatible": not problems,
        "problems": list(dict.fromkeys(problems)),
        "operators": {name: {"count": count, "supported": name in SUPPORTED} for name, count in counts.items()},
        "tensor_types": tensor_types(content),
    }


def _tensor_problems(model: Any, graph: Any) -> Iterator[str]:
    """Eight bits, int32 for constants such as biases only, fixed sizes, and at most three sizes above 1."""
    for tensor in graph.tensors:
        dtype, name = dtype_name(tensor), _text(tensor.name)
        if dtype not in _EIGHT_BIT and not (dtype == "int32" and is_constant(model, tensor)):
            yield f"tensor {name} is {dtype}, and no constant of int32"
        if tensor.shapeSignature is not None and (np.asarray(tensor.shapeSignature) < 0).any():
            yield f"tensor {name} has a size that is not fixed"
        shape = [] if tensor.shape is None else list(map(int, tensor.shape))
        if not is_constant(model, tensor) and any(size > 1 for size in shape[:-3]):
            yield f"tensor {name} has more than three sizes above 1"


def _operator_problems(model: Any, graph: Any) -> Iterator[str]:
    for operator in graph.operators:
        name = operator_name(model, operator)
        if name not in SUPPORTED:
            yield f"operator {name} is not in the list of supported operations"
        elif problem := _limitation(model, graph, operator, name):
            yield f"operator {name} {problem}"


def _limitation(model: Any, graph: Any, operator: Any, name: str) -> str:
    """Which of the table's known limitations an operator of a supported name runs into; empty if none."""
    options = operator.builtinOptions
    if name in _NO_FUSED_ACTIVATION and getattr(options, "fusedActivationFunction", None):
        return "has a fused activation"
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D") and options.dilationWFactor != options.dilationHFactor:
        return "has different dilations in x and y"
    if name in _NOT_OVER_BATCH and 0 in _constant_ints(model, graph.tensors[operator.inputs[1]]):
        return "reduces the batch"
    if name == "SOFTMAX" and int(np.prod(graph.tensors[operator.outputs[0]].shape)) > _MAX_SOFTMAX:
        return f"has more than {_MAX_SOFTMAX:,} values"
    return ""


def _constant_ints(model: Any, tensor: Any) -> list[int]:
    data = model.buffers[tensor.buffer].data
    return [] if data is None else np.frombuffer(bytes(data), "<i4").tolist()


def _text(name: bytes | str | None) -> str:
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return text.split(";")[0]  # fused operators carry the names of all
