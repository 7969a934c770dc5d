"""Layer-by-layer proof that a Keras network computes what PyTorch computes from the same state dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ...errors import ModelFileError
from ...metrics.scores import softmax
from .checkpoint import require_torch
from .network import TorchLayer, build_torch
from .weights import permute_flat

TOLERANCE = 1e-4
PROBABILITIES = "probabilities"


def random_images(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """``(count, *shape)`` uint8, every pixel independent: far outside of what any network has seen."""
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def compare_layers(
    model: keras.Model,
    described: Sequence[TorchLayer],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    images: Mapping[str, np.ndarray],
    columns: Sequence[int] | None = None,
) -> list[dict]:
    """Run both networks in inference mode, float32, on the CPU, and compare every layer's output.

    Args:
        model: the Keras network; channels last.
        described: the same network for PyTorch.
        arrays: layer name to {suffix: array}, untouched, as the state dict holds them.
        images: name to (n, H, W, 1) uint8, pixels 0..255.
        columns: the PyTorch output that each Keras output is; None where the classes are in the same order.

    Returns:
        One row per Keras layer and a last one for the probabilities: ``layer, kind, shape`` (without the batch),
        ``largest_value`` and ``max_error`` (each by the images' name). Errors are absolute.
    """
    torch_network = _load(described, arrays)
    rows: dict[str, dict] = {}
    for name, pixels in images.items():
        ours, theirs = _keras_outputs(model, pixels), _torch_outputs(torch_network, described, pixels)
        last = list(theirs)[-1]
        theirs[last] = theirs[last][:, columns] if columns is not None else theirs[last]
        ours[PROBABILITIES], theirs[PROBABILITIES] = softmax(ours[last]), softmax(theirs[last])
        for layer in theirs:
            _add(rows, model, layer, name, ours[layer], theirs[layer])
    return list(rows.values())


def require_agreement(rows: Sequence[Mapping], what: str) -> None:
    """Refuse a table whose end differs.

    The probabilities may differ by 1e-4. So may the logits, or by that part of the largest of them where it is above
    1: float32 carries seven digits, whatever the size of the number.

    Raises:
        ModelFileError: naming the first layer whose error is above that bound, and the end's.
    """
    end = rows[-2:]
    if all(error <= _bound(row, name) for row in end for name, error in row["max_error"].items()):
        return
    first = next(row for row in rows if not all(e <= _bound(row, n) for n, e in row["max_error"].items()))
    worst = max(end[-1]["max_error"].values())
    raise ModelFileError(
        f"{what} does not compute in Keras what it computes in PyTorch: probabilities differ by {worst:.3g} "
        f"(at most {TOLERANCE:g} is allowed), the first layer that differs is {first['layer']} ({first['kind']})",
    )


def _bound(row: Mapping, name: str) -> float:
    return TOLERANCE * max(1.0, row["largest_value"][name])


def _load(described: Sequence[TorchLayer], arrays: Mapping[str, Mapping[str, np.ndarray]]) -> Any:
    torch, network = require_torch(), build_torch(tuple(described))
    state = {
        f"{layer}.{suffix}": torch.tensor(array) for layer, named in arrays.items() for suffix, array in named.items()
    }
    network.load_state_dict(state, strict=True)
    return network


def _keras_outputs(model: keras.Model, pixels: np.ndarray) -> dict[str, np.ndarray]:
    every = keras.Model(model.inputs, {layer.name: layer.output for layer in model.layers})
    with keras.device("cpu:0"):
        outputs = every([pixels.astype(np.float32)], training=False)
    return {name: keras.ops.convert_to_numpy(output) for name, output in outputs.items()}


def _torch_outputs(network: Any, described: Sequence[TorchLayer], pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Keras layer name to output, in Keras' order of axes; of several PyTorch layers for one, the last."""
    torch, outputs, flat = require_torch(), {}, None
    values = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32))  # (B, 1, H, W)
    with torch.inference_mode():
        for layer, module in zip(described, network, strict=True):
            if layer.kind == "Flatten":
                flat = (*values.shape[2:], values.shape[1])
            values, flat = module(values), None if layer.kind == "Linear" else flat
            outputs[layer.keras_name] = _channels_last(values.numpy(), flat)
    return outputs


def _channels_last(values: np.ndarray, flat: tuple[int, int, int] | None) -> np.ndarray:
    if values.ndim == 4:
        return values.transpose(0, 2, 3, 1)  # (B, H, W, C)
    return values if flat is None else permute_flat(values, flat)


def _add(rows: dict, model: keras.Model, layer: str, images: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    kind = "softmax" if layer == PROBABILITIES else type(model.get_layer(layer)).__name__
    empty = {"layer": layer, "kind": kind, "shape": list(ours.shape[1:]), "largest_value": {}, "max_error": {}}
    row = rows.setdefault(layer, empty)
    row["largest_value"][images] = float(np.abs(theirs).max())
    row["max_error"][images] = float(np.abs(ours.astype(np.float64) - theirs).max())
