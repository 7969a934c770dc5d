"""All copies within a data set: how they are looked for, and what can be asked of them. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..faces import SPLITS, FaceDataset
from .exact import exact_groups
from .near_copies import NearPairs, no_pairs, search_pairs
from .pictures import Pictures


@dataclass(frozen=True)
class Duplicates:
    """All copies within a data set of n faces; faces are counted through train, validation and test.

    Attributes:
        split: (n,) int8 index into ``SPLITS``.
        row: (n,) int64 row within its split.
        label: (n,) int64.
        group: (n,) int64, number of the first face with the same pixels; g groups, one per distinct image.
        near: pairs of groups that are near copies of each other, not pixel-identical.
        fixed: whether near copies were told as among photographs, so that the same pairs are copies in any part of the
            data set; see :mod:`.near_copies`.
    """

    split: np.ndarray
    row: np.ndarray
    label: np.ndarray
    group: np.ndarray
    near: NearPairs
    fixed: bool = True

    @property
    def distinct(self) -> int:
        """How many different images there are."""
        return len(np.unique(self.group))

    def repeated(self) -> np.ndarray:
        """Return the groups with two or more faces: (r,) int64."""
        groups, sizes = np.unique(self.group, return_counts=True)
        return groups[sizes > 1]

    def conflicting(self, *, without: str = "") -> np.ndarray:
        """Return the groups whose faces carry different labels: (c,) int64.

        Args:
            without: a split whose faces are left out of account.
        """
        counted = ~self.in_split(without) if without else np.ones(len(self.group), bool)
        group, label = self.group[counted], self.label[counted]
        lowest, highest = np.full(len(self.group), np.iinfo(np.int64).max), np.full(len(self.group), -1)
        np.minimum.at(lowest, group, label)
        np.maximum.at(highest, group, label)
        return np.flatnonzero(highest > lowest)

    def in_split(self, name: str) -> np.ndarray:
        """Return (n,) bool: faces of a split."""
        return self.split == SPLITS.index(name)

    def exact_copy_in(self, reference: str) -> np.ndarray:
        """Return (n,) bool: the pixels stand in split ``reference`` too; its own faces count as copies."""
        return np.isin(self.group, self.group[self.in_split(reference)])

    def near_copy_in(self, reference: str, *, mirrored: bool = False) -> np.ndarray:
        """Return (n,) bool: a near copy, other than the exact ones, stands in split ``reference``.

        Args:
            reference: name of a split.
            mirrored: only copies that are turned left to right.
        """
        there = self.group[self.in_split(reference)]
        chosen = self.near.mirrored if mirrored else np.ones(len(self.near), bool)
        first, second = self.near.first[chosen], self.near.second[chosen]
        near = np.concatenate([first[np.isin(second, there)], second[np.isin(first, there)]])
        return np.isin(self.group, near)

    def copy_in(self, reference: str) -> np.ndarray:
        """Return (n,) bool: an exact or near copy stands in split ``reference``; its own faces count as copies."""
        return self.exact_copy_in(reference) | self.near_copy_in(reference)

    def members(self, group: int) -> list[tuple[str, int]]:
        """Return (split, row) of every face of a group."""
        return [(SPLITS[self.split[i]], int(self.row[i])) for i in np.flatnonzero(self.group == group)]

    def of_rows(self, rows: np.ndarray, splits: np.ndarray, numbers: np.ndarray, labels: np.ndarray) -> Duplicates:
        """Return the copies among some of the faces, which may have other labels.

        Args:
            rows: (m,) int64, which of the n faces, each at most once.
            splits: (m,) int8, index into ``SPLITS`` of where each stands now.
            numbers: (m,) int64, its row there.
            labels: (m,) int64, what it is called now.
        """
        groups, first, which = np.unique(self.group[rows], return_index=True, return_inverse=True)
        now = np.full(len(self.group), -1)  # (n,) group before to group now
        now[groups] = first
        near = self.near
        one, two = now[near.first], now[near.second]
        left = (one >= 0) & (two >= 0)
        one, two = one[left], two[left]
        order = np.lexsort((np.maximum(one, two), np.minimum(one, two)))
        pairs = NearPairs(
            np.minimum(one, two)[order],
            np.maximum(one, two)[order],
            near.correlation[left][order],
            near.mirrored[left][order],
        )
        return Duplicates(splits, numbers, labels, first[which], pairs, self.fixed)


def search_copies(dataset: FaceDataset, *, near: bool = True) -> Duplicates:
    """Look for the exact copies in a data set and, unless told otherwise, the near ones; nothing is kept.

    All splits are searched together: that a face has a copy in another split does not depend on which of them is
    searched for the other. Memory beyond the images is bounded by blocks.
    """
    parts = [dataset.splits[name].images for name in SPLITS]
    split, row, label = number_faces(dataset)
    group = exact_groups(*parts)
    pairs, fixed = _pairs_of_groups(parts, split, group) if near else (no_pairs(), True)
    return Duplicates(split, row, label, group, pairs, fixed)


def number_faces(dataset: FaceDataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return split (n,) int8, row (n,) and label (n,) int64 of all faces, see :class:`Duplicates`."""
    sizes = [len(dataset.splits[name]) for name in SPLITS]
    return (
        np.repeat(np.arange(len(SPLITS), dtype=np.int8), sizes),
        np.concatenate([np.arange(size) for size in sizes]),
        np.concatenate([dataset.splits[name].labels for name in SPLITS]),
    )


def _pairs_of_groups(parts: list[np.ndarray], split: np.ndarray, group: np.ndarray) -> tuple[NearPairs, bool]:
    kinds = np.zeros(len(group), np.int64)  # of each group, the splits that it stands in, one bit each
    np.bitwise_or.at(kinds, group, 1 << split.astype(np.int64))
    distinct = np.unique(group)
    return search_pairs(Pictures(parts), distinct, kinds[distinct])
