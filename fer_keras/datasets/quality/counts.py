"""Could every row be read, and does every split hold as many faces of every class as the original? No TensorFlow.

If not: how many rows are no faces, and how was the set changed?
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from ..faces import SPLITS, FaceDataset
from .official import OfficialFigures
from .report import Finding, name_splits

# A class that was multiplied has a whole multiple of its faces, give or take a few lost ones.
_SMALLEST_MULTIPLE = 1.8
_MULTIPLE_TOLERANCE = 0.03
_REFUSED_SHOWN = 3


def check_refused(refused: dict | None, kept: int) -> list[Finding]:
    """Report what the loader refuses.

    Args:
        refused: ``{"count": n, "reasons": {reason: n}, "examples": [...]}``, or None.
        kept: how many faces could be read.
    """
    if not refused or not refused["count"]:
        return []
    count, total = refused["count"], refused["count"] + kept
    reasons = "; ".join(f"{reason} ({number:,})" for reason, number in refused["reasons"].items())
    first = " | ".join(refused["examples"][:_REFUSED_SHOWN])
    sentence = f"{count:,} of {total:,} rows or files are no 48x48 gray faces: {reasons}. First: {first}"
    return [Finding("unreadable", "serious", sentence, f"{count:,} of {total:,} rows or files: {reasons}")]


def count_classes(dataset: FaceDataset) -> np.ndarray:
    """Return (splits, classes) int64."""
    splits = (dataset.splits[name].labels for name in SPLITS)
    return np.stack([np.bincount(labels, minlength=len(dataset.classes)) for labels in splits])


def check_counts(dataset: FaceDataset, original: OfficialFigures | None) -> list[Finding]:
    """Compare the counts with those of the original; without one, name classes that have no face."""
    counts = count_classes(dataset)
    if original is None:
        return _missing_classes(counts, dataset.classes)
    official = original.count_table()
    if (counts == official).all():
        return [Finding("counts", "note", f"counts per split and class are those of {original.title}")]
    exchanged = _find_exchange(counts, official, original) or _find_relabelling(counts, official, original)
    return [exchanged] if exchanged else _find_differences(counts, official, original)


def _missing_classes(counts: np.ndarray, classes: tuple[str, ...]) -> list[Finding]:
    missing = [f"{classes[c]} in {SPLITS[s]}" for s, c in zip(*np.nonzero(counts == 0), strict=True) if counts[s].any()]
    return [Finding("counts", "warning", f"no face of {', '.join(missing)}")] if missing else []


def _find_exchange(counts: np.ndarray, official: np.ndarray, original: OfficialFigures) -> Finding | None:
    for order in permutations(range(len(SPLITS))):
        if (counts == official[list(order)]).all():
            moved = [f"{SPLITS[i]} holds the {original.title} {SPLITS[j]}" for i, j in enumerate(order) if i != j]
            cause = "splits exchanged: " + ", ".join(moved)
            return Finding("exchange", "serious", f"{cause} (by the counts of every class)", cause)
    return None


def _find_relabelling(counts: np.ndarray, official: np.ndarray, original: OfficialFigures) -> Finding | None:
    columns = {tuple(column): name for column, name in zip(official.T.tolist(), original.classes, strict=True)}
    found = [columns.get(tuple(column)) for column in counts.T.tolist()]
    if None in found or len(set(found)) < len(found):
        return None
    moved = [f"{name} is {other}" for name, other in zip(original.classes, found, strict=True) if name != other]
    cause = "labels in another order: " + ", ".join(moved)
    return Finding("counts", "serious", f"{cause} (by the counts in every split)", cause)


def _find_differences(counts: np.ndarray, official: np.ndarray, original: OfficialFigures) -> list[Finding]:
    multiples = counts / np.maximum(official, 1)  # (splits, classes)
    nearest = np.round(multiples)
    is_whole = np.abs(multiples / np.maximum(nearest, 1) - 1) < _MULTIPLE_TOLERANCE
    is_multiple = (multiples >= _SMALLEST_MULTIPLE) & is_whole
    findings = _find_multiplied(counts, np.where(is_multiple, nearest, 1).astype(int), original)
    rest = np.where(is_multiple, 0, counts - official)
    findings += [_differs(s, rest[s], counts[s], official[s], original) for s in range(len(SPLITS)) if rest[s].any()]
    return findings


def _find_multiplied(counts: np.ndarray, times: np.ndarray, original: OfficialFigures) -> list[Finding]:
    """Report classes together that were multiplied in the same way; ``times`` (splits, classes) is 1 elsewhere."""
    ways: dict[tuple[int, ...], list[int]] = {}
    for c, way in enumerate(times.T.tolist()):
        ways.setdefault(tuple(way), []).append(c)
    return [_multiplied(way, classes, counts, original) for way, classes in ways.items() if max(way) > 1]


def _multiplied(way: tuple[int, ...], classes: list[int], counts: np.ndarray, original: OfficialFigures) -> Finding:
    where = [s for s, factor in enumerate(way) if factor > 1]
    names = "every class" if len(classes) == len(original.classes) else ", ".join(original.classes[c] for c in classes)
    places = name_splits([SPLITS[s] for s in where])
    factors = " and ".join(str(factor) for factor in sorted({way[s] for s in where}))
    cause = f"{names} multiplied by {factors} in {places}"
    official = original.count_table()
    figures = (f"{counts[s, classes].sum():,} instead of {official[s, classes].sum():,} in {SPLITS[s]}" for s in where)
    return Finding("counts", "serious", f"{cause}: {', '.join(figures)}", cause)


def _differs(
    s: int, difference: np.ndarray, counts: np.ndarray, official: np.ndarray, original: OfficialFigures
) -> Finding:
    total = int(difference.sum())
    changed = ", ".join(f"{original.classes[c]} {difference[c]:+,}" for c in np.flatnonzero(difference))
    if (difference <= 0).all():
        cause = f"{-total:,} rows of {SPLITS[s]} missing"
    elif (difference >= 0).all():
        cause = f"{total:,} rows too many in {SPLITS[s]}"
    else:
        cause = f"other counts per class in {SPLITS[s]}"
    return Finding("counts", "serious", f"{cause}: {counts.sum():,} instead of {official.sum():,} ({changed})", cause)
