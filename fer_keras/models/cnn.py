"""``cnn`` and ``cnn_small``: the project's own networks for 48x48 gray faces."""

from __future__ import annotations

import keras
from keras import layers

# Convolutions of each stage, at 24, 12 and 6 pixels.
CONVOLUTIONS = 2
# Short memory: an epoch has few steps, and evaluation must follow the weights.
BATCH_NORM_MOMENTUM = 0.97


def conv_bn_relu(filters: int, kernel: int, name: str, strides: int = 1) -> list:
    return [
        layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"),
        layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn"),
        layers.ReLU(name=f"{name}_relu"),
    ]


def build_cnn(classes: int, *, image_size: int = 48, width: int = 64, dropout: float = 0.3) -> keras.Sequential:
    """Build the network: ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits.

    Full-resolution 48x48 maps cost memory traffic far beyond their share of the arithmetic, so a 5x5
    stem of stride 2 leaves them at once; pairs of 3x3 convolutions follow (VGG, Simonyan & Zisserman 2015)
    with batch normalisation (Ioffe & Szegedy 2015), and global average pooling instead of the wide
    dense layers that hold most weights of the usual FER networks (Lin et al. 2014).

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels; the shapes in the comments are those of 48.
        width: filters of the first stage; the others have two and four times as many.
        dropout: rate before the classifier; a third of it after each pooled stage.
    """
    filters = (width, 2 * width, 4 * width)
    return _build("cnn", classes, image_size, max(8, width // 2), filters, dropout)


def build_cnn_small(
    classes: int,
    *,
    image_size: int = 48,
    stem: int = 24,
    filters: tuple[int, int, int] = (32, 80, 160),
    dropout: float = 0.3,
) -> keras.Sequential:
    """Build :func:`build_cnn` with a third of its arithmetic, for phones and for short trainings.

    The 24-pixel stage has most of the arithmetic and few of the weights, so that it is cut first.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels.
        stem: filters of the first convolution.
        filters: of the three stages.
        dropout: rate before the classifier; a third of it after each pooled stage.
    """
    return _build("cnn_small", classes, image_size, stem, filters, dropout)


def _build(name: str, classes: int, image_size: int, stem: int, filters, dropout: float) -> keras.Sequential:
    body = [keras.Input((image_size, image_size, 1), name="images")]
    body += [layers.Rescaling(1 / 127.5, offset=-1, name="rescale")]
    body += conv_bn_relu(stem, 5, "stem", strides=2)  # (B, 24, 24, stem)
    for number, width in enumerate(filters, start=1):
        for index in range(1, CONVOLUTIONS + 1):
            body += conv_bn_relu(width, 3, f"stage{number}_{index}")
        if number < len(filters):
            body += [
                layers.MaxPooling2D(2, name=f"stage{number}_pool"),  # (B, 12, 12, f1), (B, 6, 6, f2)
                layers.SpatialDropout2D(dropout / 3, name=f"stage{number}_dropout"),
            ]
    body += [
        layers.GlobalAveragePooling2D(name="features"),  # (B, f3)
        layers.Dropout(dropout, name="dropout"),
        layers.Dense(classes, dtype="float32", name="logits"),
    ]
    return keras.Sequential(body, name=name)
