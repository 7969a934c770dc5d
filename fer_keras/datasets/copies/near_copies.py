"""Near copies: the same picture re-encoded, rescaled, shifted a little, brightened or mirrored. No TensorFlow.

Two steps. The perceptual hash names candidate pairs among all pairs, by blocks of one matrix product each. Then the
normalised cross-correlation (Lewis 1995) of the two images decides, at the best of small shifts, after a
difference-of-Gaussians filter: without it, two people before the same kind of background would correlate too.
The thresholds were set by looking at pairs of FER2013 on both sides of them; where faces that are no copies are
more alike than there, as drawn ones are, both thresholds rise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .perceptual_hash import cosine_basis, images_at_once, low_frequencies, mirror, whiten

# Hash similarity of a candidate: copies shifted by two pixels have 0.71 or more in 95 of 100 cases.
CANDIDATE_SIMILARITY = 0.70
# Filtered correlation of a copy. Between 0.80 and 0.85 one pair in six was no copy, above it hardly any.
COPY_CORRELATION = 0.82
# Standard deviations above what random pairs have; only sets of very similar faces reach the upper bounds.
_CANDIDATE_SIGMAS, _COPY_SIGMAS = 4.0, 4.5
_MOST_SIMILARITY, _MOST_CORRELATION = 0.90, 0.97
_RANDOM_PAIRS, _ENOUGH_TO_COMPARE = 2000, 64

MAX_SHIFT = 3  # pixels of a 48 pixel image
FINE, COARSE = 1.0, 3.0  # standard deviations of the two Gaussians, in pixels of a 48 pixel image

_SIDE = 48
_HASH_BLOCK = 256
_PAIR_BLOCK = 500
# A picture that is there hundreds of times is found through the most similar ones of its copies.
_MOST_PER_IMAGE = 24


@dataclass(frozen=True)
class NearPairs:
    """Pairs of images that show the same picture.

    Attributes:
        first: (p,) int64 index of one image.
        second: (p,) int64 index of the other.
        correlation: (p,) float32, filtered correlation at the best shift, at most 1.
        mirrored: (p,) bool, the second has to be turned left to right.
    """

    first: np.ndarray
    second: np.ndarray
    correlation: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def near_pairs(images: np.ndarray, others: np.ndarray | None = None) -> NearPairs:
    """Find near copies within one set of images, or between two.

    Pixel-identical images are pairs too (correlation 1); flat images are in no pair.

    Args:
        images: (n, H, W, 1) uint8.
        others: (m, H, W, 1) uint8; ``second`` counts in these. None compares ``images`` among themselves, each pair
            once.

    Returns:
        Pairs in order of ``first``, then ``second``.
    """
    within = others is None
    if others is None:
        others = images
    if not len(images) or not len(others):
        return _as_pairs(np.empty((0, 3), np.int64), np.empty(0, np.float32))
    low = low_frequencies(others)
    second = whiten(low, low)  # (m, 63)
    first = second if within else whiten(low_frequencies(images), low)  # (n, 63)
    similarity, correlation = _thresholds(others, second)
    candidates = _find_candidates(first, second, similarity, within)  # (c, 3)
    found = _correlate(images, others, candidates)
    return _as_pairs(candidates[found >= correlation], found[found >= correlation])


def _thresholds(images: np.ndarray, hashes: np.ndarray) -> tuple[float, float]:
    """Return the similarity of a candidate and the correlation of a copy, from what random pairs have."""
    if len(images) < _ENOUGH_TO_COMPARE:
        return CANDIDATE_SIMILARITY, COPY_CORRELATION
    first, second = np.random.default_rng(0).integers(0, len(images), (2, _RANDOM_PAIRS))
    first, second = first[first != second], second[first != second]
    similarity = _sigmas_above((hashes[first] * hashes[second]).sum(axis=1), _CANDIDATE_SIGMAS)
    correlation = _correlate(images, images, np.stack([first, second, np.zeros_like(first)], axis=1))
    return (
        float(np.clip(similarity, CANDIDATE_SIMILARITY, _MOST_SIMILARITY)),
        float(np.clip(_sigmas_above(correlation, _COPY_SIGMAS), COPY_CORRELATION, _MOST_CORRELATION)),
    )


def _sigmas_above(values: np.ndarray, sigmas: float) -> float:
    """Median plus so many standard deviations, these from the median deviation: copies among the pairs weigh little."""
    middle = np.median(values)
    return middle + sigmas * 1.4826 * np.median(np.abs(values - middle))


def working_size(images: np.ndarray) -> np.ndarray:
    """Return images (n, H, W, 1) uint8 at no more than 48x48, which is all that copies are looked for in."""
    height, width = images.shape[1:3]
    if height <= _SIDE and width <= _SIDE:
        return images
    small = np.empty((len(images), _SIDE, _SIDE, 1), np.uint8)
    rows, columns, size = _gaussian(height, 0.0), _gaussian(width, 0.0), images_at_once(images)
    for start in range(0, len(images), size):
        block = rows @ images[start : start + size, :, :, 0].astype(np.float32) @ columns.T  # (B, 48, 48)
        small[start : start + size, :, :, 0] = np.clip(np.rint(block), 0, 255)
    return small


def _as_pairs(pairs: np.ndarray, correlation: np.ndarray) -> NearPairs:
    order = np.lexsort((-correlation, pairs[:, 1], pairs[:, 0]))
    pairs, correlation = pairs[order], correlation[order]
    new = np.ones(len(pairs), bool)  # a symmetric picture is its own mirror image: keep the better of the two
    new[1:] = (np.diff(pairs[:, :2], axis=0) != 0).any(axis=1)
    return NearPairs(pairs[new, 0], pairs[new, 1], correlation[new].astype(np.float32), pairs[new, 2].astype(bool))


def _find_candidates(first: np.ndarray, second: np.ndarray, threshold: float, within: bool) -> np.ndarray:
    """Compare the hashes (n, 63) with (m, 63); return (c, 3) int64: first, second, mirrored."""
    found = [np.empty((0, 3), np.int64)]
    for start in range(0, len(first), _HASH_BLOCK):
        block = first[start : start + _HASH_BLOCK]
        after = start if within else 0  # the pairs before it were looked at from their other side
        for mirrored, hashes in enumerate((block, mirror(block))):
            similarity = hashes @ second[after:].T  # (B, m - after)
            if within:  # no image with itself or one before it
                similarity[:, : len(block)][np.tri(len(block), dtype=bool)] = -1.0
            one, two = _above_threshold(similarity, threshold)
            found.append(np.stack([one + start, two + after, np.full_like(one, mirrored)], axis=1))
    return np.concatenate(found)


def _above_threshold(similarity: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    above = similarity > threshold
    for row in np.flatnonzero(np.count_nonzero(above, axis=1) > _MOST_PER_IMAGE):
        above[row] = False
        above[row, np.argpartition(similarity[row], -_MOST_PER_IMAGE)[-_MOST_PER_IMAGE:]] = True
    return np.divmod(np.flatnonzero(above), above.shape[1])  # np.nonzero takes five times as long on two axes


def _correlate(images: np.ndarray, others: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return (c,) float32: the filtered correlation of each candidate pair at its best shift."""
    result = np.empty(len(candidates), np.float32)
    for start in range(0, len(candidates), _PAIR_BLOCK):
        first, second, mirrored = candidates[start : start + _PAIR_BLOCK].T
        one, two = _filtered(images, first), _filtered(others, second)  # (P, 48, 48)
        two = np.where(mirrored[:, None, None] == 1, two[:, :, ::-1], two)
        result[start : start + _PAIR_BLOCK] = _best_correlation(one, two)
    return result


