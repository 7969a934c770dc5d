"""Weights of one layer, from PyTorch's order of axes to that of Keras and back."""

from __future__ import annotations

import numpy as np

from .network import BATCH_NORM_EPSILON, TorchLayer

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def to_keras(
    layer: TorchLayer, tensors: dict[str, np.ndarray], epsilon: float = BATCH_NORM_EPSILON
) -> list[np.ndarray]:
    """Return the weights in the order of ``keras.layers.Layer.set_weights``.

    Args:
        layer: the description.
        tensors: state dict suffix to float32 array, in PyTorch's shapes.
        epsilon: of the Keras batch normalisation; ignored for other layers.
    """
    if layer.kind == "BatchNorm2d":
        weight = fold_epsilon(tensors["weight"], tensors["running_var"], BATCH_NORM_EPSILON, epsilon)
        return [weight, *(tensors[name] for name in BATCH_NORM[1:])]
    weight = tensors["weight"]
    if layer.kind == "Conv2d":
        kernel = weight.transpose(2, 3, 1, 0)  # (out, in, h, w) to (h, w, in, out)
    elif layer.flat:
        height, width, channels = layer.flat
        maps = weight.reshape(-1, channels, height, width)  # PyTorch flattens CHW, Keras HWC
        kernel = maps.transpose(2, 3, 1, 0).reshape(height * width * channels, -1)  # (in, out)
    else:
        kernel = weight.T  # (out, in) to (in, out)
    return [np.ascontiguousarray(kernel), *(tensors[name] for name in ("bias",) if name in layer.shapes)]


def to_torch(
    layer: TorchLayer, weights: list[np.ndarray], epsilon: float = BATCH_NORM_EPSILON
) -> dict[str, np.ndarray]:
    """The inverse of :func:`to_keras`: state dict suffix to array, contiguous, in PyTorch's shapes."""
    if layer.kind == "BatchNorm2d":
        gamma, *rest = weights
        return dict(zip(BATCH_NORM, [fold_epsilon(gamma, rest[2], epsilon, BATCH_NORM_EPSILON), *rest], strict=True))
    kernel, *bias = weights
    if layer.kind == "Conv2d":
        weight = kernel.transpose(3, 2, 0, 1)
    elif layer.flat:
        height, width, channels = layer.flat
        weight = kernel.reshape(height, width, channels, -1).transpose(3, 2, 0, 1).reshape(kernel.shape[1], -1)
    else:
        weight = kernel.T
    return dict(zip(layer.shapes, [np.ascontiguousarray(weight), *bias], strict=True))


def fold_epsilon(weight: np.ndarray, variance: np.ndarray, given: float, wanted: float) -> np.ndarray:
    """Rescale a batch-norm weight so that another epsilon gives the same output; unchanged (bit for bit) when equal.

    ``weight / sqrt(variance + given)`` is what counts in inference (Ioffe & Szegedy 2015, arXiv:1502.03167, alg. 2).
    """
    if given == wanted:
        return weight
    ratio = np.sqrt((variance.astype(np.float64) + wanted) / (variance.astype(np.float64) + given))
    return (weight * ratio).astype(np.float32)


def permute_flat(values: np.ndarray, flat: tuple[int, int, int]) -> np.ndarray:
    """Reorder flattened maps ``(B, C * H * W)`` of PyTorch to Keras' ``(B, H * W * C)``."""
    height, width, channels = flat
    return values.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(len(values), -1)
