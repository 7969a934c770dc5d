"""Networks: ``(B, 48, 48, 1)`` pixels 0..255, or another side, to ``(B, classes)`` logits; preprocessing inside."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import partial

import keras

from ..errors import ConfigError
from ..recipe.model import SECTIONS, ModelSection
from .cnn import build_cnn, build_cnn_small
from .layers import GrayscaleToRGB, ResizeImages, SelectOutputs
from .reference import build_mini_xception, build_scratch_cnn, build_simple_cnn
from .transfer import build_transfer


def _builder(name: str, module: str) -> Callable[..., keras.Sequential]:
    """The function that builds a network: ``build_NAME`` of its module; bases of Keras share one."""
    if module == "transfer":
        return partial(build_transfer, name)
    return getattr(importlib.import_module(f".{module}", __name__), f"build_{name}")


MODELS = {name: _builder(name, section.module) for name, section in SECTIONS.items()}

__all__ = [
    "MODELS",
    "GrayscaleToRGB",
    "ResizeImages",
    "SelectOutputs",
    "build_cnn",
    "build_cnn_small",
    "build_mini_xception",
    "build_model",
    "build_scratch_cnn",
    "build_simple_cnn",
    "build_transfer",
    "count_macs",
]


# Networks that no recipe builds.
_ORIGINS = {"imported": "came as a file", "ensemble": "is made of finished runs"}


def build_model(section: ModelSection, classes: int, image_size: int = 48) -> keras.Sequential:
    """Build the network that the recipe's ``model`` section describes, for faces of ``image_size`` pixels a side.

    Raises:
        ConfigError: a network that came as a file or is made of finished runs, which no recipe can build.
    """
    if section.name not in MODELS:
        raise ConfigError(
            f"the network of this recipe is {section.name}: it {_ORIGINS[section.name]} and cannot be built or trained",
            allowed=", ".join(MODELS),
            hint="evaluate, export and compare work on its run",
        )
    options = section.model_dump(exclude={"name"})
    return MODELS[section.name](classes, image_size=image_size, **options)


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
