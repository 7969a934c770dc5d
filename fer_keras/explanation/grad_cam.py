"""Where in a face a network's answer comes from: Grad-CAM. Needs Keras on the TensorFlow backend.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
arXiv:1610.02391. A map shows which places raise the score of one class in the last convolutional feature map. It is no
proof of what the network reasons, and its resolution is that of the feature map (6x6 in ``cnn``), not of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import zoom

from ..errors import DataError, InputError, ModelFileError
from ..metrics.scores import softmax
from ..models.feature_layers import find_feature_layer

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

BATCH_SIZE = 32


@dataclass(frozen=True)
class Explanation:
    """Grad-CAM of n images.

    Attributes:
        heatmaps: (n, S, S) float32, 0..1, of the images' side; 1 is the place that speaks most for the class, and a
            map is all 0 where no place speaks for it.
        strength: (n,) float32, the highest value of each map before it was scaled to 1, in units of the logit; 0 for a
            flat map. Maps of different images compare by it and not by their colours.
        class_index: (n,) int64, class that each map is about.
        probabilities: (n, classes) float32.
        layer: name of the layer whose output was used.
        resolution: (height, width) of that output.
    """

    heatmaps: np.ndarray
    strength: np.ndarray
    class_index: np.ndarray
    probabilities: np.ndarray
    layer: str
    resolution: tuple[int, int]


def explain(
    model: keras.Model,
    images: np.ndarray,
    class_index: int | Sequence[int] | None = None,
    layer: str | None = None,
    *,
    temperature: float = 1.0,
) -> Explanation:
    """Compute a Grad-CAM heat map for each image.

    The weight of a channel is the mean over places of the gradient of the class's logit with respect to it (equation
    1 of the paper); the map is the positive part of the weighted sum of channels (equation 2), enlarged bilinearly.

    Args:
        model: ``keras.Sequential`` or functional, pixels 0..255 (B, S, S, 1) to logits (B, classes).
        images: (n, S, S, 1) uint8 or float32, pixels 0..255.
        class_index: one class for all images, one for each, or None for the predicted ones.
        layer: name of a layer with a feature map, also one inside a base; None for the last one of the network.
        temperature: of ``probabilities``; maps do not depend on it.

    Raises:
        InputError: another backend than TensorFlow, an unknown layer or class, or a network without convolutions.
        DataError: images that the model does not take.
        ModelFileError: the model puts out numbers that are not finite.
    """
    _require_tensorflow()
    images = _check_images(images, model)
    path = find_feature_layer(model, layer)
    wanted = _check_classes(class_index, len(images), model.output_shape[-1])
    parts = [
        _explain_batch(
            model, path, images[at : at + BATCH_SIZE], None if wanted is None else wanted[at : at + BATCH_SIZE]
        )
        for at in range(0, len(images), BATCH_SIZE)
    ]
    maps, logits, classes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if not (np.isfinite(maps).all() and np.isfinite(logits).all()):
        raise ModelFileError("the model puts out numbers that are not finite", hint="Its weights are damaged; retrain")
    strength = maps.max(axis=(1, 2))  # (n,)
    scaled = np.divide(maps, strength[:, None, None], out=np.zeros_like(maps), where=strength[:, None, None] > 0)
    return Explanation(
        heatmaps=_enlarge(scaled, model.input_shape[1]),
        strength=strength,
        class_index=classes,
        probabilities=softmax(logits.astype(np.float64) / temperature).astype(np.float32),
        layer=path[-1].name,
        resolution=maps.shape[1:],
    )


def _explain_batch(
    model: keras.Model, path: list, images: np.ndarray, wanted: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unscaled maps (b, h, w) float32, logits (b, classes) and class indices (b,)."""
    import tensorflow as tf

    pixels = tf.constant(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)  # so that everything behind them is recorded
        features, logits = _features_and_logits(model, path, pixels)  # (b, h, w, c), (b, classes)
        classes = tf.argmax(logits, axis=1) if wanted is None else tf.constant(wanted, tf.int64)
        # Images do not influence each other in inference mode: the gradient of the sum holds that of each.
        score = tf.reduce_sum(tf.gather(logits, classes, axis=1, batch_dims=1))
    gradient = tape.gradient(score, features, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return grad_cam(features.numpy(), gradient.numpy()), logits.numpy(), classes.numpy()


def grad_cam(features: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return the positive part of the channels' sum, weighted by their mean gradients.

    Args:
        features: (n, h, w, c) output of a layer.
        gradient: (n, h, w, c) derivative of the class's logit with respect to it.

    Returns:
        (n, h, w) float32, 0 or more.
    """
    weights = gradient.astype(np.float32).mean(axis=(1, 2))  # (n, c)
    return np.maximum(np.einsum("nhwc,nc->nhw", features.astype(np.float32), weights), 0)


def _features_and_logits(layer: keras.Layer, path: list, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Run ``layer`` in inference mode; return the output of the last layer of ``path`` inside it, and its own."""
    import keras

    if len(path) == 1 and not isinstance(layer, keras.Sequential):
        parts = keras.Model(layer.inputs, [path[0].output, layer.outputs[0]])
        return parts(inputs, training=False)
    features, x = None, inputs
    for inner in layer.layers:
        if inner is not path[0]:
            x = inner(x, training=False)
        elif len(path) > 1:
            features, x = _features_and_logits(inner, path[1:], x)
        else:
            features = x = inner(x, training=False)
    return features, x


def _enlarge(maps: np.ndarray, side: int) -> np.ndarray:
    """Resize (n, h, w) to (n, side, side) float32, bilinearly, corners of pixels aligned."""
    factors = (1, side / maps.shape[1], side / maps.shape[2])
    return zoom(maps, factors, order=1, mode="nearest", grid_mode=True).astype(np.float32)


def _require_tensorflow() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise InputError(
            "Grad-CAM needs the TensorFlow backend",
            allowed="KERAS_BACKEND=tensorflow",
            received=keras.backend.backend(),
        )


def _check_images(images: np.ndarray, model: keras.Model) -> np.ndarray:
    images, shape = np.asarray(images), tuple(model.input_shape[1:])
    if images.shape[1:] != shape or len(images) == 0 or images.dtype not in (np.uint8, np.float32):
        raise DataError(
            "cannot explain these images",
            allowed=f"uint8 or float32 (n, {', '.join(map(str, shape))}), n at least 1",
            received=f"{images.dtype} {images.shape}",
        )
    return images


def _check_classes(class_index: int | Sequence[int] | None, n: int, classes: int) -> np.ndarray | None:
    if class_index is None:
        return None
    wanted = np.asarray(class_index)
    fits = wanted.shape in ((), (n,)) and np.issubdtype(wanted.dtype, np.integer)
    if not fits or wanted.min() < 0 or wanted.max() >= classes:
        raise InputError(
            "unusable class index", allowed=f"0..{classes - 1}, one or {n} of them", received=repr(class_index)
        )
    return np.broadcast_to(wanted, (n,)).astype(np.int64)
