"""Cut the splits that a tree does not have: stratified by class, by seed, copies kept together. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..faces import SPLITS

Fractions = tuple[float, float, float]


def cut_splits(
    labels: np.ndarray, images: Sequence[bytes], given: Sequence[str], *, fractions: Fractions, seed: int
) -> np.ndarray:
    """Divide faces among the splits that have no folder.

    Each class is divided by itself. Faces with the same pixels go the same way, so that no cut leaks; a picture under
    two labels goes with its first one. Each missing split gets at least one face of every class that has enough
    different pictures; the train split comes first.

    Args:
        labels: (n,) int64 of the faces to divide.
        images: n digests, equal for equal pixels.
        given: splits that have a folder; the faces then are those of ``train`` or there is nothing to cut.
        fractions: of train, validation and test.
        seed: decides who goes where, together with the order of the faces.

    Returns:
        (n,) int8 index into ``SPLITS``.
    """
    missing = [name for name in SPLITS if name not in given and name != "train"]
    shares = dict(zip(SPLITS, fractions, strict=True))
    whole = shares["train"] + sum(shares[name] for name in missing)
    quotas = {SPLITS.index(name): shares[name] / whole for name in missing}
    groups = _groups(images)  # one row of face indices per picture
    result = np.zeros(len(labels), np.int8)
    for label in range(int(labels.max(initial=-1)) + 1):
        own = [group for group in groups if labels[group[0]] == label]
        order = np.random.default_rng((seed, label)).permutation(len(own))
        for split, chosen in _divide([own[i] for i in order], quotas).items():
            for group in chosen:
                result[group] = split
    return result


def _groups(images: Sequence[bytes]) -> list[list[int]]:
    found: dict[bytes, list[int]] = {}
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
