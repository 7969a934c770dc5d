"""Faces that occur more than once in a data set: exact groups, near copies, and which of them leak. No TensorFlow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..faces import SPLITS, FaceDataset
from .near_copies import NearPairs, near_pairs, working_size


@dataclass(frozen=True)
class Duplicates:
    """All copies within a data set of n faces; faces are counted through train, validation and test.

    Attributes:
        split: (n,) int8 index into ``SPLITS``.
        row: (n,) int64 row within its split.
        label: (n,) int64.
        group: (n,) int64, number of the first face with the same pixels; g groups, one per distinct image.
        near: pairs of groups that are near copies of each other, not pixel-identical.
    """

    split: np.ndarray
    row: np.ndarray
    label: np.ndarray
    group: np.ndarray
    near: NearPairs

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

    def members(self, group: int) -> list[tuple[str, int]]:
        """Return (split, row) of every face of a group."""
        return [(SPLITS[self.split[i]], int(self.row[i])) for i in np.flatnonzero(self.group == group)]


def find_duplicates(dataset: FaceDataset, *, near: bool = True) -> Duplicates:
    """Find the exact copies in a data set and, unless told otherwise, the near ones.

    The whole FER2013 takes seconds; memory beyond the images is bounded by blocks.
    """
    parts = [dataset.splits[name].images for name in SPLITS]
    sizes = [len(part) for part in parts]
    group = exact_groups(*parts)
    return Duplicates(
        split=np.repeat(np.arange(len(SPLITS), dtype=np.int8), sizes),
        row=np.concatenate([np.arange(size) for size in sizes]),
        label=np.concatenate([dataset.splits[name].labels for name in SPLITS]),
        group=group,
        near=_pairs_of_groups(parts, group) if near else near_pairs(parts[0][:0]),
    )


def _pairs_of_groups(parts: list[np.ndarray], group: np.ndarray) -> NearPairs:
    distinct = np.unique(group)
    images = np.empty((len(distinct), *working_size(parts[0][:1]).shape[1:]), np.uint8)
    filled = start = 0
    for part in parts:  # one after the other: all faces together would be in memory a third time
        rows = distinct[(distinct >= start) & (distinct < start + len(part))] - start
        np.take(working_size(part), rows, axis=0, out=images[filled : filled + len(rows)], mode="clip")
        filled, start = filled + len(rows), start + len(part)
    pairs = near_pairs(images)
    return NearPairs(distinct[pairs.first], distinct[pairs.second], pairs.correlation, pairs.mirrored)


def exact_groups(*images: np.ndarray) -> np.ndarray:
    """Group pixel-identical images by their BLAKE2b digests.

    Args:
        *images: (n, H, W, 1) uint8 each; they are numbered through.

    Returns:
        (all n,) int64, the number of the first image with the same bytes.
    """
    first: dict[bytes, int] = {}
    digests = (hashlib.blake2b(image.tobytes(), digest_size=20).digest() for part in images for image in part)
    groups = (first.setdefault(digest, number) for number, digest in enumerate(digests))
    return np.fromiter(groups, np.int64, sum(map(len, images)))


def face_digests(images: np.ndarray) -> np.ndarray:
    """Return (n,) uint64: a digest of the pixels of each image (n, H, W, 1), from which no face can be seen."""
    digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def exact_copies(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (n,) bool: the image stands byte for byte in ``reference`` (m, H, W, 1)."""
    groups = exact_groups(reference, images)
    return groups[len(reference) :] < len(reference)


def near_copies(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (n,) bool: the image has a near copy in ``reference`` (m, H, W, 1), see :func:`near_pairs`."""
    result = np.zeros(len(images), bool)
    result[near_pairs(images, reference).first] = True
    return result


def leaking_rows(dataset: FaceDataset, split: str, near: bool = True, reference: str = "train") -> np.ndarray:
    """Return which rows of ``split`` have a copy in ``reference``.

    Args:
        dataset: any data set.
        split: the split whose rows are judged.
        near: near copies count too, not only pixel-identical ones.
        reference: the split that is searched; must be another one.

    Returns:
        (n,) bool.
    """
    images, others = dataset.splits[split].images, dataset.splits[reference].images
    exact = exact_copies(images, others)
    return exact | near_copies(images, others) if near else exact
