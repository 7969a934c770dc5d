"""Backbones trained on colour images, behind a grayscale-repeat layer, with one common head."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import keras
from keras import layers

from ..errors import ConfigError, ModelFileError, nearest_hint
from .layers import GrayscaleToRGB, ResizeImages

# ``model.weights`` of a network whose weights are put in after it is built.
WEIGHTS_LATER = "later"
# Sides for which Keras has MobileNetV2 weights of their own.
_SIDES = (96, 128, 160, 192, 224)
WEIGHTS_PAGE = "https://keras.io/api/applications"
# The three input conventions of keras.applications. "caffe": channels blue, green, red, less their ImageNet means;
# of three equal channels the order is only that of the means. Bases without a convention rescale inside.
Rescaling = dict[str, float | list[float]]
SYMMETRIC: Rescaling = {"scale": 1 / 127.5, "offset": -1.0}
CAFFE: Rescaling = {"scale": 1.0, "offset": [-103.939, -116.779, -123.68]}
# MobileNetV2 comes with 0.999, which would keep the statistics of ImageNet for thousands of steps; 0.99 is Keras' own.
OPEN_MOMENTUM = 0.99


@dataclass(frozen=True)
class Backbone:
    """One family.

    Attributes:
        title: class in ``keras.applications``.
        weights_file: name of the file without the top that Keras downloads; ``{side}`` is that of the input in pixels,
            224 where Keras has none of that side.
        preprocessing: arguments of ``keras.layers.Rescaling``; empty where the base rescales inside.
    """

    title: str
    weights_file: str
    preprocessing: Rescaling = field(default_factory=dict)


BACKBONES = {
    "mobilenetv2": Backbone(
        "MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{side}_no_top.h5", SYMMETRIC
    ),
    "vgg16": Backbone("VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", CAFFE),
    "resnet50": Backbone("ResNet50", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", CAFFE),
    "mobilenetv3small": Backbone("MobileNetV3Small", "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"),
    "efficientnetv2b0": Backbone("EfficientNetV2B0", "efficientnetv2-b0_notop.h5"),
}


def weights_file(family: Backbone, input_size: int) -> str:
    """Name of the file that Keras downloads for an input of this side."""
    return family.weights_file.format(side=input_size if input_size in _SIDES else 224)


def _make(family: Backbone, weights: str | None, input_size: int) -> keras.Model:
    application = getattr(keras.applications, family.title)
    return application(include_top=False, weights=weights, input_shape=(input_size, input_size, 3))


def _load_imagenet(family: Backbone, input_size: int) -> keras.Model:
    try:
        return _make(family, "imagenet", input_size)
    except Exception as error:  # Keras raises plain Exception on a failed download
        raise ModelFileError(
            f"the ImageNet weights of {family.title} could not be downloaded",
            allowed="model.weights = imagenet, none, or the path of a weights file",
            received="imagenet",
            hint=f"Fetch {weights_file(family, input_size)} on a machine with a network, see {WEIGHTS_PAGE}, and give "
            "--set model.weights=PATH",
        ) from error


def _load_file(family: Backbone, path: str, input_size: int) -> keras.Model:
    if not Path(path).is_file():
        raise ConfigError(
            f"no weights file at {path}",
            allowed="model.weights = imagenet, none, or the path of a .h5 weights file without the top",
            received=path,
        )
    backbone = _make(family, None, input_size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers that the file does not hold
            backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise a dozen types here
        reason = str(error).splitlines()[0][:200]
        raise ModelFileError(f"{path} holds no weights of {family.title} (no top): {reason}") from error
    return backbone


def _load_backbone(family: Backbone, weights: str, input_size: int) -> keras.Model:
    if weights == "imagenet":
        backbone = _load_imagenet(family, input_size)
    elif weights in ("none", WEIGHTS_LATER):
        backbone = _make(family, None, input_size)
    else:
        backbone = _load_file(family, weights, input_size)
    for layer in backbone.layers:
        if isinstance(layer, layers.Dropout):  # stochastic depth: a frozen base must be a fixed function
            layer.rate = 0.0
    return backbone


def _cut(backbone: keras.Model, until: str | None) -> keras.Model:
    """Return the base up to and with a layer: late layers know the classes of ImageNet, earlier ones know shapes."""
    if until is None:
        return backbone
    names = [layer.name for layer in backbone.layers]
    if until not in names[1:]:
        raise ConfigError(
            f"model.until: no layer {until!r} in {backbone.name}",
            allowed="null, or a layer name of the backbone",
            hint=nearest_hint(until, names),
        )
    return keras.Model(backbone.inputs, backbone.get_layer(until).output, name=backbone.name)


def _pool(backbone: keras.Model, grid: int) -> list:
    """Average the last map (B, m, m, F) over all of it, or over each of ``grid`` x ``grid`` equal parts."""
    if grid == 1:
        return [layers.GlobalAveragePooling2D(name="features")]  # (B, F)
    side = backbone.output_shape[1]
    if side % grid:
        fitting = [str(parts) for parts in range(1, side + 1) if side % parts == 0]
        raise ConfigError(
            f"model.grid={grid}: the last map of {backbone.name} has {side}x{side} places",
            allowed=", ".join(fitting),
            hint="Another model.input_size gives a map of another side",
        )
    return [layers.AveragePooling2D(side // grid, name="parts"), layers.Flatten(name="features")]  # (B, grid grid F)


def last_layer(model: keras.Model) -> keras.layers.Layer:
    """The last layer with weights: the one that has an output, or a map, for each class."""
    return next(layer for layer in reversed(model.layers) if layer.weights)


def find_body(model: keras.Model) -> keras.Sequential:
    """Return all before the last layer with weights of a network that is a chain of layers, which it shares."""
    before = model.layers[: model.layers.index(last_layer(model))]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *before], name=model.name)


def find_backbone(model: keras.Model) -> keras.Model:
    """Return the base inside a transfer network, the model within the model."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def freeze(
    backbone: keras.Model,
    fine_tune_from: str | None,
    key: str = "model.fine_tune_from",
    *,
    batch_norm_too: bool = True,
) -> None:
    """Freeze the backbone below layer ``fine_tune_from`` (``all``: nothing, ``None``: everything).

    Args:
        backbone: its layers are changed.
        fine_tune_from: name of the first open layer.
        key: of the recipe, for the error.
        batch_norm_too: freeze batch normalisation above that layer too: with ``trainable=False`` Keras runs it in
            inference mode, so that small batches do not destroy the statistics it came with.

    Raises:
        ConfigError: the backbone has no such layer; ``key`` of the recipe is named.
    """
    start = first_open_layer(backbone, fine_tune_from, key)
    for index, layer in enumerate(backbone.layers):
        is_batch_norm = isinstance(layer, layers.BatchNormalization)
        if isinstance(layer, keras.Model):
            freeze(layer, "all" if index >= start else None, key, batch_norm_too=batch_norm_too)
            continue
        layer.trainable = index >= start and not (batch_norm_too and is_batch_norm)
        if is_batch_norm and layer.trainable:
            layer.momentum = min(layer.momentum, OPEN_MOMENTUM)


