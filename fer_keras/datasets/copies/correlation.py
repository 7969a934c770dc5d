"""The normalised cross-correlation of two pictures at the best of small shifts (Lewis 1995). No TensorFlow.

Pictures are brought to 48x48 and filtered by a difference of Gaussians: without it, two people before the same kind of
background would correlate too. The middle of one picture is laid over every window of the other and the other way
round, by the Fourier transform; a copy has to hold in both directions, so the smaller of the two is what counts, and
no order of the pictures matters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import fft

from .perceptual_hash import cosine_basis
from .pictures import Pictures
from .threads import map_in_threads, with_lines

MAX_SHIFT = 3  # pixels of a 48 pixel picture
FINE, COARSE = 1.0, 3.0  # standard deviations of the two Gaussians, in pixels of a 48 pixel picture

_SIDE = 48
_WINDOW = _SIDE - 2 * MAX_SHIFT
_SHIFTS = 2 * MAX_SHIFT + 1
_PAIR_BLOCK = 500

# The inverse transform where it is wanted, at the shifts: (7, 48) over rows, (25, 7) over columns.
_PHASE = 2j * np.pi / _SIDE * np.outer(np.arange(_SHIFTS), np.arange(_SIDE))
_ROWS = (np.exp(_PHASE) / _SIDE).astype(np.complex64)
_TWICE = np.where(np.arange(_SIDE // 2 + 1) % (_SIDE // 2) == 0, 1, 2)  # real input: half of the spectrum is not kept
_COLUMNS = (np.exp(_PHASE[:, : _SIDE // 2 + 1]) * _TWICE / _SIDE).T.astype(np.complex64)
# Sums over the windows of a line: (7, 48).
_WINDOWS = (np.subtract.outer(np.arange(_SIDE), np.arange(_SHIFTS)).T % _SIDE < _WINDOW).astype(np.float32)


class _Prepared(NamedTuple):
    """What the correlation needs of u pictures.

    Attributes:
        middle: (u, 48, 25) complex64, conjugate spectrum of the middle window of length 1 without its mean.
        whole: (u, 48, 25) complex64, spectrum of the picture.
        scale: (u, 7, 7) float32, one over the length of each window without its mean.
    """

    middle: np.ndarray
    whole: np.ndarray
    scale: np.ndarray


def correlate(pictures: Pictures, pairs: np.ndarray) -> np.ndarray:
    """Correlate pairs of pictures; neighbours in the list should share pictures, which are prepared once a block.

    Args:
        pictures: of any one size.
        pairs: (p, 3) int64: first, second, 1 where the second is turned left to right first.

    Returns:
        (p,) float32, at most 1.
    """
    blocks = (pairs[start : start + _PAIR_BLOCK] for start in range(0, len(pairs), _PAIR_BLOCK))
    found = enumerate(map_in_threads(lambda block: _correlate_block(pictures, block), blocks), start=1)
    lines = with_lines(
        found, lambda item: min(1.0, item[0] * _PAIR_BLOCK / len(pairs)), f"comparing {len(pairs):,} pairs of faces"
    )
    return np.concatenate([np.empty(0, np.float32), *(correlation for _, correlation in lines)])


def _correlate_block(pictures: Pictures, pairs: np.ndarray) -> np.ndarray:
    first, second, mirrored = pairs.T
    sides, where = np.unique(np.concatenate([2 * first, 2 * second + mirrored]), return_inverse=True)
    one, two = where[: len(pairs)], where[len(pairs) :]
    prepared = _prepare(_filter(pictures.take(sides // 2), sides % 2 == 1))
    return np.minimum(np.minimum(_slide(prepared, one, two), _slide(prepared, two, one)), 1.0)


def _filter(pixels: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Difference of Gaussians of (u, H, W) uint8, some turned left to right, at 48x48: (u, 48, 48) float32."""
    height, width = pixels.shape[1:]
    columns = np.concatenate([_gaussian(width, FINE), _gaussian(width, COARSE)]).T  # (W, 96)
    lines = (pixels.reshape(-1, width).astype(np.float32) @ columns).reshape(-1, height, 2, _SIDE)
    both = np.ascontiguousarray(lines.transpose(0, 2, 1, 3)).reshape(-1, 2 * height, _SIDE)
    filtered = np.concatenate([_gaussian(height, FINE), -_gaussian(height, COARSE)], axis=1) @ both
    filtered[mirrored] = filtered[mirrored, :, ::-1]
    return filtered


def _gaussian(size: int, sigma: float) -> np.ndarray:
    """A matrix (48, size) that filters a line with a Gaussian and resamples it to 48 pixels, by way of the DCT."""
    frequencies = min(size, _SIDE)
    gain = np.exp(-0.5 * (np.pi * np.arange(frequencies) * sigma / _SIDE) ** 2)
    analysis = cosine_basis(size, frequencies) * np.sqrt(_SIDE / size)
    return ((cosine_basis(_SIDE, frequencies).T * gain) @ analysis).astype(np.float32)


def _prepare(filtered: np.ndarray) -> _Prepared:
    middle = filtered[:, MAX_SHIFT:-MAX_SHIFT, MAX_SHIFT:-MAX_SHIFT]  # (u, 42, 42)
    middle = middle - middle.mean(axis=(1, 2), keepdims=True)
    middle /= np.maximum(np.sqrt(np.einsum("uij,uij->u", middle, middle)), 1e-6)[:, None, None]
    energy = _window_sums(filtered**2) - _window_sums(filtered) ** 2 / _WINDOW**2  # (u, 7, 7)
    spectrum = fft.rfft2(middle, s=(_SIDE, _SIDE))
    return _Prepared(np.conj(spectrum), fft.rfft2(filtered), 1 / np.sqrt(np.maximum(energy, 1e-6)))


def _window_sums(values: np.ndarray) -> np.ndarray:
    """Sums over all windows of 42x42: (u, 48, 48) to (u, 7, 7)."""
    return _WINDOWS @ values @ _WINDOWS.T


def _slide(prepared: _Prepared, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Lay the middle of the pictures at ``one`` over every window of those at ``two``: (p,) float32, the best."""
    product = (_ROWS @ (prepared.middle[one] * prepared.whole[two])).reshape(-1, len(_COLUMNS))  # (p * 7, 25)
    products = product.real @ _COLUMNS.real - product.imag @ _COLUMNS.imag
    return (products.reshape(-1, _SHIFTS, _SHIFTS) * prepared.scale[two]).max(axis=(1, 2))
