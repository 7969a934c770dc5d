"""One FER2013 row, whatever file it came from, the splits that rows make up, and what happens to a wrong one.

A row or file that is wrong is refused by default, or skipped, counted and named. No TensorFlow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...errors import DataError
from ..faces import SPLITS

# The official protocol: select on PublicTest, score PrivateTest once.
SPLIT_OF_USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}

# Nearly six times the real data set; a bound on the memory that a wrong or hostile file can take.
MAX_ROWS = 200_000
MAX_EXAMPLES = 20

OnBad = Literal["refuse", "skip"]


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


def placed(where: str, error: DataError) -> DataError:
    """Return ``error`` with the place of the row or file in front."""
    return DataError(f"{where}: {error.problem}", allowed=error.allowed, received=error.received, hint=error.hint)


class BadRows:
    """Collects the rows that were skipped; with ``refuse`` there are none, since the first one ends the reading.

    Attributes:
        reasons: how many rows were skipped for which reason.
        examples: the first ``kept`` of them, ``PLACE: reason. Received: ...``.
    """

    def __init__(self, on_bad: OnBad = "refuse", kept: int = MAX_EXAMPLES):
        self.on_bad, self._kept = on_bad, kept
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []

    def handle(self, where: str, error: DataError) -> None:
        """Skip the row at ``where``, or raise.

        Raises:
            DataError: ``error`` with ``where`` in front, unless bad rows are skipped.
        """
        if self.on_bad == "refuse":
            raise placed(where, error) from error
        self.reasons[error.problem] += 1
        if len(self.examples) < self._kept:
            self.examples.append(str(placed(where, error)))

    def summary(self) -> dict:
        """Return ``{"count": n, "reasons": {reason: n}, "examples": [...]}``, plain data for JSON."""
        return {"count": self.reasons.total(), "reasons": dict(self.reasons.most_common()), "examples": self.examples}


class KeptRows(BadRows):
    """Keeps what is wrong, row by row, for whoever asks later.

    Attributes:
        kept: place and fault, in order.
    """

    def __init__(self) -> None:
        super().__init__("skip")
        self.kept: list[tuple[str, DataError]] = []

    def handle(self, where: str, error: DataError) -> None:
        """Keep it."""
        self.kept.append((where, error))


def skipped_notice(summary: dict, kept: int) -> str:
    """Return the sentence that every result on data with skipped rows carries; empty when nothing was skipped."""
    if not summary["count"]:
        return ""
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in summary["reasons"].items())
    total = summary["count"] + kept
    return f"{summary['count']:,} of {total:,} rows or files were skipped: {reasons}. First: {summary['examples'][0]}"
