"""A perceptual hash of faces, kept as real numbers: near copies lie close together, other faces do not.

It is the discrete cosine transform hash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 2010) without the last step, which keeps one bit of each coefficient: a matrix product compares real
numbers as fast as bits, and they stand more change. No TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.fft import dct

FREQUENCIES = 8
HASH_LENGTH = FREQUENCIES * FREQUENCIES - 1  # all but the mean brightness

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


class Whitening(NamedTuple):
    """What the coefficients of faces have in common, to be taken out of them.

    Attributes:
        mean: (63,) float32; 0 at the odd horizontal frequencies, since a face turned left to right is as likely.
        spread: (63,) float32, standard deviation.
    """

    mean: np.ndarray
    spread: np.ndarray

    def hash(self, coefficients: np.ndarray) -> np.ndarray:
        """Give every coefficient the same weight, so that what all faces share counts nothing.

        Args:
            coefficients: (n, 63) of :func:`low_frequencies`.

        Returns:
            (n, 63) float32 of length 1; the product of two is their similarity, -1 to 1.
        """
        something = coefficients.any(axis=1, keepdims=True)  # a flat image must not become like the mean face
        hashes = coefficients - self.mean
        hashes /= self.spread
        hashes *= something
        return _unit(hashes)


def measure_whitening(coefficients: np.ndarray) -> Whitening:
    """Return the whitening of the faces with these coefficients (n, 63)."""
    mean = np.where(_mirror_signs() > 0, coefficients.mean(axis=0), 0).astype(np.float32)
    return Whitening(mean, np.maximum(coefficients.std(axis=0), 1e-3))


def mirror(hashes: np.ndarray) -> np.ndarray:
    """Return the coefficients of the images turned left to right: the odd horizontal frequencies change sign."""
    return hashes * _mirror_signs()


def _mirror_signs() -> np.ndarray:
    sign = np.where(np.arange(FREQUENCIES) % 2, -1.0, 1.0).astype(np.float32)
    return np.tile(sign, FREQUENCIES)[1:]


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _table(rows: str) -> np.ndarray:
    return np.array(rows.split(), np.float32)[1:]


# Of the 34,032 distinct images of FER2013, by vertical, then horizontal frequency. They stand here, and are not those
# of the faces at hand, so that two photographs are copies of each other or not whatever else is in a data set.
PHOTOGRAPHS = Whitening(
    mean=_table("""
         .000  .000 -.204  .000 -.007  .000 -.006  .000
         .022  .000 -.083  .000  .034  .000 -.010  .000
        -.123  .000  .001  .000  .038  .000  .043  .000
         .068  .000 -.009  .000 -.047  .000  .034  .000
         .036  .000 -.007  .000  .005  .000 -.002  .000
        -.069  .000  .053  .000  .022  .000 -.017  .000
        -.061  .000  .036  .000  .022  .000 -.012  .000
         .005  .000  .002  .000 -.009  .000  .005  .000"""),
    spread=_table("""
         .000  .373  .359  .189  .177  .119  .115  .086
         .283  .184  .208  .129  .125  .094  .086  .067
         .183  .129  .152  .099  .117  .083  .093  .069
         .139  .093  .112  .081  .096  .071  .078  .057
         .120  .079  .098  .074  .077  .058  .058  .049
         .116  .065  .089  .059  .069  .050  .055  .042
         .091  .053  .074  .053  .060  .043  .047  .038
         .068  .045  .060  .047  .051  .038  .041  .034"""),
)
