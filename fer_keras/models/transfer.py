"""Backbones trained on colour images, behind a grayscale-repeat layer, with one common head."""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers

from ..errors import ConfigError, ModelFileError, nearest_hint
from .layers import GrayscaleToRGB, ResizeImages

WEIGHTS_PAGE = "https://keras.io/api/applications/mobilenet"


def _load_imagenet(backbone_class, input_size: int) -> keras.Model:
    try:
        return backbone_class(include_top=False, weights="imagenet", input_shape=(input_size, input_size, 3))
    except Exception as error:  # Keras raises plain Exception on a failed download
        raise ModelFileError(
            "the ImageNet weights of MobileNetV2 could not be downloaded",
            allowed="model.weights = imagenet, none, or the path of a weights file",
            received="imagenet",
            hint="Fetch mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5 (or its size in pixels "
            f"instead of 224) on a machine with a network, see {WEIGHTS_PAGE}, and give "
            "--set model.weights=PATH",
        ) from error


def _load_file(backbone_class, path: str, input_size: int) -> keras.Model:
    if not Path(path).is_file():
        raise ConfigError(
            f"no weights file at {path}",
            allowed="model.weights = imagenet, none, or the path of a .h5 weights file without the top",
            received=path,
        )
    backbone = backbone_class(include_top=False, weights=None, input_shape=(input_size, input_size, 3))
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise a dozen types here
        reason = str(error).splitlines()[0][:200]
        raise ModelFileError(f"{path} holds no weights of MobileNetV2 (alpha 1.0, no top): {reason}") from error
    return backbone


def _load_backbone(backbone_class, weights: str, input_size: int) -> keras.Model:
    if weights == "imagenet":
        return _load_imagenet(backbone_class, input_size)
    if weights == "none":
        return backbone_class(include_top=False, weights=None, input_shape=(input_size, input_size, 3))
    return _load_file(backbone_class, weights, input_size)


def freeze(backbone: keras.Model, fine_tune_from: str | None) -> None:
    """Freeze the backbone below layer ``fine_tune_from`` (``all``: nothing, ``None``: everything).

    Batch normalisation stays frozen in either case: with ``trainable=False`` Keras runs it in inference
    mode, so that small batches do not destroy the statistics it came with.

    Raises:
        ConfigError: the backbone has no such layer.
    """
    names = [layer.name for layer in backbone.layers]
    if fine_tune_from not in (None, "all", *names):
        raise ConfigError(
            f"model.fine_tune_from: no layer {fine_tune_from!r}",
            allowed="null, all, or a layer name of the backbone",
            hint=nearest_hint(fine_tune_from, names),
        )
    start = {None: len(names), "all": 0}.get(fine_tune_from)
    start = names.index(fine_tune_from) if start is None else start
    for index, layer in enumerate(backbone.layers):
        layer.trainable = index >= start and not isinstance(layer, layers.BatchNormalization)


def _hidden(units: int, dropout: float) -> list:
    if not units:
        return []
    return [layers.Dense(units, activation="relu", name="hidden"), layers.Dropout(dropout, name="dropout_2")]


def build_mobilenetv2(
    classes: int,
    *,
    weights: str = "imagenet",
    input_size: int = 96,
    head_units: int = 256,
    dropout: float = 0.3,
    fine_tune_from: str | None = None,
) -> keras.Sequential:
    """Build the network: ``(B, 48, 48, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Rescale to [-1, 1], resize, repeat gray to RGB, MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)
    without its top, global average pooling, an optional hidden layer, logits.

    Args:
        classes: number of outputs.
        weights: ``imagenet`` (downloaded by Keras), ``none`` (random) or the path of a weights file.
        input_size: side in pixels that faces are resized to; native 48 leaves the backbone a 2x2 map.
        head_units: width of the hidden layer; 0 for a linear head.
        dropout: rate before each dense layer.
        fine_tune_from: see :func:`freeze`.

    Raises:
        ConfigError, ModelFileError: weights that cannot be found, downloaded or read; unknown layer.
    """
    backbone = _load_backbone(keras.applications.MobileNetV2, weights, input_size)
    freeze(backbone, fine_tune_from)
    return keras.Sequential(
        [
            keras.Input((48, 48, 1), name="images"),
            layers.Rescaling(1 / 127.5, offset=-1, name="rescale"),
            ResizeImages(input_size, name="resize"),  # (B, S, S, 1)
            GrayscaleToRGB(name="gray_to_rgb"),  # (B, S, S, 3)
            backbone,  # (B, S / 32, S / 32, 1280)
            layers.GlobalAveragePooling2D(name="features"),  # (B, 1280)
            layers.Dropout(dropout, name="dropout"),
            *_hidden(head_units, dropout),
            layers.Dense(classes, dtype="float32", name="logits"),
        ],
        name="mobilenetv2",
    )
