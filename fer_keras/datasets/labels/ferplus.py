"""From FER+ votes to labels: majority, strict majority or the whole distribution. No TensorFlow.

With n as in the literature: PrivateTest has 3,546 faces by majority and 3,153 by strict majority (8 classes).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...emotions import FER7, FERPLUS8
from ...errors import DataError, InputError
from ..faces import Change, FaceDataset, Split, fingerprint
from .votes import FILE_NAME, LABEL_OF_COLUMN, Votes, find_votes, join_votes, read_votes

MODES = ("majority", "strict_majority", "soft")


def hard_labels(counts: np.ndarray, mode: str, classes: int) -> np.ndarray:
    """Label each face by its votes.

    ``majority``: the emotion with most votes. Of equal counts the first in the file's order wins (neutral, happiness,
    surprise, sadness, anger, disgust, fear, contempt); unknown and "not a face" come after, so they lose ties, and
    where they win alone the face has no label. ``strict_majority``: single votes count as slips and are removed, then
    the winner needs more than half of what is left (the paper's majority voting, as in the authors' own code).

    Args:
        counts: (n, 10) int votes in the order of ``VOTE_COLUMNS``.
        mode: ``majority``, ``strict_majority`` or ``soft`` (labelled as ``majority``).
        classes: 8, or 7 where a face that contempt wins has no label.

    Returns:
        (n,) int64 index into FER7 + contempt, or -1 for no label.

    Raises:
        InputError: unknown mode or number of classes.
    """
    _check_choice(mode, classes)
    if mode == "strict_majority":
        counts = np.where(counts > 1, counts, 0)
    winners = LABEL_OF_COLUMN[counts.argmax(axis=1)]  # (n,)
    if mode == "strict_majority":
        winners = np.where(2 * counts.max(axis=1) > counts.sum(axis=1), winners, -1)
    return np.where(winners < classes, winners, -1).astype(np.int64)


def vote_distribution(counts: np.ndarray, classes: int) -> np.ndarray:
    """Return (n, classes) float32: the share of each class in the votes for any of them; 0 where there are none.

    Every vote counts, single ones too. Votes for unknown, "not a face" and, with 7 classes, contempt are left out.
    """
    columns = [int(np.flatnonzero(label == LABEL_OF_COLUMN)[0]) for label in range(classes)]
    votes = counts[:, columns].astype(np.float64)  # (n, classes)
    return (votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def use_ferplus_labels(dataset: FaceDataset, votes: Votes, *, mode: str = "majority", classes: int = 8) -> FaceDataset:
    """Return the faces that have a FER+ label, with that label instead of FER2013's.

    Args:
        dataset: FER2013 with its own labels.
        votes: see :func:`fer_keras.datasets.labels.votes.read_votes`.
        mode: ``soft`` labels as ``majority`` and gives each split ``soft_labels`` (n, classes) float32.
        classes: 8 (FER7 + contempt) or 7.

    Raises:
        DataError: votes of other rows, or a split without any labelled face.
        InputError: unknown mode or number of classes.
    """
    _check_choice(mode, classes)
    splits, details = {}, {}
    for name, counts in join_votes(dataset, votes).items():
        split, labels = dataset.splits[name], hard_labels(counts, mode, classes)
        soft = vote_distribution(counts, classes) if mode == "soft" else None
        splits[name] = Split(split.images, labels, split.ids, soft).take(labels >= 0)
        details[name] = _describe(labels, counts)
        if not len(splits[name]):
            raise DataError(f"no face of the {name} split has a FER+ label by {mode}")
    names = FERPLUS8[:classes]
    change = _change(mode, votes, details, names)
    return replace(
        dataset,
        name="ferplus",
        classes=names,
        splits=splits,
        sha256=fingerprint(splits, names),
        changes=(*dataset.changes, change),
        origin=dataset,
    )


def load_ferplus(dataset: FaceDataset, path: str | None, *, mode: str, classes: int) -> FaceDataset:
    """Find the votes (see :func:`fer_keras.datasets.labels.votes.find_votes`) and use them as labels.

    Raises:
        DataError: no votes found, or they do not fit; see :func:`use_ferplus_labels`.
    """
    return use_ferplus_labels(dataset, read_votes(require_votes(path, dataset.source)), mode=mode, classes=classes)


def require_votes(path: str | None, source: str):
    """Return the path of the votes.

    Raises:
        DataError: there are none.
    """
    found = find_votes(path, source)
    if found is None:
        raise DataError(
            f"the FER+ votes ({FILE_NAME}) were not found",
            allowed="--ferplus PATH, data.ferplus in the recipe, FERPLUS_PATH, or the file beside the data",
            hint="They are at github.com/microsoft/FERPlus",
        )
    return found


def _check_choice(mode: str, classes: int) -> None:
    if mode not in MODES:
        raise InputError("unknown FER+ mode", allowed=", ".join(MODES), received=repr(mode))
    if classes not in (len(FER7), len(FERPLUS8)):
        raise InputError("FER+ has no such number of classes", allowed="7 or 8", received=repr(classes))


def _describe(labels: np.ndarray, counts: np.ndarray) -> dict:
    """Counts of one split for ``run.json``."""
    tied = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1  # (n,)
    winners = LABEL_OF_COLUMN[counts.argmax(axis=1)]
    return {
        "faces": len(labels),
        "n": int((labels >= 0).sum()),
        "won_by_unknown_or_no_face": int((winners < 0).sum()),
        "won_by_contempt": int((winners == FERPLUS8.index("contempt")).sum()),
        "ties_resolved_by_order": int(((labels >= 0) & tied).sum()),
    }


def _change(mode: str, votes: Votes, details: dict[str, dict], classes: tuple[str, ...]) -> Change:
    sizes = ", ".join(f"{name} n = {part['n']:,} of {part['faces']:,}" for name, part in details.items())
    return Change(
        "labels",
        f"FER+ {mode.replace('_', ' ')}, {len(classes)} classes: {sizes}",
        {"labels": "ferplus", "mode": mode, "classes": list(classes), "votes": votes.name, "votes_sha256": votes.sha256}
        | {"splits": details},
    )
