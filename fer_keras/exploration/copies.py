"""Copies worth looking at: pixel-identical faces whose labels contradict or whose splits differ, and near copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..datasets.copies.duplicates import Duplicates
from ..datasets.faces import SPLITS, FaceDataset


@dataclass(frozen=True)
class Copy:
    """One face: its split, its row there, its label and where it came from."""

    split: str
    row: int
    label: int
    id: str


@dataclass(frozen=True)
class CopyGroup:
    """Two or more faces with the same pixels, in split order and row order."""

    copies: tuple[Copy, ...]

    def __len__(self) -> int:
        return len(self.copies)

    @property
    def is_contradictory(self) -> bool:
        """Whether the same picture carries different labels."""
        return len({copy.label for copy in self.copies}) > 1

    @property
    def is_across_splits(self) -> bool:
        """Whether the same picture stands in more than one split."""
        return len({copy.split for copy in self.copies}) > 1


@dataclass(frozen=True)
class NearCopy:
    """Two faces that show the same picture with other pixels: re-encoded, rescaled, shifted or mirrored.

    Attributes:
        first: a face, the first of those with the same pixels.
        second: the other.
        correlation: of the two pictures, see :mod:`fer_keras.datasets.copies.near_copies`.
        mirrored: the second is turned left to right.
    """

    first: Copy
    second: Copy
    correlation: float
    mirrored: bool


def copy_groups(dataset: FaceDataset, duplicates: Duplicates) -> list[CopyGroup]:
    """Return every group of pixel-identical faces, the worst first.

    Contradictory groups across splits come first, then other contradictory ones, then those across splits; within
    each kind, larger groups come first and then the order of the source decides.
    """
    order = np.argsort(duplicates.group, kind="stable")
    starts = np.flatnonzero(np.diff(duplicates.group[order])) + 1
    repeated = (members for members in np.split(order, starts) if len(members) > 1)
    groups = [CopyGroup(tuple(_copy(dataset, duplicates, i) for i in members)) for members in repeated]
    return sorted(groups, key=lambda group: (-2 * group.is_contradictory - group.is_across_splits, -len(group)))


def near_copies_across(dataset: FaceDataset, duplicates: Duplicates) -> list[NearCopy]:
    """Return the near copies that stand in different splits: with different labels first, then the most alike."""
    near = duplicates.near
    across = np.flatnonzero(duplicates.split[near.first] != duplicates.split[near.second])
    pairs = [
        NearCopy(
            first=_copy(dataset, duplicates, near.first[i]),
            second=_copy(dataset, duplicates, near.second[i]),
            correlation=float(near.correlation[i]),
            mirrored=bool(near.mirrored[i]),
        )
        for i in across
    ]
    return sorted(pairs, key=lambda pair: (pair.first.label == pair.second.label, -pair.correlation))


def _copy(dataset: FaceDataset, duplicates: Duplicates, index: int) -> Copy:
    split, row = SPLITS[duplicates.split[index]], int(duplicates.row[index])
    return Copy(split, row, int(duplicates.label[index]), str(dataset.splits[split].ids[row]))


def count_copies(duplicates: Duplicates, groups: list[CopyGroup], *, near: bool) -> dict:
    """Return the counts as plain JSON values.

    ``exact_copy_elsewhere`` says, for ``A in B``, how many faces of split A stand pixel for pixel in split B too;
    ``near_copy_elsewhere`` how many others have a near copy there (None if nobody looked for them).
    """
    pairs = [(a, b) for a in SPLITS for b in SPLITS if a != b]
    exact = {f"{a} in {b}": duplicates.in_split(a) & duplicates.exact_copy_in(b) for a, b in pairs}
    close = {f"{a} in {b}": duplicates.in_split(a) & duplicates.near_copy_in(b) for a, b in pairs}
    return {
        "faces": len(duplicates.group),
        "distinct_faces": duplicates.distinct,
        "groups": len(groups),
        "groups_with_contradictory_labels": sum(group.is_contradictory for group in groups),
        "groups_across_splits": sum(group.is_across_splits for group in groups),
        "exact_copy_elsewhere": {pair: int(rows.sum()) for pair, rows in exact.items()},
        "near_copy_elsewhere": {k: int((close[k] & ~exact[k]).sum()) for k in close} if near else None,
    }


def worst_groups(groups: list[CopyGroup]) -> tuple[list[CopyGroup], list[CopyGroup]]:
    """Return the contradictory groups, and those across splits whose labels agree; each list worst first."""
    bad = [group for group in groups if group.is_contradictory]
    return bad, [group for group in groups if group.is_across_splits and not group.is_contradictory]


def picture_of(dataset: FaceDataset, copy: Copy) -> np.ndarray:
    """Return the picture of one face: (H, W) uint8."""
    return dataset.splits[copy.split].images[copy.row, ..., 0]


def tell_apart(dataset: FaceDataset, group: CopyGroup) -> list[tuple[str, list[str]]]:
    """Return what the copies of a group are said to be, such as ``train: happy ×2``, and the ids of those, in order."""
    places: dict[tuple[str, int], list[str]] = {}
    for copy in group.copies:
        places.setdefault((copy.split, copy.label), []).append(copy.id)
    return [
        (f"{split}: {dataset.classes[label]}" + (f" ×{len(ids)}" if len(ids) > 1 else ""), ids)
        for (split, label), ids in places.items()
    ]


def each_face_once(pairs: list[NearCopy]) -> list[NearCopy]:
    """Leave out the pairs of which a face was in a pair before, so that one picture does not fill the page."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for pair in pairs:
        faces = {(copy.split, copy.row) for copy in (pair.first, pair.second)}
        if not faces & seen:
            kept.append(pair)
            seen |= faces
    return kept
