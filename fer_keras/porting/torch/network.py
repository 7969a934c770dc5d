"""A Keras network written down as the PyTorch layers that compute the same, in forward order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers as kl

from ...errors import ModelFileError

# Default of torch.nn.BatchNorm2d. A state dict does not say it, so every file is read and written for this value.
BATCH_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class TorchLayer:
    """One layer of the network in PyTorch.

    Attributes:
        name: its name in the ``nn.Sequential``; the state dict's keys begin with it.
        kind: class in ``torch.nn``, or ``Rescale``.
        options: its constructor's arguments.
        keras_name: the Keras layer it belongs to; a fused activation or padding shares it.
        shapes: state dict suffix to shape, in PyTorch's order of axes; empty without parameters.
        flat: (height, width, channels) of the map that the input was flattened from, where the order of features
            differs between the frameworks.
    """

    name: str
    kind: str
    options: dict[str, Any]
    keras_name: str
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    flat: tuple[int, int, int] | None = None


def describe(model: keras.Model) -> tuple[TorchLayer, ...]:
    """Describe a sequential Keras network of this project in PyTorch's terms.

    Args:
        model: built ``keras.Sequential``; channels last.

    Raises:
        ModelFileError: a layer, or an option of one, that has no counterpart here.
    """
    described: list[TorchLayer] = []
    flat = None
    for layer in model.layers:
        if not layer.name.isidentifier():
            raise _unmapped(layer, "named as no PyTorch module can be")
        if isinstance(layer, kl.Flatten):
            shape = layer.input.shape[1:]
            flat = tuple(shape) if len(shape) == 3 else flat
        if type(layer) is not kl.InputLayer:
            described += _describer(layer)(layer, flat)
        if isinstance(layer, kl.Dense):
            flat = None
    return tuple(described)


def build_torch(described: tuple[TorchLayer, ...]) -> Any:
    """Build the ``nn.Sequential`` of a description, in inference mode: ``(B, 1, 48, 48)`` pixels 0..255 to logits."""
    import collections

    from .checkpoint import require_torch

    require_torch()
    from torch import nn

    class Rescale(nn.Module):
        def __init__(self, scale: float, offset: float):
            super().__init__()
            self.scale, self.offset = scale, offset

        def forward(self, images):
            return images * self.scale + self.offset

    kinds = {"Rescale": Rescale}
    members = [(layer.name, (kinds.get(layer.kind) or getattr(nn, layer.kind))(**layer.options)) for layer in described]
    return nn.Sequential(collections.OrderedDict(members)).eval()


def _describer(layer: kl.Layer) -> Callable[[Any, Any], list[TorchLayer]]:
    for kind, describer in _DESCRIBERS.items():
        if type(layer) is kind:
            return describer
    raise _unmapped(layer, f"a {type(layer).__name__}")


def _unmapped(layer: kl.Layer, what: str) -> ModelFileError:
    return ModelFileError(
        f"layer {layer.name!r} is {what}, which the PyTorch port does not map",
        allowed="the sequential networks cnn, scratch_cnn and simple_cnn",
    )


def _plain(kind: str, **fixed) -> Callable[[Any, Any], list[TorchLayer]]:
    return lambda layer, flat: [TorchLayer(layer.name, kind, fixed, layer.name)]


def _rescaling(layer: kl.Rescaling, flat) -> list[TorchLayer]:
    options = {"scale": float(layer.scale), "offset": float(layer.offset)}
    return [TorchLayer(layer.name, "Rescale", options, layer.name)]


def _dropout(kind: str) -> Callable[[Any, Any], list[TorchLayer]]:
    return lambda layer, flat: [TorchLayer(layer.name, kind, {"p": float(layer.rate)}, layer.name)]


def _activation(layer: kl.Layer) -> list[TorchLayer]:
    """The activation that Keras fuses into a layer and PyTorch keeps apart."""
    name = keras.activations.serialize(layer.activation)
    if name not in ("linear", "relu"):
        raise _unmapped(layer, f"followed by {name}")
    return [] if name == "linear" else [TorchLayer(f"{layer.name}_relu", "ReLU", {}, layer.name)]


def _relu(layer: kl.ReLU, flat) -> list[TorchLayer]:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _unmapped(layer, "a ReLU with a slope, threshold or maximum")
    return [TorchLayer(layer.name, "ReLU", {}, layer.name)]


def _same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one axis under Keras' ``same``; the odd one goes after, unlike in PyTorch."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def _convolution(layer: kl.Conv2D, flat) -> list[TorchLayer]:
    if layer.groups != 1 or set(layer.dilation_rate) != {1} or layer.padding not in ("same", "valid"):
        raise _unmapped(layer, "a grouped or dilated convolution")
    channels, filters = layer.input.shape[-1], layer.filters
    options = {
        "in_channels": channels,
        "out_channels": filters,
        "kernel_size": layer.kernel_size,
        "stride": layer.strides,
        "bias": layer.use_bias,
    }
    sides = zip(layer.input.shape[1:3], layer.kernel_size, layer.strides, strict=True)
    pads = [_same_padding(*side) if layer.padding == "same" else (0, 0) for side in sides]  # rows, columns
    before = []
    if all(first == last for first, last in pads):
        options["padding"] = tuple(first for first, _ in pads)
    else:
        before = [TorchLayer(f"{layer.name}_pad", "ZeroPad2d", {"padding": (*pads[1], *pads[0])}, layer.name)]
    shapes = {"weight": (filters, channels, *layer.kernel_size)}
    shapes |= {"bias": (filters,)} if layer.use_bias else {}
    return [*before, TorchLayer(layer.name, "Conv2d", options, layer.name, shapes), *_activation(layer)]


def _batch_norm(layer: kl.BatchNormalization, flat) -> list[TorchLayer]:
    if not (layer.scale and layer.center) or len(layer.input.shape) != 4:
        raise _unmapped(layer, "a batch normalisation without scale and offset, or not on maps")
    count = layer.input.shape[-1]
    options = {"num_features": count, "eps": BATCH_NORM_EPSILON, "momentum": round(1 - layer.momentum, 6)}
    shapes = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (count,))
    return [TorchLayer(layer.name, "BatchNorm2d", options, layer.name, shapes)]


def _max_pool(layer: kl.MaxPooling2D, flat) -> list[TorchLayer]:
    divides = all(side % stride == 0 for side, stride in zip(layer.input.shape[1:3], layer.strides, strict=True))
    if layer.padding == "same" and not (divides and layer.pool_size == layer.strides):
        raise _unmapped(layer, "a pool that pads")
    options = {"kernel_size": layer.pool_size, "stride": layer.strides}
    return [TorchLayer(layer.name, "MaxPool2d", options, layer.name)]


def _global_average(layer: kl.GlobalAveragePooling2D, flat) -> list[TorchLayer]:
    return [
        TorchLayer(layer.name, "AdaptiveAvgPool2d", {"output_size": 1}, layer.name),  # (B, C, 1, 1)
        TorchLayer(f"{layer.name}_flatten", "Flatten", {}, layer.name),  # (B, C)
    ]


def _dense(layer: kl.Dense, flat) -> list[TorchLayer]:
    inputs = layer.input.shape[-1]
    options = {"in_features": inputs, "out_features": layer.units, "bias": layer.use_bias}
    shapes = {"weight": (layer.units, inputs)} | ({"bias": (layer.units,)} if layer.use_bias else {})
    return [TorchLayer(layer.name, "Linear", options, layer.name, shapes, flat), *_activation(layer)]


_DESCRIBERS: dict[type, Callable[[Any, Any], list[TorchLayer]]] = {
    kl.Rescaling: _rescaling,
    kl.Conv2D: _convolution,
    kl.BatchNormalization: _batch_norm,
    kl.ReLU: _relu,
    kl.MaxPooling2D: _max_pool,
    kl.GlobalAveragePooling2D: _global_average,
    kl.Flatten: _plain("Flatten"),
    kl.Dropout: _dropout("Dropout"),
    kl.SpatialDropout2D: _dropout("Dropout2d"),
    kl.Dense: _dense,
}
