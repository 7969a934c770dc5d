"""Mixup (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization") with one weight per image."""

from __future__ import annotations

import math

import tensorflow as tf


def symmetric_beta(uniforms: tuple[tf.Tensor, ...], alpha: float) -> tf.Tensor:
    """Sample Beta(alpha, alpha) exactly from three uniform numbers, without rejection.

    Method: Devroye 1996, "Random variate generation in one line of code", for every alpha > 0.

    Args:
        uniforms: three tensors of shape (B,), float64 in [0, 1).
        alpha: both parameters of the distribution, above 0.

    Returns:
        (B,) float64 in [0, 1].
    """
    radius, angle, sign = uniforms
    radius = tf.maximum(radius, 2.0**-54)  # never 0
    spread = tf.math.expm1(-tf.math.log(radius) / alpha) * tf.cos(2 * math.pi * angle) ** 2
    distance = 0.5 / tf.sqrt(1 + 1 / spread)  # spread may be infinite (distance 0.5) or 0 (distance 0)
    return 0.5 + tf.where(sign < 0.5, -distance, distance)


def mixup(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix each image and its label with those of another image of the batch.

    Partners are drawn: the images stand in a circle in the order of ``places``, and each is mixed with the one before
    it. Neighbours in the batch would always be of two classes where classes take turns.

    Args:
        images: (B, H, W, C) float32.
        labels: (B, classes) float32, rows that sum to 1.
        weights: (B,) share of the image itself, 0..1.
        places: (B,) random numbers.

    Returns:
        The mixed images and labels; a batch of one image stays as it is.
    """
    circle = tf.argsort(places, stable=True)  # (B,)
    partners = tf.gather(tf.roll(circle, shift=1, axis=0), tf.argsort(circle))  # (B,)
    weights = tf.cast(weights, tf.float32)[:, tf.newaxis]  # (B, 1)
    pixel_weights = weights[:, :, tf.newaxis, tf.newaxis]  # (B, 1, 1, 1)
    mixed = pixel_weights * images + (1 - pixel_weights) * tf.gather(images, partners)
    return mixed, weights * labels + (1 - weights) * tf.gather(labels, partners)
