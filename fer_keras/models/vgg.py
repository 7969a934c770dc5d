"""``vgg10``: a network that is large enough to teach others, its first stage at full resolution."""

from __future__ import annotations

import keras
from keras import layers

from .cnn import BATCH_NORM_MOMENTUM, conv_bn_relu

STAGES = 4


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
