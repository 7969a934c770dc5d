"""Brightness, contrast and channel shift of a batch, one value per image, clipped to 0..255."""

from __future__ import annotations

import tensorflow as tf


def per_image(values: tf.Tensor) -> tf.Tensor:
    """One value per image in the shape that broadcasts over pixels: (B,) to (B, 1, 1, 1) float32."""
    return tf.cast(values, tf.float32)[:, tf.newaxis, tf.newaxis, tf.newaxis]  # (B, 1, 1, 1)


def clip(images: tf.Tensor) -> tf.Tensor:
    """Grey levels below 0 become 0, those above 255 become 255."""
    return tf.clip_by_value(images, 0.0, 255.0)


def image_means(images: tf.Tensor) -> tf.Tensor:
    """Return the mean of each channel of each image, to 1/256 grey level.

    The sum is taken over whole numbers, so that it does not depend on the order of summation and hence not on how a
    batch is split over threads.

    Args:
        images: (B, H, W, C) float32 in 0..255.

    Returns:
        (B, 1, 1, C) float32.
    """
    sums = tf.reduce_sum(tf.cast(images * 256, tf.int64), axis=(1, 2), keepdims=True)  # (B, 1, 1, C)
    pixels = tf.cast(256 * tf.reduce_prod(tf.shape(images)[1:3]), tf.float64)
    return tf.cast(tf.cast(sums, tf.float64) / pixels, tf.float32)


def shift_channels(images: tf.Tensor, intensities: tf.Tensor) -> tf.Tensor:
    """Add one number of grey levels per image to all its channels, as ``ImageDataGenerator`` does.

    The result is clipped to 0..255; the legacy class clips to the darkest and brightest pixel of the image instead.

    Args:
        images: (B, H, W, C) float32 in 0..255.
        intensities: (B,) grey levels.
    """
    return clip(images + per_image(intensities))


def adjust_brightness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiply each image by its factor, as ``apply_brightness_shift`` of Keras does through Pillow.

    Args:
        images: (B, H, W, C) float32 in 0..255.
        factors: (B,), 1 leaves the image as it is.
    """
    return clip(images * per_image(factors))


def adjust_contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Scale the distance of each pixel to the mean of its channel, as ``tf.image.adjust_contrast`` does.

    Args:
        images: (B, H, W, C) float32 in 0..255.
        factors: (B,), 1 leaves the image as it is.
    """
    means = image_means(images)
    return clip((images - means) * per_image(factors) + means)
