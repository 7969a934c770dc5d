"""What is inside a TFLite file: tensors by type, operators, quantised weights. Parses the file; no TensorFlow."""

from __future__ import annotations

import functools
import math
from collections import Counter
from typing import Any

import numpy as np

from .metadata import parse, schema


@functools.cache
def _names(enumeration: str) -> dict[int, str]:
    members = vars(getattr(schema(), enumeration))
    return {value: key for key, value in members.items() if not key.startswith("_")}


def dtype_name(tensor: Any) -> str:
    """``int8``, ``float32`` and so on, as the schema calls them."""
    return _names("TensorType")[tensor.type].lower()


def tensor_types(content: bytes) -> dict[str, int]:
    """Count the tensors of a TFLite flatbuffer by type, the most frequent first.

    Constants and activations both count; scratch tensors, which a runtime adds, are not in the file.

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    tensors = (tensor for graph in parse(content).subgraphs for tensor in graph.tensors)
    return dict(Counter(map(dtype_name, tensors)).most_common())


def operator_counts(content: bytes) -> dict[str, int]:
    """Count the operators of a TFLite flatbuffer in order of first use, under TFLite's own names.

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    model = parse(content)
    return dict(Counter(operator_name(model, op) for graph in model.subgraphs for op in graph.operators))


def operator_names(content: bytes) -> dict[str, bool]:
    """List the operators of a TFLite flatbuffer.

    Returns:
        Operator name to whether it is built in; names of the others are as the file spells them (``FlexErf``).

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    model, custom = parse(content), schema().BuiltinOperator.CUSTOM
    return {_code_name(code): _number(code) != custom for code in model.operatorCodes}


def operator_name(model: Any, operator: Any) -> str:
    """Name of one operator of a parsed model."""
    return _code_name(model.operatorCodes[operator.opcodeIndex])


def _number(code: Any) -> int:
    # Files before schema 3a keep the code in the deprecated byte; the larger one is the code, as in TFLite itself.
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def _code_name(code: Any) -> str:
    number = _number(code)
    return (code.customCode or b"").decode() if number == schema().BuiltinOperator.CUSTOM else _builtin(number)


def _builtin(number: int) -> str:
    return _names("BuiltinOperator").get(number, f"operator {number}")


def is_constant(model: Any, tensor: Any) -> bool:
    """Whether a tensor's values stand in the file."""
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def weight_share(content: bytes, dtype: str = "int8") -> float:
    """Return which share of all constant numbers of rank 2 and more, that is weights, is stored as ``dtype``.

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    sizes: Counter[str] = Counter()
    model = parse(content)
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        if is_constant(model, tensor) and np.size(tensor.shape) > 1:
            sizes[dtype_name(tensor)] += math.prod(map(int, tensor.shape))
    return sizes[dtype] / max(1, sum(sizes.values()))


def end_details(content: bytes) -> dict[str, dict]:
    """Describe ``input`` and ``output``: name, dtype, shape (the batch is ``"batch"``) and quantisation.

    Raises:
        ModelFileError: not a TFLite flatbuffer.
    """
    graph = parse(content).subgraphs[0]
    ends = {"input": graph.tensors[graph.inputs[0]], "output": graph.tensors[graph.outputs[0]]}
    return {side: _describe(tensor) for side, tensor in ends.items()}


def _describe(tensor: Any) -> dict:
    found = tensor.quantization
    quantised = found is not None and np.size(found.scale) == 1 and found.scale is not None
    scale = {"scale": float(found.scale[0]), "zero_point": int(found.zeroPoint[0])} if quantised else None
    return {"dtype": dtype_name(tensor), "shape": ["batch", *map(int, tensor.shape[1:])], "quantization": scale}
