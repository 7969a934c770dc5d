"""One FER2013 row, whatever file it came from, and the splits that rows make up. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from ..faces import SPLITS

# The official protocol: select on PublicTest, score PrivateTest once.
SPLIT_OF_USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}

# Nearly six times the real data set; a bound on the memory that a wrong or hostile file can take.
MAX_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class FaceRow:
    """One labelled face.

    Attributes:
        split: ``train``, ``validation`` or ``test``.
        label: index into ``FER7``.
        pixels: (48, 48) uint8.
        id: where it came from, ``row 17`` or ``train/happy/Training_00017.jpg``.
    """

    split: str
    label: int
    pixels: np.ndarray
    id: str


def gather_splits(rows: Iterable[FaceRow], where: str) -> dict[str, list[FaceRow]]:
    """Collect rows by split, in source order.

    Raises:
        DataError: a split has no rows, or there are more than ``MAX_ROWS``.
    """
    splits: dict[str, list[FaceRow]] = {name: [] for name in SPLITS}
    for count, row in enumerate(rows):
        if count >= MAX_ROWS:
            raise DataError(f"{where} holds too many faces", allowed=f"at most {MAX_ROWS}; FER2013 has 35,887")
        splits[row.split].append(row)
    for usage, name in SPLIT_OF_USAGE.items():
        if not splits[name]:
            raise DataError(
                f"{where} has no {usage} rows, so the {name} split would be empty",
                hint="Use the complete data set; all three usages are needed",
            )
    return splits
