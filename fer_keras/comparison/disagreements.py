"""Faces of the data set that one network gets right and another wrong. No TensorFlow."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ..datasets.faces import FaceDataset
from ..errors import DataError
from .collect import Comparison
from .run_summary import RunSummary

PER_SIDE = 6
MAX_PAIRS = 15
SEED = 0


@dataclass(frozen=True)
class Sample:
    """One face: its pixels (48, 48, 1) uint8, its id, label, and what the right and the wrong network say of it."""

    pixels: np.ndarray
    face: str
    label: str
    wrong: str
    right_confidence: float
    wrong_confidence: float


@dataclass(frozen=True)
class Side:
    """Faces that ``right`` gets right and ``wrong`` gets wrong: at most six of ``n``, drawn at random."""

    right: str
    wrong: str
    n: int
    samples: list[Sample]


def draw_disagreements(comparison: Comparison, dataset: FaceDataset, tta: str = "none") -> list[tuple[Side, Side]]:
    """Draw faces for each pair of comparable runs, for at most 15 pairs.

    The draw is uniform with a fixed seed: faces chosen by confidence would show extremes and not what is usual.

    Args:
        comparison: the runs.
        dataset: the faces that the runs were scored on.
        tta: ``none`` or ``flip``.

    Raises:
        DataError: other data than the runs were scored on.
    """
    _check_dataset(comparison, dataset)
    images = dataset.splits[comparison.split].images  # (n, 48, 48, 1)
    pairs = itertools.combinations(comparison.comparable(tta), 2)
    return [
        (_side(first, second, images, tta), _side(second, first, images, tta))
        for first, second in itertools.islice(pairs, MAX_PAIRS)
    ]


def _check_dataset(comparison: Comparison, dataset: FaceDataset) -> None:
    faces = comparison.faces
    if faces is None:
        raise DataError(f"no run is evaluated on {comparison.split}", hint="Evaluate the runs first")
    split = dataset.splits[comparison.split]
    if dataset.sha256 != faces.metrics.dataset_sha256 or tuple(split.ids.tolist()) != faces.ids:
        raise DataError(
            f"{dataset.source} holds other faces than the runs were scored on",
            allowed=f"sha256 {faces.metrics.dataset_sha256[:12]}",
            received=f"sha256 {dataset.sha256[:12]}",
            hint="Give the same data with --data, or leave it out: the rest of the page needs no data",
        )


def _side(right: RunSummary, wrong: RunSummary, images: np.ndarray, tta: str) -> Side:
    a, b = right.evaluations[tta], wrong.evaluations[tta]
    found = np.flatnonzero(a.correct & ~b.correct)  # (m,)
    chosen = np.sort(np.random.default_rng(SEED).choice(found, min(PER_SIDE, len(found)), replace=False))
    samples = [
        Sample(images[i], a.ids[i], a.classes[a.y_true[i]], b.classes[b.y_pred[i]], a.confidence[i], b.confidence[i])
        for i in chosen
    ]
    return Side(right.name, wrong.name, len(found), samples)