def first_open_layer(backbone: keras.Model, fine_tune_from: str | None, key: str) -> int:
    """Return the index of the first layer that is not frozen, see :func:`freeze`."""
    names = [layer.name for layer in backbone.layers]
    if fine_tune_from is None:
        return len(names)
    if fine_tune_from == "all":
        return 0
    if fine_tune_from not in names:
        raise ConfigError(
            f"{key}: no layer {fine_tune_from!r} in {backbone.name}",
            allowed="all, or a layer name of the backbone",
            hint=nearest_hint(fine_tune_from, names),
        )
    return names.index(fine_tune_from)


def split_at_features(model: keras.Model) -> tuple[keras.Sequential, keras.Sequential]:
    """Cut a transfer network in two that share its layers.

    Returns:
        The base: images (B, S, S, 1) to pooled features (B, F); and the head: (B, 1, 1, F) to logits (B, classes).
        The head begins with the same pooling layer, whose mean over one position changes nothing, so that features
        go through an image pipeline like images.
    """
    pooling = next(i for i, layer in enumerate(model.layers) if layer.name == "features")
    base = keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers[: pooling + 1]], name="base")
    head = keras.Sequential([keras.Input((1, 1, base.output_shape[-1])), *model.layers[pooling:]], name="head")
    return base, head


def _preprocessing(family: Backbone, input_size: int) -> list:
    """Resize while there is one channel, repeat it, then the family's own convention."""
    steps = [ResizeImages(input_size, name="resize"), GrayscaleToRGB(name="gray_to_rgb")]  # (B, S, S, 1), (B, S, S, 3)
    return [*steps, layers.Rescaling(name="rescale", **family.preprocessing)] if family.preprocessing else steps


def _hidden(units: int, dropout: float) -> list:
    if not units:
        return []
    return [layers.Dense(units, activation="relu", name="hidden"), layers.Dropout(dropout, name="dropout_2")]


def build_transfer(
    name: str,
    classes: int,
    *,
    image_size: int = 48,
    weights: str = "imagenet",
    input_size: int = 96,
    head_units: int = 256,
    dropout: float = 0.3,
    fine_tune_from: str | None = None,
    until: str | None = None,
    grid: int = 1,
) -> keras.Sequential:
    """Build a network: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Resize, repeat gray to RGB, rescale as the base was trained, the base without its top or a part of it, average
    pooling, an optional hidden layer, logits.

    Args:
        name: a key of ``BACKBONES``.
        classes: number of outputs.
        image_size: side of the faces in pixels.
        weights: ``imagenet`` (downloaded by Keras), ``none`` (random) or the path of a weights file. Batch
            normalisation of random weights has no statistics worth keeping: it is open where the base is.
        input_size: side in pixels that faces are resized to; native 48 leaves most bases a 2x2 map.
        head_units: width of the hidden layer; 0 for a linear head.
        dropout: rate before each dense layer.
        fine_tune_from: see :func:`freeze`.
        until: name of the last layer of the base; the layers behind it are left out. None keeps all.
        grid: parts a side that the last map is averaged in; 1 is global average pooling.

    Raises:
        ConfigError, ModelFileError: weights that cannot be found, downloaded or read; unknown layer; a grid that does
            not fit.
    """
    family = BACKBONES[name]
    backbone = _cut(_load_backbone(family, weights, input_size), until)
    freeze(backbone, fine_tune_from, batch_norm_too=weights != "none")
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, 1), name="images"),
            *_preprocessing(family, input_size),
            backbone,  # (B, S / 32, S / 32, F), or an earlier map
            *_pool(backbone, grid),  # (B, F)
            layers.Dropout(dropout, name="dropout"),
            *_hidden(head_units, dropout),
            layers.Dense(classes, dtype="float32", name="logits"),
        ],
        name=name,
    )
