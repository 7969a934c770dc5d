"""The same predictions scored against two labellings of the same faces: FER2013's and FER+'s. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.faces import FaceDataset
from ..datasets.labels.ferplus import hard_labels
from ..datasets.labels.votes import Votes, join_votes
from ..emotions import FERPLUS8
from ..errors import DataError
from ..metrics.scores import score

FER2013, FERPLUS = "fer2013", "ferplus"


@dataclass(frozen=True)
class Opinion:
    """Another labelling of the faces of one split.

    Attributes:
        own: name of the labelling that the data set has, ``fer2013`` or ``ferplus``.
        other: name of this one.
        rule: how this one's labels were chosen, such as ``majority``.
        labels: (n,) int64 index into the classes of the data set, -1 for a face without such a label.
    """

    own: str
    other: str
    rule: str
    labels: np.ndarray


def fer2013_opinion(original: FaceDataset, dataset: FaceDataset, split: str) -> Opinion:
    """Return FER2013's own label of each face of a split that has FER+ labels; see :func:`ferplus_opinions`."""
    labels = original.splits[split].labels[_rows(original, dataset, split)]  # (n,)
    return Opinion(FERPLUS, FER2013, "official", _rename(labels, original.classes, dataset.classes))


def ferplus_opinions(original: FaceDataset, dataset: FaceDataset, split: str, votes: Votes) -> list[Opinion]:
    """Return the FER+ labels, ``majority`` and ``strict_majority``, of each face of a split that has FER2013's.

    Args:
        original: FER2013 as it was read, with its own labels.
        dataset: what is scored, made of ``original`` by choosing labels, classes or faces; ids tell the faces.
        split: ``train``, ``validation`` or ``test``.
        votes: of the rows of ``original``.

    Raises:
        DataError: merged or unknown classes, or votes of other rows.
    """
    rows = _rows(original, dataset, split)
    counts = join_votes(original, votes)[split][rows]  # (n, 10)
    return [
        Opinion(FER2013, FERPLUS, rule, _rename(hard_labels(counts, rule, 8), FERPLUS8, dataset.classes))
        for rule in ("majority", "strict_majority")
    ]


def _rows(original: FaceDataset, dataset: FaceDataset, split: str) -> np.ndarray:
    """Return the row (n,) of ``original`` that each face of a split comes from."""
    _check_classes(dataset)
    place = {identity: row for row, identity in enumerate(original.splits[split].ids.tolist())}
    return np.array([place[identity] for identity in dataset.splits[split].ids.tolist()], np.int64)


def _check_classes(dataset: FaceDataset) -> None:
    strange = [name for name in dataset.classes if name not in FERPLUS8]
    if strange:
        raise DataError(
            "these classes have no second opinion", allowed=", ".join(FERPLUS8), received=", ".join(strange)
        )


def _rename(labels: np.ndarray, classes: tuple[str, ...], target: tuple[str, ...]) -> np.ndarray:
    """Turn indices into ``classes`` into indices into ``target``; -1 stays, and what ``target`` lacks becomes -1."""
    table = np.array([target.index(name) if name in target else -1 for name in classes] + [-1])
    return table[labels]


def score_opinions(
    labels: np.ndarray, y_prob: np.ndarray, classes: tuple[str, ...], opinions: Sequence[Opinion]
) -> dict:
    """Score predictions against both labellings, on the faces that have both.

    Args:
        labels: (n,) int64, the data set's own.
        y_prob: (n, classes) float probabilities.
        classes: class names in label order.
        opinions: of the same n faces.

    Returns:
        For each rule: ``own, other`` (names of the labellings), ``n``, ``agreement`` (share of the n faces on which
        the labels agree) and, under the name of each labelling, ``accuracy, accuracy_ci95, macro_f1``; ``n`` is 0 and
        the rest is missing where no face has both labels.
    """
    return {opinion.rule: _score_opinion(labels, y_prob, classes, opinion) for opinion in opinions}


def _score_opinion(labels: np.ndarray, y_prob: np.ndarray, classes: tuple[str, ...], opinion: Opinion) -> dict:
    both = opinion.labels >= 0  # (n,)
    result = {"own": opinion.own, "other": opinion.other, "n": int(both.sum())}
    if not both.any():
        return result
    result["agreement"] = float((labels[both] == opinion.labels[both]).mean())
    for name, truth in ((opinion.own, labels), (opinion.other, opinion.labels)):
        scores = score(truth[both], y_prob[both], classes)
        result[name] = {key: scores[key] for key in ("accuracy", "accuracy_ci95", "macro_f1")}
    return result
