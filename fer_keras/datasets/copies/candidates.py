"""Which pictures could be copies: all pairs whose hashes are alike. No TensorFlow.

Up to ``EXACT`` pictures, every pair is compared. More are sorted into lists around centres, as an inverted file does
(Jegou et al., "Product Quantization for Nearest Neighbor Search", 2011), and each picture is compared with those of
the lists that lie nearest to it, as it is and turned left to right: the time grows with n to the power of 1.5 where
all pairs take n squared. A pair is found when it is found from either side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .perceptual_hash import mirror
from .threads import map_in_threads, with_lines

EXACT = 60_000  # pictures
# A picture that is there hundreds of times is found through the most similar ones of its copies in every split.
MOST_PER_PICTURE = 24

_LISTS_PER_ROOT, _PROBES = 4, 96
_FACES_PER_CENTRE, _ROUNDS = 32, 5  # that the centres are fitted to, and how often
_QUERIES = 50_000  # whose lists are held at a time
_BLOCK = 8 * 2**20  # similarities at a time, 32 MB
_MOST_WAITING = 2_000_000  # directed pairs, before those that are too many per picture are dropped
_ROUNDING = 1e-5


def find_candidates(hashes: np.ndarray, kinds: np.ndarray, threshold: float, *, exact: int = EXACT) -> np.ndarray:
    """Find the pairs of hashes with a similarity above a threshold; those of one picture are bounded.

    Args:
        hashes: (n, 63) float32 of length 1.
        kinds: (n,) int, which splits a picture stands in; the most similar ``MOST_PER_PICTURE`` of each kind are kept.
        threshold: of the product of two hashes.
        exact: largest n for which all pairs are compared.

    Returns:
        (c, 3) int64: first, second (first < second), 1 where the second is turned left to right. In an order in which
        neighbours share pictures.
    """
    if len(hashes) <= exact:
        listed, blocks = np.zeros(len(hashes), np.int64), _all_pairs(len(hashes))
    else:
        centres = _fit_centres(hashes)
        listed = _nearest(hashes, centres, 1)[:, 0]
        blocks = _nearby_pairs(hashes, centres, listed)
    found = _Found(kinds)
    compared = map_in_threads(lambda block: _compare(hashes, block, threshold), blocks)
    for block, first, second, similarity in with_lines(
        compared, lambda found: found.block.done, f"looking for copies among {len(hashes):,} faces"
    ):
        found.add(first, second, block.mirrored, similarity)
        if block.both:
            found.add(second, first, block.mirrored, similarity)
    pairs = found.pairs()
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0], listed[pairs[:, 0]]))]


class _Block(NamedTuple):
    """Pictures to compare with others.

    Attributes:
        queries: (q,) rows.
        members: (m,) rows.
        mirrored: whether the queries are turned left to right.
        both: a pair stands for both its directions, since no other block has it.
        done: share of the work that is done with it.
    """

    queries: np.ndarray
    members: np.ndarray
    mirrored: bool
    both: bool
    done: float


class _Compared(NamedTuple):
    """The pairs of a block that are alike: (k,) rows, (k,) rows, (k,) float32."""

    block: _Block
    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray


def _all_pairs(n: int) -> Iterator[_Block]:
    start = 0
    while start < n:
        end = min(n, start + max(1, _BLOCK // (n - start)))
        for mirrored in (False, True):
            done = 1 - ((n - end) / n) ** 2
            yield _Block(np.arange(start, end), np.arange(start, n), mirrored, both=True, done=done)
        start = end


def _nearby_pairs(hashes: np.ndarray, centres: np.ndarray, listed: np.ndarray) -> Iterator[_Block]:
    members = _group(listed, len(centres))
    for start in range(0, len(hashes), _QUERIES):
        rows = np.arange(start, min(start + _QUERIES, len(hashes)))
        for mirrored in (False, True):
            some = mirror(hashes[rows]) if mirrored else hashes[rows]
            probes = _nearest(some, centres, _PROBES)  # (q, probes)
            for there, which in zip(members, _group(probes.ravel(), len(centres)), strict=True):
                queries, step = rows[which // probes.shape[1]], max(1, _BLOCK // max(len(there), 1))
                for cut in range(0, len(queries) if len(there) else 0, step):
                    done = (rows[-1] + 1) / len(hashes)
                    yield _Block(queries[cut : cut + step], there, mirrored, both=False, done=done)


def _fit_centres(hashes: np.ndarray) -> np.ndarray:
    """Return (lists, 63) float32 of length 1: means of the hashes near them."""
    from sklearn.cluster import KMeans  # a second to import, for large sets only

    lists = int(_LISTS_PER_ROOT * len(hashes) ** 0.5)
    sample = hashes[np.random.default_rng(0).permutation(len(hashes))[: lists * _FACES_PER_CENTRE]]
    means = KMeans(lists, init=sample[:lists], n_init=1, max_iter=_ROUNDS, tol=0).fit(sample).cluster_centers_
    return (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def _nearest(hashes: np.ndarray, centres: np.ndarray, n: int) -> np.ndarray:
    """Return (q, n) int32: the centres most like each hash, in no order."""
    n = min(n, len(centres))
    result = np.empty((len(hashes), n), np.int32)
    step = max(1, _BLOCK // len(centres))
    for start in range(0, len(hashes), step):
        similarity = hashes[start : start + step] @ centres.T
        result[start : start + step] = np.argpartition(similarity, -n, axis=1)[:, -n:]
    return result


def _group(values: np.ndarray, n: int) -> list[np.ndarray]:
    """Return, for each value from 0 to n - 1, where it stands in ``values``."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.cumsum(np.bincount(values, minlength=n))[:-1])


