"""``vgg10`` and ``se_resnet14``: networks large enough to teach others, their first layers at full resolution."""

from __future__ import annotations

import keras
from keras import layers

from .cnn import BATCH_NORM_MOMENTUM, conv_bn_relu, weigh_channels

STAGES = 4
BLOCKS = 2


def build_vgg10(
    classes: int, *, image_size: int = 48, width: int = 32, units: int = 512, dropout: float = 0.4
) -> keras.Sequential:
    """Build the network: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Four stages of two 3x3 convolutions with batch normalisation, the first at the full 48 pixels, and dense layers on
    the last map of 3x3, which keep where in the face something was seen. The layout is that of Khaireddin & Chen 2021
    (arXiv:2105.03588), with a part of its widths and dense units.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels; the shapes in the comments are those of 48.
        width: filters of the first stage; each other has twice as many as the one before.
        units: of the dense layer before the classifier.
        dropout: rate before each dense layer; a quarter of it after each pooled stage.
    """
    body = [keras.Input((image_size, image_size, 1), name="images")]
    body += [layers.Rescaling(1 / 127.5, offset=-1, name="rescale")]
    for stage in range(1, STAGES + 1):
        filters = width * 2 ** (stage - 1)
        body += conv_bn_relu(filters, 3, f"stage{stage}_1") + conv_bn_relu(filters, 3, f"stage{stage}_2")
        body += [layers.MaxPooling2D(2, name=f"stage{stage}_pool")]  # (B, 24, 24, w) ... (B, 3, 3, 8w)
        if stage < STAGES:
            body += [layers.SpatialDropout2D(dropout / 4, name=f"stage{stage}_dropout")]
    body += [
        layers.Flatten(name="flatten"),  # (B, 72w)
        layers.Dropout(dropout, name="dropout1"),
        layers.Dense(units, use_bias=False, name="dense"),
        layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="dense_bn"),
        layers.ReLU(name="features"),  # (B, units)
        layers.Dropout(dropout, name="dropout2"),
        layers.Dense(classes, dtype="float32", name="logits"),
    ]
    return keras.Sequential(body, name="vgg10")


def build_se_resnet14(
    classes: int, *, image_size: int = 48, stem: int = 32, width: int = 48, dropout: float = 0.4
) -> keras.Sequential:
    """Build the network: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    A 3x3 convolution at the full 48 pixels and three stages of two residual blocks (He et al. 2016, arXiv:1512.03385),
    whose channels are weighed by what the whole map shows (squeeze-excitation, Hu et al. 2018, arXiv:1709.01507); no
    dense layer but the classifier. Thirteen 3x3 convolutions and the classifier give it its name.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels; the shapes in the comments are those of 48.
        stem: filters of the first convolution.
        width: filters of the first stage; each other has twice as many as the one before.
        dropout: rate before the classifier; a quarter of it after the first two stages.
    """
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, 1), name="images"),
            layers.Rescaling(1 / 127.5, offset=-1, name="rescale"),
            *conv_bn_relu(stem, 3, "stem"),  # (B, 48, 48, stem)
            _residual_body((image_size, image_size, stem), width, dropout / 4),  # (B, 6, 6, 4w)
            layers.GlobalAveragePooling2D(name="features"),  # (B, 4w)
            layers.Dropout(dropout, name="dropout"),
            layers.Dense(classes, dtype="float32", name="logits"),
        ],
        name="se_resnet14",
    )


def _residual_body(shape: tuple[int, int, int], width: int, dropout: float) -> keras.Model:
    maps = x = keras.Input(shape)
    for stage, filters in enumerate((width, 2 * width, 4 * width), start=1):
        for block in range(1, BLOCKS + 1):
            x = _residual_block(x, filters, f"stage{stage}_{block}", strides=2 if block == 1 else 1)
        if filters < 4 * width:
            x = layers.SpatialDropout2D(dropout, name=f"stage{stage}_dropout")(x)
    return keras.Model(maps, x, name="body")


def _residual_block(x, filters: int, name: str, *, strides: int):
    """Two 3x3 convolutions beside their input; where they halve the side, the input is averaged and projected.

    The last normalisation of the branch starts at zero, so that each block begins as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677); pooling before the projection loses no pixel (He et al. 2019, arXiv:1812.01187).
    """
    branch = x
    for layer in conv_bn_relu(filters, 3, f"{name}_1", strides=strides):
        branch = layer(branch)
    branch = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(branch)
    branch = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, gamma_initializer="zeros", name=f"{name}_2_bn")(
        branch
    )
    branch = weigh_channels(branch, name)
    if strides > 1:
        x = layers.AveragePooling2D(strides, name=f"{name}_pool")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_shortcut_conv")(x)
        x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_shortcut_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, branch]))
