"""Cut the splits that a tree does not have: stratified by class, by seed, copies kept together. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..faces import SPLITS

Fractions = tuple[float, float, float]


def cut_splits(
    labels: np.ndarray,
    images: Sequence[bytes],
    given: Sequence[str],
    *,
    fractions: Fractions,
    seed: int,
    groups: Sequence[str] = (),
) -> np.ndarray:
    """Divide faces among the splits that have no folder.

    Each class is divided by itself. Faces with the same pixels go the same way, so that no exact copy leaks; a picture
    under two labels goes with its first one. Each missing split gets at least one face of every class that has enough
    different pictures; the train split comes first. With groups, whole groups are divided, so that shares and classes
    are met as far as the groups allow.

    Args:
        labels: (n,) int64 of the faces to divide.
        images: n digests, equal for equal pixels.
        given: splits that have a folder; the faces then are those of ``train`` or there is nothing to cut.
        fractions: of train, validation and test.
        seed: decides who goes where, together with the order of the faces.
        groups: n names of persons or sequences that stay together; an empty one stands for nobody known.

    Returns:
        (n,) int8 index into ``SPLITS``.
    """
    missing = [name for name in SPLITS if name not in given and name != "train"]
    shares = dict(zip(SPLITS, fractions, strict=True))
    whole = shares["train"] + sum(shares[name] for name in missing)
    quotas = {SPLITS.index(name): shares[name] / whole for name in missing}
    if any(groups):
        return _cut_groups(labels, _joined(images, groups), quotas, seed)
    pictures = _groups(images)  # one row of face indices per picture
    result = np.zeros(len(labels), np.int8)
    for label in range(int(labels.max(initial=-1)) + 1):
        own = [picture for picture in pictures if labels[picture[0]] == label]
        order = np.random.default_rng((seed, label)).permutation(len(own))
        for split, chosen in _divide([own[i] for i in order], quotas).items():
            for group in chosen:
                result[group] = split
    return result


def _groups(images: Sequence[bytes | int]) -> list[list[int]]:
    found: dict[bytes | int, list[int]] = {}
    for index, digest in enumerate(images):
        found.setdefault(digest, []).append(index)
    return list(found.values())


def _divide(groups: list[list[int]], quotas: dict[int, float]) -> dict[int, list[list[int]]]:
    """Take whole groups from the front for each held-out split until its quota of faces is full."""
    total, at, chosen = sum(map(len, groups)), 0, {}
    for behind, (split, share) in zip(reversed(range(len(quotas))), quotas.items(), strict=True):
        quota, taken, start = max(1, round(share * total)), 0, at
        while taken < quota and at < len(groups) - 1 - behind:  # one group stays for train and each later split
            taken += len(groups[at])
            at += 1
        chosen[split] = groups[start:at]
    return chosen


def _joined(images: Sequence[bytes], groups: Sequence[str]) -> list[list[int]]:
    """Join faces with the same pixels or of the same group, directly or through others."""
    parent = list(range(len(images)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[bytes | str, int] = {}
    for index, (image, group) in enumerate(zip(images, groups, strict=True)):
        for key in (image, group) if group else (image,):
            parent[root(index)] = root(first.setdefault(key, index))
    return _groups([root(index) for index in range(len(images))])


def _cut_groups(labels: np.ndarray, groups: list[list[int]], quotas: dict[int, float], seed: int) -> np.ndarray:
    """Give whole groups, in random order, to each held-out split for as long as they bring it nearer to its quotas."""
    classes = int(labels.max(initial=-1)) + 1
    counts = np.array([np.bincount(labels[group], minlength=classes) for group in groups])  # (groups, classes)
    left, result = counts.sum(axis=0), np.zeros(len(labels), np.int8)
    order = np.random.default_rng((seed, len(groups))).permutation(len(groups)).tolist()
    for split, share in quotas.items():
        missing = np.maximum(1, np.rint(share * counts.sum(axis=0)))
        for index in _choose(counts, order, missing, left):
            left = left - counts[index]
            order.remove(index)
            result[groups[index]] = split
    return result


def _choose(counts: np.ndarray, order: list[int], missing: np.ndarray, left: np.ndarray) -> list[int]:
    """The groups of one split; the smallest of all that train can do without where each is too large for it."""
    chosen: list[int] = []
    spare = [index for index in order if (left - counts[index] > 0).all()]
    for index in spare:
        own = counts[index]
        nearer = np.abs(missing - own).sum() < np.abs(missing).sum()
        if nearer and (left - own > 0).all():  # train keeps faces of every class
            missing, left = missing - own, left - own
            chosen.append(index)
    return chosen or sorted(spare, key=lambda index: counts[index].sum())[:1]
