"""Which faces occur twice, which of them leak, and do their labels agree? No TensorFlow."""

from __future__ import annotations

import numpy as np

from ..copies.duplicates import Duplicates
from ..faces import SPLITS, FaceDataset
from .official import OfficialFigures
from .report import MAX_EXAMPLES, Finding, Severity, name_splits, rows_of, spread

LEAKS = (("validation", "train"), ("test", "train"), ("test", "validation"))

_DISTINCT_TOLERANCE = 0.02
_LEAK_TOLERANCE = 1.1
# Shares of a split. FER2013 has 8 % exact and 20 % exact or near copies of training faces in its test split, and 2 %
# of that split have a near copy in it.
_LEAKING = 0.25
_AUGMENTED, _AUGMENTED_CLASS, _AUGMENTED_MIRRORED = 0.10, 0.40, 0.02
_ENOUGH_FACES, _ENOUGH_GROUPS = 20, 10
# Share of groups of identical images with labels that disagree: 4 % in FER2013, 80 % after shuffling.
_CONFLICTING = 0.25
# One split is to blame if leaving it out takes away all but this share of the conflicts.
_EXPLAINED = 0.25


def count_copies(duplicates: Duplicates) -> dict[str, int]:
    """Return the figures of a report, such as ``distinct`` and ``test rows in train``."""
    figures = {
        "rows": len(duplicates.group),
        "distinct": duplicates.distinct,
        "repeated groups": len(duplicates.repeated()),
        "conflicting groups": len(duplicates.conflicting()),
        "conflicting groups without test": len(duplicates.conflicting(without="test")),
        "near pairs": len(duplicates.near),
        "mirrored near pairs": int(duplicates.near.mirrored.sum()),
    }
    for split, reference in LEAKS:
        mask = duplicates.in_split(split)
        exact = mask & duplicates.exact_copy_in(reference)
        near = mask & duplicates.near_copy_in(reference) & ~exact
        figures[f"{split} rows in {reference}"] = int(exact.sum())
        figures[f"{split} rows near {reference}"] = int(near.sum())
    return figures


def check_copies(
    dataset: FaceDataset, duplicates: Duplicates, original: OfficialFigures | None, *, same_pixels: bool = True
) -> list[Finding]:
    """Report leaks between splits, copies within them and, in validation and test, traces of augmentation.

    Args:
        dataset: the faces.
        duplicates: their copies.
        original: what the set claims to be.
        same_pixels: the statistics are those of the original; if not, that explains another number of copies.
    """
    leaks = [_check_leak(duplicates, *pair, original) for pair in LEAKS]
    traces = [_check_augmented(dataset, duplicates, name, original) for name in ("validation", "test")]
    return [finding for finding in (*leaks, _check_distinct(duplicates, original, same_pixels), *traces) if finding]


def _check_leak(duplicates: Duplicates, split: str, reference: str, original: OfficialFigures | None) -> Finding | None:
    mask = duplicates.in_split(split)
    exact = mask & duplicates.exact_copy_in(reference)
    near = mask & duplicates.near_copy_in(reference) & ~exact
    if not exact.any() and not near.any():
        return None
    too_many = (exact | near).sum() > _LEAKING * mask.sum()
    if original is not None:
        too_many = exact.sum() > original.leaks[split, reference] * _LEAK_TOLERANCE
    known = f" ({original.title} has {original.leaks[split, reference]:,})" if original else ""
    sentence = (
        f"{exact.sum():,} of {mask.sum():,} {split} rows are pixel-identical to a row of {reference}{known}, "
        f"{near.sum():,} more are near copies of one"
    )
    cause = f"{exact.sum() + near.sum():,} {split} rows are also in {reference}"
    rows = rows_of(exact | near, duplicates.split, duplicates.row)
    examples = _leak_examples(duplicates, exact, near, reference)
    return Finding("leak", "serious" if too_many else "warning", sentence, cause, rows, examples)


def _leak_examples(duplicates: Duplicates, exact: np.ndarray, near: np.ndarray, reference: str) -> tuple:
    same, similar = spread(np.flatnonzero(exact), 4), spread(np.flatnonzero(near), MAX_EXAMPLES - 4)
    pairs = [_pair(duplicates, face, duplicates.group[face], reference) for face in same]
    return (*pairs, *(_near_pair(duplicates, face, reference) for face in similar))


def _pair(duplicates: Duplicates, face: int, group: int, reference: str) -> tuple[tuple[str, int], ...]:
    other = next(member for member in duplicates.members(group) if member[0] == reference)
    return ((SPLITS[duplicates.split[face]], int(duplicates.row[face])), other)


def _near_pair(duplicates: Duplicates, face: int, reference: str) -> tuple[tuple[str, int], ...]:
    near, group = duplicates.near, duplicates.group[face]
    partners = np.concatenate([near.second[near.first == group], near.first[near.second == group]])
    there = duplicates.group[duplicates.in_split(reference)]
    return _pair(duplicates, face, partners[np.isin(partners, there)][0], reference)


