"""What an unchanged FER2013 looks like, in numbers. No TensorFlow.

Counts are those of the challenge (Goodfellow et al. 2013, arXiv:1307.0414). The statistics and the numbers of copies
were measured on a lossless copy of the original rows; a copy saved as JPEG (quality 75 to 95) stays within the
tolerances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...emotions import FER7
from .statistics import ImageStatistics


@dataclass(frozen=True)
class OfficialFigures:
    """The figures of an original that a copy is held against.

    Attributes:
        name: of the data set, as in ``FaceDataset.name``.
        title: for sentences.
        classes: class names in label order.
        counts: split name to the number of faces of each class.
        statistics: medians, much the same in every split.
        distinct: number of different images.
        leaks: (split, reference) to the number of rows of the split that stand pixel for pixel in the reference.
        nearly_empty: number of images that show nothing.
        conflicting: number of groups of identical images with different labels.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    statistics: ImageStatistics[float]
    distinct: int
    leaks: dict[tuple[str, str], int]
    nearly_empty: int
    conflicting: int

    @property
    def total(self) -> int:
        return sum(map(sum, self.counts.values()))

    def count_table(self) -> np.ndarray:
        """Return (splits, classes) int64 in the order of ``counts``."""
        return np.array(list(self.counts.values()), np.int64)


FER2013 = OfficialFigures(
    name="fer2013",
    title="FER2013",
    classes=FER7,
    counts={
        "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
        "validation": (467, 56, 496, 895, 653, 415, 607),
        "test": (491, 55, 528, 879, 594, 416, 626),
    },
    statistics=ImageStatistics(sharpness=1950.0, detail=0.132, contrast=53.65, mean=129.5, unevenness=0.248),
    distinct=34_032,
    leaks={("validation", "train"): 280, ("test", "train"): 288, ("test", "validation"): 44},
    nearly_empty=14,
    conflicting=58,  # 48 when the test split is left out
)
