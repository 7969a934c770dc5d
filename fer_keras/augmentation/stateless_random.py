"""Counter-based random numbers: a pure function of (seed, epoch, index, draw), the same in every batch.

The generator is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): a counter
that advances by the golden-ratio constant, mixed by the 64-bit finaliser of Stafford ("variant 13"). The three parts of
a key are absorbed one after the other, each followed by a full mix, so neighbouring keys share nothing.
"""

from __future__ import annotations

import tensorflow as tf

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio, odd


def _uint64(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)


def _xor_shift(words: tf.Tensor, bits: int) -> tf.Tensor:
    shift = tf.constant(bits, words.dtype)
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, shift))


def _mix64(words: tf.Tensor) -> tf.Tensor:
    words = _xor_shift(words, 30) * _uint64(0xBF58476D1CE4E5B9)
    words = _xor_shift(words, 27) * _uint64(0x94D049BB133111EB)
    return _xor_shift(words, 31)


def _mix32(words: tf.Tensor) -> tf.Tensor:
    """The 32-bit finaliser of MurmurHash3 (Appleby): half the memory of the 64-bit one, for whole images of noise."""
    words = _xor_shift(words, 16) * tf.constant(0x85EBCA6B, tf.uint32)
    words = _xor_shift(words, 13) * tf.constant(0xC2B2AE35, tf.uint32)
    return _xor_shift(words, 16)


def random_words(keys: tf.Tensor, draws: int) -> tf.Tensor:
    """Return 64 random bits per image and draw.

    Args:
        keys: (B, 3) int32 or int64, (seed, epoch, index) of each image.
        draws: how many independent words per image. Word ``j`` does not depend on this number.

    Returns:
        (B, draws) uint64.
    """
    keys = tf.cast(tf.cast(keys, tf.int64), tf.uint64)
    state = _mix64(keys[:, 0] + _uint64(_GOLDEN))  # (B,)
    state = _mix64(state + keys[:, 1])
    state = _mix64(state + keys[:, 2])
    counters = tf.range(1, draws + 1, dtype=tf.int64)
    return _mix64(state[:, tf.newaxis] + tf.cast(counters, tf.uint64) * _uint64(_GOLDEN))  # (B, draws)


def uniform(words: tf.Tensor) -> tf.Tensor:
    """Turn random words into uniform numbers: uint64 of any shape to float64 in [0, 1), from the upper 53 bits."""
    return tf.cast(tf.bitwise.right_shift(words, _uint64(11)), tf.float64) * 2.0**-53


def between(uniforms: tf.Tensor, bounds: tuple[float, float]) -> tf.Tensor:
    """Stretch uniform numbers in [0, 1) to lie between two bounds."""
    return bounds[0] + (bounds[1] - bounds[0]) * uniforms


def _pixel_words(words: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """32 random bits per pixel: words (B,) uint64 to (B, pixels) uint32."""
    starts = tf.cast(tf.bitwise.right_shift(words, _uint64(32)), tf.uint32)  # (B,)
    counters = tf.cast(tf.range(pixels), tf.uint32) * tf.constant(0x9E3779B9, tf.uint32)
    return _mix32(starts[:, tf.newaxis] + counters)


def _byte(words: tf.Tensor, place: int) -> tf.Tensor:
    """Byte ``place`` (0 is the lowest) of uint32 words, as float32 0..255."""
    shifted = tf.bitwise.right_shift(words, tf.constant(8 * place, tf.uint32))
    return tf.cast(tf.bitwise.bitwise_and(shifted, tf.constant(255, tf.uint32)), tf.float32)


def pixel_noise(words: tf.Tensor, height: tf.Tensor, width: tf.Tensor, channels: tf.Tensor) -> tf.Tensor:
    """Return one image of uniform noise per word.

    Args:
        words: (B,) uint64, one random word per image.
        height, width, channels: size of the noise.

    Returns:
        (B, height, width, channels) float32 of whole numbers 0..255.
    """
    grey = _byte(_pixel_words(words, height * width * channels), 3)
    return tf.reshape(grey, (-1, height, width, channels))  # (B, height, width, channels)


def normal_noise(words: tf.Tensor, height: tf.Tensor, width: tf.Tensor, channels: tf.Tensor) -> tf.Tensor:
    """Return one image of nearly normal noise per word, mean 0 and standard deviation 1.

    Each value is the sum of the four bytes of a random word, so none lies beyond 3.5.

    Args:
        words: (B,) uint64, one random word per image.
        height, width, channels: size of the noise.

    Returns:
        (B, height, width, channels) float32.
    """
    bits = _pixel_words(words, height * width * channels)
    total = sum(_byte(bits, place) for place in range(4))  # mean 4 * 127.5, variance 4 * (256**2 - 1) / 12
    return tf.reshape((total - 510.0) / ((256**2 - 1) / 3) ** 0.5, (-1, height, width, channels))
