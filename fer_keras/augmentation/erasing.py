"""Random erasing and cutout: rectangles of a batch painted over, from uniform numbers given per image."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from .stateless_random import between

AREA_RANGE = (0.02, 0.33)  # part of the image; Zhong et al. 2020
ASPECT_RANGE = (0.3, 3.3)  # height / width of the rectangle; Zhong et al. 2020


class Rectangles(NamedTuple):
    """One rectangle per image, in whole pixels; may reach over the border. Four tensors of shape (B,), int32."""

    top: tf.Tensor
    left: tf.Tensor
    height: tf.Tensor
    width: tf.Tensor


def _below(uniform: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """A whole number 0 .. limit - 1."""
    return tf.cast(tf.floor(uniform * tf.cast(limit, tf.float64)), tf.int32)


def random_rectangles(uniforms: tuple[tf.Tensor, ...], height: tf.Tensor, width: tf.Tensor) -> Rectangles:
    """Draw the rectangles of random erasing (Zhong et al. 2020, "Random Erasing Data Augmentation", algorithm 1).

    Area and aspect ratio are uniform in :data:`AREA_RANGE` and :data:`ASPECT_RANGE`, the place is uniform over all that
    keep the rectangle inside. The paper draws again when a rectangle does not fit; here the aspect ratio is limited to
    what fits, so that a fixed number of draws is enough.

    Args:
        uniforms: area, aspect, top and left, each (B,) float64 in [0, 1).
        height: image height in pixels.
        width: image width in pixels.
    """
    rows, columns = tf.cast(height, tf.float64), tf.cast(width, tf.float64)
    part = between(uniforms[0], AREA_RANGE)  # (B,)
    aspect = between(uniforms[1], ASPECT_RANGE)
    aspect = tf.clip_by_value(aspect, part * rows / columns, rows / (part * columns))
    tall = tf.clip_by_value(tf.cast(tf.round(tf.sqrt(part * rows * columns * aspect)), tf.int32), 1, height)
    wide = tf.clip_by_value(tf.cast(tf.round(tf.sqrt(part * rows * columns / aspect)), tf.int32), 1, width)
    return Rectangles(_below(uniforms[2], height - tall + 1), _below(uniforms[3], width - wide + 1), tall, wide)


def cutout_squares(uniforms: tuple[tf.Tensor, ...], side: int, height: tf.Tensor, width: tf.Tensor) -> Rectangles:
    """Place squares with their centre on any pixel (DeVries and Taylor 2017, "Improved Regularization of CNNs with
    Cutout"), so that they may reach over the border.

    Args:
        uniforms: centre row and centre column, each (B,) float64 in [0, 1).
        side: side of the square in pixels.
        height: image height in pixels.
        width: image width in pixels.
    """
    top, left = _below(uniforms[0], height) - side // 2, _below(uniforms[1], width) - side // 2
    sides = tf.fill(tf.shape(top), side)
    return Rectangles(top, left, sides, sides)


def _span(start: tf.Tensor, length: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Which of ``size`` places lie in start .. start + length - 1, per image."""
    places = tf.range(size) - start[:, tf.newaxis]  # (B, size)
    return (places >= 0) & (places < length[:, tf.newaxis])


def paint(images: tf.Tensor, rectangles: Rectangles, fill: tf.Tensor) -> tf.Tensor:
    """Replace the pixels inside each image's rectangle, clipped at the border.

    Args:
        images: (B, H, W, C) float32.
        rectangles: one per image; a height of 0 leaves the image as it is.
        fill: float32 that broadcasts to ``images``.

    Returns:
        (B, H, W, C) float32.
    """
    shape = tf.shape(images)
    rows = _span(rectangles.top, rectangles.height, shape[1])  # (B, H)
    columns = _span(rectangles.left, rectangles.width, shape[2])  # (B, W)
    inside = rows[:, :, tf.newaxis, tf.newaxis] & columns[:, tf.newaxis, :, tf.newaxis]  # (B, H, W, 1)
    return tf.ensure_shape(tf.where(inside, fill, images), images.shape)
