"""The functions of a SavedModel that other programs call, see :func:`.export_savedmodel`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..model import make_embedding
from .image_graph import decode_faces

Function = Any  # what tf.function returns; its type has no short public name


def add_signatures(module: tf.Module, model: keras.Model, labels: Path, n_classes: int) -> dict[str, Function]:
    """Add the class names and every function to a serving module.

    Args:
        module: of :func:`fer_keras.export.savedmodel.write.make_serving_module`.
        model: the model that the module holds.
        labels: a file with one class name a line; it becomes an asset.
        n_classes: how many lines it has.

    Returns:
        Signature name to function.
    """
    # A table reads the asset once, when the SavedModel is loaded, and not in every call.
    module.class_names = tf.lookup.StaticHashTable(_line_reader(labels), default_value="")
    names = _names_reader(module, n_classes)
    signatures = {"probabilities": module.probabilities, **_serve_pixels(module, model, names)}
    signatures["serve_bytes"] = _serve_bytes(signatures["serving_default"], model.input_shape[1], names)
    signatures |= _features(model)
    for name, function in signatures.items():
        setattr(module, name, function)
    return signatures


def _line_reader(labels: Path) -> tf.lookup.TextFileInitializer:
    """Line number to line; TensorFlow saves the file with the SavedModel, under ``assets/``."""
    index = tf.lookup.TextFileIndex
    return tf.lookup.TextFileInitializer(str(labels), tf.int64, index.LINE_NUMBER, tf.string, index.WHOLE_LINE)


def _names_reader(module: tf.Module, n_classes: int) -> Callable[[], tf.Tensor]:
    return lambda: module.class_names.lookup(tf.range(n_classes, dtype=tf.int64))  # (classes,)


def images_spec(model: keras.Model, dtype: tf.DType) -> tf.TensorSpec:
    """What a signature takes: a batch of any size of the faces that the model takes."""
    return tf.TensorSpec(model.input_shape, dtype, name="images")


def _or_none(function: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """Call on a batch that may be empty: oneDNN's fused convolutions fail on 0 images, so one black image stands in."""
    count = tf.shape(images)[0]
    padded = tf.pad(images, [[0, tf.maximum(1 - count, 0)], [0, 0], [0, 0], [0, 0]])
    return function(tf.ensure_shape(padded, images.shape))[:count]


def _serve_pixels(module: tf.Module, model: keras.Model, names: Callable[[], tf.Tensor]) -> dict[str, Function]:
    def softmax(images):
        return module.probabilities(images)["probabilities"]  # (B, classes)

    @tf.function(input_signature=[images_spec(model, tf.float32)])
    def serving_default(images):
        return {"probabilities": _or_none(softmax, images), "class_names": names()}

    @tf.function(input_signature=[images_spec(model, tf.uint8)])
    def serving_uint8(images):
        return serving_default(tf.cast(images, tf.float32))

    return {"serving_default": serving_default, "serving_uint8": serving_uint8}


def _serve_bytes(serving_default: Function, size: int, names: Callable[[], tf.Tensor]) -> Function:
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def serve_bytes(image_bytes):
        probabilities = serving_default(decode_faces(image_bytes, size))["probabilities"]  # (B, classes)
        return {
            "probabilities": probabilities,
            "class_names": tf.repeat(names()[None], tf.shape(probabilities)[0], axis=0),  # (B, classes)
            "expression": tf.gather(names(), tf.argmax(probabilities, axis=1)),  # (B,)
            "confidence": tf.reduce_max(probabilities, axis=1),  # (B,)
        }

    return serve_bytes


def _features(model: keras.Model) -> dict[str, Function]:
    embedding = make_embedding(model)
    if embedding is None:
        return {}

    @tf.function(input_signature=[images_spec(model, tf.float32)])
    def features(images):
        found = _or_none(lambda batch: embedding(batch, training=False), images)
        return {"features": tf.cast(found, tf.float32)}  # (B, F)

    return {"features": features}
