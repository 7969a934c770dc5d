"""``cnn`` and ``cnn_small``: the project's own networks for 48x48 gray faces."""

from __future__ import annotations

import keras
from keras import layers

# Convolutions of each stage, at 24, 12 and 6 pixels.
CONVOLUTIONS = 2
# Short memory: an epoch has few steps, and evaluation must follow the weights.
BATCH_NORM_MOMENTUM = 0.97
# Channels for each unit of the hidden layer that weighs them.
GATE_RATIO = 8


def conv_bn_relu(filters: int, kernel: int, name: str, strides: int = 1) -> list:
    return [
        layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"),
        layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn"),
        layers.ReLU(name=f"{name}_relu"),
    ]


def weigh_channels(maps, name: str):
    """Weigh each channel of maps (B, H, W, C) by a number in 0..1 that two dense layers make of all channels' means.

    Squeeze-excitation, Hu et al. 2018, arXiv:1709.01507.
    """
    channels = maps.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(maps)  # (B, 1, 1, C)
    gate = layers.Dense(channels // GATE_RATIO, activation="relu", name=f"{name}_reduce")(gate)
    gate = layers.Dense(channels, activation="sigmoid", name=f"{name}_excite")(gate)
    return layers.Multiply(name=f"{name}_weigh")([maps, gate])


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
    full: bool = False,
    gates: bool = False,
    head: str = "average",
    name: str = "cnn_small",
) -> keras.Sequential:
    """Build :func:`build_cnn` with a third of its arithmetic, for phones and for short trainings.

    The 24-pixel stage has most of the arithmetic and few of the weights, so that it is cut first.

    Args:
        classes: number of outputs.
        image_size: side of the faces in pixels.
        stem: filters of the first convolution.
        filters: of the three stages.
        dropout: rate before the classifier; a third of it after each pooled stage.
        full: two 3x3 convolutions at the full side and a pool, in place of the 5x5 convolution of stride 2.
        gates: :func:`weigh_channels` at the end of the second and third stage.
        head: ``average`` over the last map, or ``map``: its 3x3 parts side by side, for faces of one side only.
        name: of the network.
    """
    return _build(name, classes, image_size, stem, filters, dropout, full=full, gates=gates, head=head)


def build_cnn_tiny(
    classes: int, *, stem: int = 16, filters: tuple[int, int, int] = (16, 48, 128), **options
) -> keras.Sequential:
    """Build :func:`build_cnn_small` with fewer filters, all multiples of 16, as the kernels of phones want them."""
    return build_cnn_small(classes, stem=stem, filters=filters, name="cnn_tiny", **options)


def _build(
    name: str,
    classes: int,
    image_size: int,
    stem: int,
    filters,
    dropout: float,
    *,
    full: bool = False,
    gates: bool = False,
    head: str = "average",
) -> keras.Sequential:
    body = [keras.Input((image_size, image_size, 1), name="images")]
    body += [layers.Rescaling(1 / 127.5, offset=-1, name="rescale"), *_first_layers(stem, full)]  # (B, 24, 24, stem)
    for number, width in enumerate(filters, start=1):
        for index in range(1, CONVOLUTIONS + 1):
            body += conv_bn_relu(width, 3, f"stage{number}_{index}")
        if gates and number > 1:
            maps = keras.Input((None, None, width))
            name_of_gate = f"stage{number}_gate"
            body += [keras.Model(maps, weigh_channels(maps, name_of_gate), name=name_of_gate)]
        if number < len(filters):
            body += [
                layers.MaxPooling2D(2, name=f"stage{number}_pool"),  # (B, 12, 12, f1), (B, 6, 6, f2)
                layers.SpatialDropout2D(dropout / 3, name=f"stage{number}_dropout"),
            ]
    body += _head(head)
    body += [layers.Dropout(dropout, name="dropout"), layers.Dense(classes, dtype="float32", name="logits")]
    return keras.Sequential(body, name=name)


def _first_layers(stem: int, full: bool) -> list:
    if not full:
        return conv_bn_relu(stem, 5, "stem", strides=2)
    return [
        *conv_bn_relu(stem, 3, "stem_1"),
        *conv_bn_relu(stem, 3, "stem_2"),
        layers.MaxPooling2D(2, name="stem_pool"),
    ]


def _head(kind: str) -> list:
    if kind == "average":
        return [layers.GlobalAveragePooling2D(name="features")]  # (B, f3)
    return [layers.AveragePooling2D(2, name="parts"), layers.Flatten(name="features")]  # (B, 9 f3)
