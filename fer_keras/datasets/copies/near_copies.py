"""Near copies: the same picture re-encoded, rescaled, shifted a little, brightened or mirrored. No TensorFlow.

Two steps. The perceptual hash names candidates among all pairs (:mod:`.candidates`). Then the filtered correlation of
the two pictures decides (:mod:`.correlation`). Both are the same whichever picture comes first. The thresholds were
set by looking at pairs of FER2013 on both sides of them. For photographs they are fixed, so that what is a copy does
not depend on what else is in a data set; where faces that are no copies are more alike, as drawn ones are, hash and
thresholds follow from the faces at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import candidates
from .correlation import correlate
from .perceptual_hash import HASH_LENGTH, PHOTOGRAPHS, Whitening, images_at_once, low_frequencies, measure_whitening
from .pictures import Pictures

# Hash similarity of a candidate: copies shifted by two pixels have 0.71 or more in 95 of 100 cases.
CANDIDATE_SIMILARITY = 0.70
# Filtered correlation of a copy. Between 0.80 and 0.85 one pair in six was no copy, above it hardly any.
COPY_CORRELATION = 0.82
# Standard deviations above what random pairs have; only sets of very similar faces reach the upper bounds.
_CANDIDATE_SIGMAS, _COPY_SIGMAS = 4.0, 4.5
_MOST_SIMILARITY, _MOST_CORRELATION = 0.90, 0.97
_RANDOM_PAIRS, _ENOUGH_TO_COMPARE = 2000, 64


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


class _Measure(NamedTuple):
    """How copies are told in one set: the whitening of the hash, and the thresholds."""

    whitening: Whitening
    similarity: float
    correlation: float

    @property
    def is_fixed(self) -> bool:
        """Whether nothing of it follows from the set."""
        return self.whitening is PHOTOGRAPHS and self[1:] == (CANDIDATE_SIMILARITY, COPY_CORRELATION)


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
    if others is None:
        return search_pairs(Pictures([images]), np.arange(len(images)), np.zeros(len(images), np.int64))[0]
    if not len(images) or not len(others):
        return no_pairs()
    n = len(images) + len(others)
    sides = (np.arange(n) >= len(images)).astype(np.int64)
    found, _ = search_pairs(Pictures([images, others]), np.arange(n), sides)
    across = sides[found.first] != sides[found.second]
    first, second = found.first[across], found.second[across] - len(images)
    return NearPairs(first, second, found.correlation[across], found.mirrored[across])


def no_pairs() -> NearPairs:
    """Return no pair at all."""
    return _as_pairs(np.empty((0, 3), np.int64), np.empty(0, np.float32))


def search_pairs(pictures: Pictures, rows: np.ndarray, kinds: np.ndarray) -> tuple[NearPairs, bool]:
    """Find the near copies among some pictures, each pair once.

    Args:
        pictures: all of them.
        rows: (n,) int64, those that are compared, in ascending order.
        kinds: (n,) int64, which splits each of these stands in: where a picture has very many copies, enough are found
            in every one.

    Returns:
        Pairs of ``rows``, the smaller first, in order of ``first``, then ``second``; and whether they were told as
        among photographs, so that the same pairs are copies in any part of the set.
    """
    if len(rows) < 2:
        return no_pairs(), True
    coefficients = _low_frequencies(pictures, rows)
    measure = _choose_measure(pictures, rows, coefficients)
    hashes = measure.whitening.hash(coefficients)
    del coefficients  # as much memory as the hashes
    pairs = candidates.find_candidates(hashes, kinds, measure.similarity)
    pairs[:, :2] = rows[pairs[:, :2]]
    correlation = correlate(pictures, pairs)
    copies = correlation >= measure.correlation
    return _as_pairs(pairs[copies], correlation[copies]), measure.is_fixed


def _low_frequencies(pictures: Pictures, rows: np.ndarray) -> np.ndarray:
    coefficients = np.empty((len(rows), HASH_LENGTH), np.float32)
    size = images_at_once(pictures.parts[0])
    for start in range(0, len(rows), size):
        coefficients[start : start + size] = low_frequencies(pictures.take(rows[start : start + size])[..., None])
    return coefficients


def _choose_measure(pictures: Pictures, rows: np.ndarray, coefficients: np.ndarray) -> _Measure:
    """Return how copies are told among these pictures, from what random pairs of them have."""
    if len(rows) < _ENOUGH_TO_COMPARE:
        return _Measure(PHOTOGRAPHS, CANDIDATE_SIMILARITY, COPY_CORRELATION)
    pairs = np.random.default_rng(0).integers(0, len(rows), (_RANDOM_PAIRS, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    whitening, similarity = PHOTOGRAPHS, _similarity_beyond(pairs, PHOTOGRAPHS.hash(coefficients))
    if similarity > CANDIDATE_SIMILARITY:
        whitening = measure_whitening(coefficients)
        similarity = _similarity_beyond(pairs, whitening.hash(coefficients))
    straight = np.concatenate([rows[pairs], np.zeros((len(pairs), 1), np.int64)], axis=1)
    correlation = _sigmas_above(correlate(pictures, straight), _COPY_SIGMAS)
    return _Measure(
        whitening,
        float(np.clip(similarity, CANDIDATE_SIMILARITY, _MOST_SIMILARITY)),
        float(np.clip(correlation, COPY_CORRELATION, _MOST_CORRELATION)),
    )


def _similarity_beyond(pairs: np.ndarray, hashes: np.ndarray) -> float:
    return _sigmas_above((hashes[pairs[:, 0]] * hashes[pairs[:, 1]]).sum(axis=1), _CANDIDATE_SIGMAS)


def _sigmas_above(values: np.ndarray, sigmas: float) -> float:
    """Median plus so many standard deviations, these from the median deviation: copies among the pairs weigh little."""
    middle = np.median(values)
    return float(middle + sigmas * 1.4826 * np.median(np.abs(values - middle)))


def _as_pairs(pairs: np.ndarray, correlation: np.ndarray) -> NearPairs:
    order = np.lexsort((-correlation, pairs[:, 1], pairs[:, 0]))
    pairs, correlation = pairs[order], correlation[order]
    new = np.ones(len(pairs), bool)  # a symmetric picture is its own mirror image: keep the better of the two
    new[1:] = (np.diff(pairs[:, :2], axis=0) != 0).any(axis=1)
    return NearPairs(pairs[new, 0], pairs[new, 1], correlation[new].astype(np.float32), pairs[new, 2].astype(bool))