def _check_distinct(duplicates: Duplicates, original: OfficialFigures | None, same_pixels: bool) -> Finding | None:
    severity: Severity
    rows, distinct, repeated = len(duplicates.group), duplicates.distinct, duplicates.repeated()
    examples = tuple(tuple(duplicates.members(group)[:4]) for group in spread(repeated))
    if original is None:
        if distinct == rows:
            return None
        share, severity, cause = f"{rows:,} rows hold {distinct:,} distinct images", "note", ""
    else:
        expected = original.distinct
        # Only where every row is there can the number of distinct images say something about the pixels.
        comparable = same_pixels and rows == original.total
        altered = comparable and abs(distinct - expected) > _DISTINCT_TOLERANCE * expected
        share = f"{rows:,} rows hold {distinct:,} distinct images ({original.title} has {expected:,})"
        severity, cause = ("serious", "single images changed or replaced") if altered else ("note", "")
    mask = np.isin(duplicates.group, repeated)
    return Finding("copies", severity, share, cause, rows_of(mask, duplicates.split, duplicates.row), examples)


def _check_augmented(
    dataset: FaceDataset, duplicates: Duplicates, name: str, original: OfficialFigures | None
) -> Finding | None:
    mask = duplicates.in_split(name)
    near, mirrored = (mask & duplicates.near_copy_in(name, mirrored=flag) for flag in (False, True))
    if mask.sum() < _ENOUGH_FACES:
        return None
    classes = range(len(dataset.classes))
    sizes = np.array([(mask & (duplicates.label == c)).sum() for c in classes])
    shares = np.array([(near & (duplicates.label == c)).sum() for c in classes]) / np.maximum(sizes, 1)
    worst = [dataset.classes[c] for c in classes if sizes[c] >= _ENOUGH_FACES and shares[c] > _AUGMENTED_CLASS]
    everywhere = near.sum() > _AUGMENTED * mask.sum() or mirrored.sum() > _AUGMENTED_MIRRORED * mask.sum()
    if not everywhere and not worst:
        return None
    which = f" (most of {', '.join(worst)})" if worst else ""
    sentence = (
        f"{near.sum():,} of {mask.sum():,} {name} rows are near copies of another {name} row{which}, "
        f"{mirrored.sum():,} of them mirrored: the split looks multiplied by augmentation"
    )
    examples = tuple(_near_pair(duplicates, face, name) for face in spread(np.flatnonzero(near)))
    rows = rows_of(near, duplicates.split, duplicates.row)
    return Finding(
        "augmented", "serious" if original else "warning", sentence, f"{name} augmented{which}", rows, examples
    )


def check_labels(duplicates: Duplicates, original: OfficialFigures | None) -> list[Finding]:
    """Compare the labels of identical images; where most disagree, labels were shuffled or belong to other rows."""
    repeated, conflicting = duplicates.repeated(), duplicates.conflicting()
    if not len(conflicting):
        return []
    shuffled = _find_shuffled(duplicates, repeated, conflicting)
    without = len(duplicates.conflicting(without="test"))
    known = f"; {original.title} has {original.conflicting}" if original else ""
    sentence = (
        f"{len(conflicting):,} of {len(repeated):,} groups of identical images carry different labels "
        f"({without:,} without the test split{known})"
    )
    if shuffled:
        sentence += f": labels of {', '.join(shuffled)} look shuffled or belong to other rows"
    cause = f"labels of {name_splits(shuffled)} do not go with the images"
    mask = np.isin(duplicates.group, conflicting)
    rows = rows_of(mask, duplicates.split, duplicates.row)
    examples = tuple(_one_per_label(duplicates, group) for group in spread(conflicting))
    return [Finding("labels", "serious" if shuffled else "warning", sentence, cause, rows, examples)]


def _one_per_label(duplicates: Duplicates, group: int) -> tuple[tuple[str, int], ...]:
    faces = np.flatnonzero(duplicates.group == group)
    _, first = np.unique(duplicates.label[faces], return_index=True)
    return tuple((SPLITS[duplicates.split[face]], int(duplicates.row[face])) for face in faces[first])


def _find_shuffled(duplicates: Duplicates, repeated: np.ndarray, conflicting: np.ndarray) -> list[str]:
    """Return the splits where most groups disagree; only one of them if without it hardly any does."""
    shuffled = [name for name in SPLITS if _mostly_conflicting(duplicates, name, repeated, conflicting)]
    left = {name: len(duplicates.conflicting(without=name)) for name in shuffled}
    guilty = min(left, key=left.__getitem__, default="")
    return [guilty] if guilty and left[guilty] < _EXPLAINED * len(conflicting) else shuffled


def _mostly_conflicting(duplicates: Duplicates, name: str, repeated: np.ndarray, conflicting: np.ndarray) -> bool:
    here = np.intersect1d(repeated, duplicates.group[duplicates.in_split(name)])
    disagree = np.isin(here, conflicting).sum()
    return len(here) >= _ENOUGH_GROUPS and disagree > _CONFLICTING * len(here)
