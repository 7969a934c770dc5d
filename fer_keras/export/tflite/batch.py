"""Let a TFLite file that was converted for one face take any batch, without a dynamic size in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .metadata import parse, serialize
from .report import is_constant, operator_name


def free_batch(content: bytes) -> bytes:
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
