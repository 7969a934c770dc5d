"""Affine geometry of a batch: every option in one matrix per image.

Conventions are those of ``apply_transform`` in Keras' legacy ``ImageDataGenerator`` (``keras.src.legacy.preprocessing.
image``): the matrix maps output coordinates to input coordinates, pixel centres are whole numbers, the centre is
``((width - 1) / 2, (height - 1) / 2)``, the order is rotation, shift, shear, zoom, then flips of the result. One thing
differs: the legacy class swaps height and width in the centre of an image that is not square; here it is the true one.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf


def _float64(value) -> tf.Tensor:
    # float32 sin and cos differ in the last bit between the vector body and the scalar tail of a batch;
    # in float64 that vanishes when the finished matrix is rounded to float32.
    return tf.cast(value if tf.is_tensor(value) else np.asarray(value, np.float64), tf.float64)


def affine_matrices(
    theta=0.0,
    tx=0.0,
    ty=0.0,
    shear=0.0,
    zx=1.0,
    zy=1.0,
    flip_horizontal=False,
    flip_vertical=False,
    *,
    height,
    width,
) -> tf.Tensor:
    """Compose rotation, shift, shear, zoom and flips into one matrix per image.

    The parameters carry the names and meanings of the dictionary that the legacy ``apply_transform`` takes. Each is a
    number or an array of shape (B,).

    Args:
        theta: rotation in degrees.
        tx: shift along the width in pixels (output pixel x shows input pixel x + tx).
        ty: shift along the height in pixels.
        shear: shear angle in degrees.
        zx: zoom along the width; below 1 magnifies.
        zy: zoom along the height; below 1 magnifies.
        flip_horizontal: mirror left and right.
        flip_vertical: mirror top and bottom.
        height: image height in pixels.
        width: image width in pixels.

    Returns:
        (B, 8) float32 rows ``a0 a1 a2 a3 a4 a5 0 0`` as :func:`fer_keras.augmentation.warping.warp` takes them:
        ``x_in = a0 x + a1 y + a2``, ``y_in = a3 x + a4 y + a5``. B is 1 when every parameter is a number.
    """
    theta, shear = _float64(theta) * (math.pi / 180), _float64(shear) * (math.pi / 180)
    tx, ty, zx, zy = (_float64(value) for value in (tx, ty, zx, zy))
    mirror_x, mirror_y = (1 - 2 * _float64(flip) for flip in (flip_horizontal, flip_vertical))
    centre_x, centre_y = (_float64(width) - 1) / 2, (_float64(height) - 1) / 2
    cos, sin = tf.cos(theta), tf.sin(theta)
    # rotation @ shear @ zoom @ flip in closed form, about the centre
    a0, a1 = cos * zx * mirror_x, -tf.sin(theta + shear) * zy * mirror_y
    a3, a4 = sin * zx * mirror_x, tf.cos(theta + shear) * zy * mirror_y
    a2 = cos * tx - sin * ty + centre_x - a0 * centre_x - a1 * centre_y
    a5 = sin * tx + cos * ty + centre_y - a3 * centre_x - a4 * centre_y
    shape = tf.shape(a2 + a5)
    rows = [tf.broadcast_to(value, shape) for value in (a0, a1, a2, a3, a4, a5, 0 * a2, 0 * a2)]
    return tf.reshape(tf.cast(tf.stack(rows, axis=-1), tf.float32), (-1, 8))  # (B, 8)
