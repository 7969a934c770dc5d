"""What happens to a row or file that is wrong: refused by default, or skipped, counted and named. No TensorFlow."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from ...errors import DataError

OnBad = Literal["refuse", "skip"]

MAX_EXAMPLES = 20


class BadRows:
    """Collects the rows that were skipped; with ``refuse`` there are none, since the first one ends the reading.

    Attributes:
        reasons: how many rows were skipped for which reason.
        examples: the first ``MAX_EXAMPLES`` of them, ``PLACE: reason. Received: ...``.
    """

    def __init__(self, on_bad: OnBad = "refuse"):
        self.on_bad = on_bad
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []

    def handle(self, where: str, error: DataError) -> None:
        """Skip the row at ``where``, or raise.

        Raises:
            DataError: ``error`` with ``where`` in front, unless bad rows are skipped.
        """
        placed = DataError(f"{where}: {error.problem}", allowed=error.allowed, received=error.received, hint=error.hint)
        if self.on_bad == "refuse":
            raise placed from error
        self.reasons[error.problem] += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(str(placed))

    def summary(self) -> dict:
        """Return ``{"count": n, "reasons": {reason: n}, "examples": [...]}``, plain data for JSON."""
        return {"count": self.reasons.total(), "reasons": dict(self.reasons.most_common()), "examples": self.examples}


def skipped_notice(summary: dict, kept: int) -> str:
    """Return the sentence that every result on data with skipped rows carries; empty when nothing was skipped."""
    if not summary["count"]:
        return ""
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in summary["reasons"].items())
    total = summary["count"] + kept
    return f"{summary['count']:,} of {total:,} rows or files were skipped: {reasons}. First: {summary['examples'][0]}"