def _filtered(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Difference of Gaussians of the images at ``rows``, each computed once, at 48x48: (len(rows), 48, 48) float32."""
    distinct, where = np.unique(rows, return_inverse=True)
    pixels = images[distinct, :, :, 0].astype(np.float32)
    height, width = pixels.shape[1:]
    fine, coarse = (
        _gaussian(height, sigma) @ pixels @ _gaussian(width, sigma).T for sigma in (FINE, COARSE)
    )  # (U, 48, 48)
    return (fine - coarse)[where]


def _gaussian(size: int, sigma: float) -> np.ndarray:
    """A matrix (48, size) that filters a line with a Gaussian and resamples it to 48 pixels, by way of the DCT."""
    frequencies = min(size, _SIDE)
    gain = np.exp(-0.5 * (np.pi * np.arange(frequencies) * sigma / _SIDE) ** 2)
    analysis = cosine_basis(size, frequencies) * np.sqrt(_SIDE / size)
    return (cosine_basis(_SIDE, frequencies).T * gain) @ analysis


def _best_correlation(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Correlate the middle of ``one`` with every shifted window of ``two``: (P, 48, 48) each to (P,)."""
    side = _SIDE - 2 * MAX_SHIFT
    window = one[:, MAX_SHIFT : MAX_SHIFT + side, MAX_SHIFT : MAX_SHIFT + side]
    window = window - window.mean(axis=(1, 2), keepdims=True)
    window = window / np.maximum(np.sqrt((window**2).sum(axis=(1, 2), keepdims=True)), 1e-6)
    energy = _window_sums(two**2, side) - _window_sums(two, side) ** 2 / side**2  # (P, 7, 7)
    best = np.full(len(one), -1.0, np.float32)
    for y, x in np.ndindex(energy.shape[1:]):
        product = np.einsum("pij,pij->p", window, two[:, y : y + side, x : x + side])
        best = np.maximum(best, product / np.sqrt(np.maximum(energy[:, y, x], 1e-6)))
    return np.minimum(best, 1.0)


def _window_sums(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over all side x side windows, from one integral image: (P, 48, 48) to (P, 49 - side, 49 - side)."""
    integral = np.zeros((len(values), values.shape[1] + 1, values.shape[2] + 1))
    integral[:, 1:, 1:] = values.cumsum(axis=1, dtype=np.float64).cumsum(axis=2)
    low, high = slice(None, -side), slice(side, None)
    return integral[:, high, high] - integral[:, low, high] - integral[:, high, low] + integral[:, low, low]
