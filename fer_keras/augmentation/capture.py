"""What cameras and files do to a face: blur, low resolution and noise, one amount per image.

Blur and low resolution are linear along rows and along columns, so that both are one small matrix per image. They do
what :mod:`fer_keras.evaluation.robustness.corruptions` does for the robustness table, but with other noise and borders.
"""

from __future__ import annotations

import tensorflow as tf

from .photometric import clip, per_image
from .stateless_random import normal_noise

NARROWEST = 1e-3  # sigma in pixels that leaves every pixel as it is


def blur_matrices(sigmas: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Weights of Gaussian blur along a line of pixels; at its ends they are spread over the pixels that there are.

    Args:
        sigmas: (B,) pixels; 0 gives the identity.
        size: pixels of the line.

    Returns:
        (B, size, size) float32, rows sum to 1.
    """
    # float64 for the reason given in geometry.py; one exponential per distance is enough.
    places = tf.range(size)
    distances = tf.cast(places, tf.float64) / tf.maximum(tf.cast(sigmas, tf.float64), NARROWEST)[:, tf.newaxis]
    weights = tf.gather(tf.exp(-0.5 * distances**2), tf.abs(places[:, tf.newaxis] - places), axis=1)  # (B, S, S)
    return tf.cast(weights / tf.reduce_sum(weights, axis=-1, keepdims=True), tf.float32)


def low_resolution_matrices(sides: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Weights that average a line of pixels down to fewer and interpolate those linearly back up.

    Args:
        sides: (B,) whole numbers 1..size, pixels in between; ``size`` gives the identity.
        size: pixels of the line.

    Returns:
        (B, size, size) float32, rows sum to 1.
    """
    small = tf.cast(sides, tf.float64)[:, tf.newaxis, tf.newaxis]  # (B, 1, 1)
    places = tf.cast(tf.range(size), tf.float64)
    per_pixel = tf.cast(size, tf.float64) / small  # old pixels in a new one
    starts = places[:, tf.newaxis] * per_pixel  # (B, new, 1); those from ``sides`` on are weighted with 0 below
    overlaps = tf.minimum(places + 1, starts + per_pixel) - tf.maximum(places, starts)  # (B, new, old)
    averaging = tf.maximum(overlaps, 0) / per_pixel
    centres = tf.clip_by_value((places[:, tf.newaxis] + 0.5) / per_pixel - 0.5, 0, small - 1)  # (B, old, 1)
    interpolating = tf.maximum(1 - tf.abs(centres - places), 0)  # (B, old, new)
    return tf.cast(tf.matmul(interpolating, averaging), tf.float32)


def mix_pixels(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Apply one matrix along the height and one along the width of each image.

    Args:
        images: (B, H, W, C) float32.
        rows: (B, H, H) float32.
        columns: (B, W, W) float32.

    Returns:
        (B, H, W, C) float32.
    """
    images = tf.convert_to_tensor(images)
    # In two steps: with three factors the order, and so the last bit, would depend on what is known of the shapes.
    mixed = tf.einsum("bij,bjwc->biwc", rows, images)
    return tf.ensure_shape(tf.einsum("bkw,bhwc->bhkc", columns, mixed), images.shape)


def add_noise(images: tf.Tensor, sigmas: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    """Add independent, nearly normal noise to each pixel, clipped to 0..255.

    Args:
        images: (B, H, W, C) float32 in 0..255.
        sigmas: (B,) grey levels.
        words: (B,) uint64, one random word per image.
    """
    images = tf.convert_to_tensor(images)
    height, width, channels = tf.unstack(tf.shape(images)[1:])
    noise = normal_noise(words, height, width, channels)
    return tf.ensure_shape(clip(images + per_image(sigmas) * noise), images.shape)