def _compare(hashes: np.ndarray, block: _Block, threshold: float) -> _Compared:
    one = mirror(hashes[block.queries]) if block.mirrored else hashes[block.queries]
    above = np.flatnonzero(one @ hashes[block.members].T > threshold - _ROUNDING)
    row, column = np.divmod(above, len(block.members))  # np.nonzero takes five times as long on two axes
    first, second = block.queries[row], block.members[column]
    similarity = np.einsum("kd,kd->k", one[row], hashes[second])  # pair by pair, so that no block has a part in it
    kept = (similarity > threshold) & ((first < second) if block.both else (first != second))
    return _Compared(block, first[kept], second[kept], similarity[kept])


class _Found:
    """Directed pairs, each with its similarity, bounded per picture and kind of partner while they are found."""

    def __init__(self, kinds: np.ndarray):
        self._kinds = kinds
        self._rows = [np.empty((0, 3), np.int32)]
        self._similarity = [np.empty(0, np.float32)]
        self._waiting = 0

    def add(self, first: np.ndarray, second: np.ndarray, mirrored: bool, similarity: np.ndarray) -> None:
        """Add pairs (k,) of a picture and a partner."""
        self._rows.append(np.stack([first, second, np.full_like(first, mirrored)], axis=1).astype(np.int32))
        self._similarity.append(similarity)
        self._waiting += len(first)
        if self._waiting > max(_MOST_WAITING, len(self._rows[0])):
            self._bound()

    def _bound(self) -> None:
        rows, similarity = np.concatenate(self._rows), np.concatenate(self._similarity)
        group = rows[:, 0] * (self._kinds.max(initial=0) + 1) + self._kinds[rows[:, 1]]  # one picture, one kind
        order = np.lexsort((rows[:, 1], -similarity, group))
        group = group[order]
        rank = np.arange(len(rows)) - np.searchsorted(group, group)
        kept = order[rank < MOST_PER_PICTURE]
        self._rows, self._similarity, self._waiting = [rows[kept]], [similarity[kept]], 0

    def pairs(self) -> np.ndarray:
        """Return (c, 3) int64: each pair once, the smaller row first."""
        self._bound()
        first, second, mirrored = self._rows[0].T
        n = len(self._kinds)
        keys = (np.minimum(first, second).astype(np.int64) * n + np.maximum(first, second)) * 2 + mirrored
        keys = np.unique(keys)
        return np.stack([keys // (2 * n), keys // 2 % n, keys % 2], axis=1)
