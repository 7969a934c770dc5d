"""A perceptual hash of faces, kept as real numbers: near copies lie close together, other faces do not.

It is the discrete cosine transform hash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010) without the last step, which keeps one bit of each coefficient: a matrix product compares real
numbers as fast as bits, and they stand more change. No TensorFlow.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

FREQUENCIES = 8
HASH_LENGTH = FREQUENCIES * FREQUENCIES - 1  # all but the mean brightness

# Fewer faces do not tell the usual size of a coefficient.
_ENOUGH_TO_WHITEN = 256
_PIXELS_AT_ONCE = 1024 * 48 * 48
# Length of the coefficients, in grey levels times pixels, below which an image of 48x48 shows nothing.
_FLAT = 48.0


def images_at_once(images: np.ndarray) -> int:
    """How many of the images (n, H, W, 1) to turn into floats at a time: 1,024 of 48x48, fewer of larger ones."""
    return max(1, _PIXELS_AT_ONCE // max(images[0].size if len(images) else 1, 1))


def cosine_basis(size: int, frequencies: int) -> np.ndarray:
    """Return the first orthonormal DCT-II vectors of length ``size``: (frequencies, size) float32."""
    return dct(np.eye(size), axis=0, norm="ortho")[:frequencies].astype(np.float32)


def low_frequencies(images: np.ndarray) -> np.ndarray:
    """Return the lowest DCT coefficients of each image without the mean.

    Args:
        images: (n, H, W, 1) uint8, at least 8 pixels a side.

    Returns:
        (n, 63) float32 of length 1; all zero where an image shows nothing.
    """
    n, height, width = images.shape[:3]
    rows, columns = cosine_basis(height, FREQUENCIES), cosine_basis(width, FREQUENCIES)
    result = np.empty((n, HASH_LENGTH), np.float32)
    size = images_at_once(images)
    for start in range(0, n, size):
        block = images[start : start + size, :, :, 0].astype(np.float32)  # (B, H, W)
        coefficients = (rows @ block @ columns.T).reshape(len(block), -1)[:, 1:]  # (B, 63)
        length = np.linalg.norm(coefficients, axis=1) * 48.0 / np.sqrt(height * width)
        coefficients[length < _FLAT] = 0.0
        result[start : start + size] = _unit(coefficients)
    return result


def whiten(coefficients: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Give every coefficient the same weight among the faces at hand, so that what all faces share counts nothing.

    Args:
        coefficients: (n, 63) of :func:`low_frequencies`.
        among: (m, 63) of the faces whose mean and spread are taken; with fewer than 256 every weight is 1.

    Returns:
        (n, 63) float32 of length 1; the product of two is their similarity, -1 to 1.
    """
    if len(among) < _ENOUGH_TO_WHITEN:
        return coefficients
    something = coefficients.any(axis=1, keepdims=True)  # a flat image must not become like the mean face
    spread = np.maximum(among.std(axis=0), 1e-3)
    return _unit((coefficients - among.mean(axis=0)) / spread * something)


def mirror(hashes: np.ndarray) -> np.ndarray:
    """Return the coefficients of the images turned left to right: the odd horizontal frequencies change sign."""
    sign = np.where(np.arange(FREQUENCIES) % 2, -1.0, 1.0).astype(np.float32)
    return hashes * np.tile(sign, FREQUENCIES)[1:]


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
