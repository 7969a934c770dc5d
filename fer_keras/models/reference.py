"""Reference networks: those that published comparisons on FER2013 train from scratch."""

from __future__ import annotations

import math

import keras
from keras import layers

from .layers import ResizeImages

# Filters of each 3x3 convolution of ``scratch_cnn``; a pool after each group.
SCRATCH_GROUPS = ((32, 32), (64, 64), (128,), (264,))
# PyTorch's batch normalisation, which the network was defined with; its momentum 0.1 is 0.9 here.
TORCH_BATCH_NORM = {"epsilon": 1e-5, "momentum": 0.9}


def _torch_initializers(fan_in: int) -> dict:
    """Those of PyTorch's convolutions and linear layers: uniform within 1 / sqrt(fan_in), biases too."""
    bound = 1 / math.sqrt(fan_in)
    return {
        "kernel_initializer": keras.initializers.RandomUniform(-bound, bound),
        "bias_initializer": keras.initializers.RandomUniform(-bound, bound),
    }


def build_scratch_cnn(classes: int, *, image_size: int = 48, dropout: float = 0.4) -> keras.Sequential:
    """Build ``scratch_cnn``: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Six 3x3 convolutions with bias, each followed by batch normalisation and ReLU, four max pools, then dense layers.
    Pixels are normalised with mean 0.5 and standard deviation 0.5 of the range 0..1. With 48x48 faces and 7 classes
    it has 1,055,887 parameters, moving statistics included. Initial weights and batch normalisation are PyTorch's
    defaults, so that a state dict of the same network in PyTorch fits layer by layer.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels; the width of the first dense layer's input follows from it.
        dropout: rate before each of the two dense layers.
    """
    body = [keras.Input((image_size, image_size, 1), name="images")]
    body += [layers.Rescaling(1 / 127.5, offset=-1, name="rescale")]  # (pixel / 255 - 0.5) / 0.5
    channels, side, number = 1, image_size, 0
    for group, filters in enumerate(SCRATCH_GROUPS, start=1):
        for count in filters:
            number += 1
            body += _scratch_convolution(channels, count, number)
            channels = count
        body += [layers.MaxPooling2D(2, name=f"pool{group}")]  # 24, 12, 6 and 3 pixels
        side //= 2
    features = side * side * channels
    body += [
        layers.Flatten(name="flatten"),  # (B, 2376)
        layers.Dropout(dropout, name="dropout1"),
        layers.Dense(256, activation="relu", name="dense", **_torch_initializers(features)),
        layers.Dropout(dropout, name="dropout2"),
        layers.Dense(classes, dtype="float32", name="logits", **_torch_initializers(256)),
    ]
    return keras.Sequential(body, name="scratch_cnn")


def _scratch_convolution(channels: int, filters: int, number: int) -> list:
    return [
        layers.Conv2D(filters, 3, padding="same", name=f"conv{number}", **_torch_initializers(9 * channels)),
        layers.BatchNormalization(name=f"bn{number}", **TORCH_BATCH_NORM),
        layers.ReLU(name=f"relu{number}"),
    ]


def build_simple_cnn(
    classes: int, *, image_size: int = 48, head_units: int = 128, dropout: float = 0.0
) -> keras.Sequential:
    """Build ``simple_cnn``: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Two 3x3 convolutions with 32 and 64 filters and ReLU, a max pool after each, flatten, dense.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels.
        head_units: width of the dense layer before the classifier; 0 for none.
        dropout: rate before the classifier.
    """
    hidden = [layers.Dense(head_units, activation="relu", name="dense")] if head_units else []
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, 1), name="images"),
            layers.Rescaling(1 / 255, name="rescale"),
            layers.Conv2D(32, 3, activation="relu", name="conv1"),  # (B, 46, 46, 32)
            layers.MaxPooling2D(2, name="pool1"),  # (B, 23, 23, 32)
            layers.Conv2D(64, 3, activation="relu", name="conv2"),  # (B, 21, 21, 64)
            layers.MaxPooling2D(2, name="pool2"),  # (B, 10, 10, 64)
            layers.Flatten(name="flatten"),  # (B, 6400)
            *hidden,
            layers.Dropout(dropout, name="dropout"),
            layers.Dense(classes, dtype="float32", name="logits"),
        ],
        name="simple_cnn",
    )


def build_mini_xception(classes: int, *, image_size: int = 48, input_size: int = 64) -> keras.Sequential:
    """Build ``mini_xception``: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Arriaga, Valdenegro-Toro & Plöger 2017, "Real-time Convolutional Neural Networks for Emotion and Gender
    Classification", arXiv:1710.07557: four residual modules of depthwise separable convolutions, no dense layer; the
    logits are the means of one map per class. 58,423 parameters with 7 classes.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels.
        input_size: side that faces are resized to.
    """
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, 1), name="images"),
            layers.Rescaling(1 / 127.5, offset=-1, name="rescale"),
            ResizeImages(input_size, name="resize"),  # (B, 64, 64, 1)
            _xception_body(input_size),  # (B, 4, 4, 128)
            layers.Conv2D(classes, 3, padding="same", name="class_maps"),  # (B, 4, 4, classes)
            layers.GlobalAveragePooling2D(dtype="float32", name="logits"),  # (B, classes)
        ],
        name="mini_xception",
    )


def _xception_body(side: int) -> keras.Model:
    images = keras.Input((side, side, 1))
    x = images
    for number in (1, 2):
        x = layers.Conv2D(8, 3, use_bias=False, name=f"stem{number}_conv")(x)  # (B, 62, 62, 8), (B, 60, 60, 8)
        x = layers.ReLU(name=f"stem{number}_relu")(layers.BatchNormalization(name=f"stem{number}_bn")(x))
    for number, filters in enumerate((16, 32, 64, 128), start=1):
        x = _xception_module(x, filters, f"module{number}")  # sides 30, 15, 8, 4
    return keras.Model(images, x, name="body")


def _xception_module(x, filters: int, name: str):
    """Two separable convolutions and a pool, beside a 1x1 convolution of stride 2.

    The stride is taken by a pool of size 1 before the convolution, which is the same function: oneDNN's gradient of
    a strided 1x1 convolution with 8 input channels writes past its memory (TensorFlow 2.21 on AVX-512) and ends
    the process.
    """
    shortcut = layers.MaxPooling2D(1, strides=2, padding="same", name=f"{name}_stride")(x)
    shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
    shortcut = layers.BatchNormalization(name=f"{name}_shortcut_bn")(shortcut)
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv1")(x)
    x = layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn1")(x))
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv2")(x)
    x = layers.BatchNormalization(name=f"{name}_bn2")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])
