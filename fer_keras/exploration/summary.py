"""What is in a data set, as numbers and a few chosen faces. Drawing and writing are other modules' work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from ..datasets.copies.duplicates import Duplicates, find_duplicates
from ..datasets.copies.perceptual_hash import images_at_once
from ..datasets.faces import FaceDataset, Split
from ..datasets.quality.statistics import image_statistics
from .copies import CopyGroup, NearCopy, copy_groups, count_copies, near_copies_across

LEVELS = 256
STATISTICS = ("brightness", "contrast", "sharpness")


@dataclass(frozen=True)
class SplitNumbers:
    """Numbers of one split of n faces.

    Attributes:
        counts: (classes,) int64, faces per class.
        gray_levels: (256,) int64, pixels per gray level.
        brightness: (n,) float64, mean gray level of each face, 0..255.
        contrast: (n,) float64, standard deviation of its gray levels.
        sharpness: (n,) float64, variance of its Laplacian; low is blurred.
    """

    counts: np.ndarray
    gray_levels: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    sharpness: np.ndarray

    def __len__(self) -> int:
        return len(self.brightness)


def measure_split(split: Split, classes: int) -> SplitNumbers:
    """Count and measure one split, in blocks, so that memory does not grow with it.

    The statistics are those of the gate, see :mod:`fer_keras.datasets.quality.statistics`.
    """
    counts = np.bincount(split.labels, minlength=classes)  # (classes,)
    levels = np.zeros(LEVELS, np.int64)
    values = []
    for block in _blocks(split.images):  # (b, H, W, 1)
        levels += np.bincount(block.ravel(), minlength=LEVELS)
        measured = image_statistics(block)
        values.append(np.stack([measured.mean, measured.contrast, measured.sharpness]))  # (3, b)
    brightness, contrast, sharpness = np.concatenate([np.empty((3, 0)), *values], axis=1)  # (n,) each
    return SplitNumbers(counts, levels, brightness, contrast, sharpness)


def _blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Cut (n, H, W, 1) into pieces (b, H, W, 1)."""
    size = images_at_once(images)
    for start in range(0, len(images), size):
        yield images[start : start + size]


def mean_faces(split: Split, classes: int) -> np.ndarray:
    """Return the mean face of each class: (classes, H, W) float64, NaN where the split has no face of a class."""
    height, width = split.images.shape[1:3]
    sums = np.zeros((classes, height, width))
    start = 0
    for block in _blocks(split.images):
        labels = split.labels[start : start + len(block)]
        start += len(block)
        for label in np.unique(labels):
            sums[label] += block[labels == label, ..., 0].sum(axis=0, dtype=np.int64)
    counts = np.bincount(split.labels, minlength=classes)[:, None, None]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def sample_rows(split: Split, classes: int, per_class: int, seed: int) -> list[np.ndarray]:
    """Choose up to ``per_class`` rows of every class at random, the same ones for the same seed; in source order."""
    chosen = []
    for label in range(classes):
        rows = np.flatnonzero(split.labels == label)
        generator = np.random.default_rng((seed, label))  # one stream per class: another class does not shift this one
        chosen.append(np.sort(generator.permutation(rows)[:per_class]))
    return chosen


@dataclass(frozen=True)
class Exploration:
    """Everything that the page, the pictures and ``--json`` show of one data set.

    Attributes:
        splits: numbers of each split, in the data set's order.
        means: (classes, H, W) float64, mean training face per class, NaN for a class without one.
        overall_mean: (H, W) float64, mean of all training faces.
        samples: per class, the rows of the training faces that were chosen.
        duplicates: all copies in the data set.
        groups: pixel-identical faces, the worst first.
        near: near copies across splits, the worst first; None if nobody looked for them.
        seed: of the choice.
    """

    splits: dict[str, SplitNumbers]
    means: np.ndarray
    overall_mean: np.ndarray
    samples: list[np.ndarray]
    duplicates: Duplicates
    groups: list[CopyGroup]
    near: list[NearCopy] | None
    seed: int


def explore(dataset: FaceDataset, *, per_class: int = 10, seed: int = 0, near: bool = True) -> Exploration:
    """Count, measure, average and choose: all that is shown of a data set.

    Args:
        dataset: any classes, any image size; a split or a class may be empty.
        per_class: training faces to choose of each class.
        seed: of the choice.
        near: look for near copies too, which takes most of the time.
    """
    classes, train = len(dataset.classes), dataset.splits["train"]
    splits = {name: measure_split(split, classes) for name, split in dataset.splits.items()}
    means = mean_faces(train, classes)
    duplicates = find_duplicates(dataset, near=near)
    weights = splits["train"].counts / max(len(train), 1)  # (classes,)
    return Exploration(
        splits=splits,
        means=means,
        overall_mean=np.tensordot(weights, np.nan_to_num(means), axes=1),  # (H, W)
        samples=sample_rows(train, classes, per_class, seed),
        duplicates=duplicates,
        groups=copy_groups(dataset, duplicates),
        near=near_copies_across(dataset, duplicates) if near else None,
        seed=seed,
    )


def describe(dataset: FaceDataset, exploration: Exploration) -> dict:
    """Return the numbers of an exploration as plain JSON values."""
    splits = {
        name: {
            "n": len(numbers),
            "per_class": dict(zip(dataset.classes, numbers.counts.tolist(), strict=True)),
            **{statistic: describe_values(getattr(numbers, statistic)) for statistic in STATISTICS},
            "gray_levels": numbers.gray_levels.tolist(),
        }
        for name, numbers in exploration.splits.items()
    }
    return {
        **_identify(dataset),
        "splits": splits,
        "copies": count_copies(exploration.duplicates, exploration.groups, near=exploration.near is not None),
    }


def _identify(dataset: FaceDataset) -> dict:
    """Return what identifies a data set; of the source only its last name, since pages travel and paths tell."""
    height, width = dataset.splits["train"].images.shape[1:3]
    return {
        "dataset": dataset.name,
        "source": PurePath(dataset.source).name,
        "dataset_sha256": dataset.sha256,
        "verdict": dataset.verdict,
        "notices": list(dataset.notices),
        "classes": list(dataset.classes),
        "image_size": [height, width],
    }


def describe_values(values: np.ndarray) -> dict[str, float] | None:
    """Return the 5 %, 50 % and 95 % quantiles of (n,) values as plain floats; None for no values."""
    if len(values) == 0:
        return None
    quantiles = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
    return dict(zip(("p05", "median", "p95"), (round(value, 3) for value in quantiles), strict=True))
