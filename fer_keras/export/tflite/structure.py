"""Check a TFLite file of another program before the runtime sees it: every index inside, every buffer of its size.

The runtime follows indices and offsets unchecked. Fields: schema.fbs of https://github.com/google-ai-edge/LiteRT
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ModelFileError
from ..seals import EXPORT_AGAIN
from .metadata import parse
from .report import dtype_name

# Bytes of one number; other types do not occur in a classifier of images.
_BYTES = {"float32": 4, "float16": 2, "int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "bool": 1}
_MAX_NUMBERS = 1 << 31


def check_structure(content: bytes, path: Path | str) -> None:
    """Refuse a flatbuffer whose tables do not fit each other.

    Raises:
        ModelFileError: naming the first thing that does not fit.
    """
    model = parse(content)
    problem = _find_problem(model)
    if problem:
        raise ModelFileError(f"TFLite file {path} is damaged: {problem}", hint=EXPORT_AGAIN)


def _find_problem(model: Any) -> str:
    try:
        if not model.subgraphs or not model.buffers or not model.operatorCodes:
            return "it has no graph, no buffers or no operators"
        return next(filter(None, (_graph_problem(model, graph) for graph in model.subgraphs)), "")
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        return f"{type(error).__name__} {error}"


def _graph_problem(model: Any, graph: Any) -> str:
    count = len(graph.tensors)
    if not _inside(graph.inputs, count) or not _inside(graph.outputs, count):
        return "an input or output is no tensor"
    for tensor in graph.tensors:
        if problem := _tensor_problem(model, tensor):
            return problem
    for operator in graph.operators:
        if not 0 <= operator.opcodeIndex < len(model.operatorCodes):
            return "an operator has no code"
        if not _inside(operator.outputs, count) or not _inside(operator.inputs, count, optional=True):
            return "an operator reads or writes what is no tensor"
    return ""


def _inside(indices: Any, count: int, *, optional: bool = False) -> bool:
    """Whether all are indices of tensors; -1 stands for an optional input that is left out."""
    found = np.asarray([] if indices is None else indices)
    return bool((found >= (-1 if optional else 0)).all() and (found < count).all())


def _tensor_problem(model: Any, tensor: Any) -> str:
    shape = [] if tensor.shape is None else [int(size) for size in tensor.shape]
    numbers, width = math.prod(shape), _BYTES[dtype_name(tensor)]
    if min(shape, default=1) < 0 or numbers > _MAX_NUMBERS:
        return f"a tensor of shape {shape}"
    if not 0 <= tensor.buffer < len(model.buffers):
        return "a tensor has no buffer"
    data = model.buffers[tensor.buffer].data
    if data is not None and len(data) not in (0, numbers * width):
        return f"a tensor of {numbers * width} bytes has {len(data)} in its buffer"
    return ""
