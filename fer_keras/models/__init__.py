"""Networks: ``(B, 48, 48, 1)`` pixels 0..255 in, ``(B, classes)`` logits out; preprocessing inside."""

from __future__ import annotations

import math

import keras

from ..config import CnnModel, MobileNetV2Model
from .cnn import build_cnn
from .layers import GrayscaleToRGB, ResizeImages
from .transfer import build_mobilenetv2

MODELS = {"cnn": build_cnn, "mobilenetv2": build_mobilenetv2}

__all__ = ["MODELS", "GrayscaleToRGB", "ResizeImages", "build_cnn", "build_mobilenetv2", "build_model", "count_macs"]


def build_model(section: CnnModel | MobileNetV2Model, classes: int) -> keras.Sequential:
    """Build the network that the recipe's ``model`` section describes."""
    options = section.model_dump(exclude={"name"})
    return MODELS[section.name](classes, **options)


def count_macs(model: keras.Model) -> int:
    """Count multiply-accumulates of one forward pass on one image, in convolutions and dense layers.

    Normalisation, activation, pooling and resizing are not counted, as is the custom of the field.
    """
    return sum(_layer_macs(layer) for layer in _leaf_layers(model))


def _leaf_layers(model: keras.Model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaf_layers(layer)
        else:
            yield layer


def _layer_macs(layer: keras.layers.Layer) -> int:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D, keras.layers.Dense)
    if not isinstance(layer, kinds):
        return 0
    positions = math.prod(layer.output.shape[1:-1])
    # Each weight of a kernel is used once per output position.
    return positions * sum(math.prod(w.shape) for w in layer.weights if w.name.endswith("kernel"))
