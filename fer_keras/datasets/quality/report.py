"""What the gate says: findings, and the report they make up, as plain data that survives JSON. No TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np

from ..faces import SPLITS

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")
MAX_EXAMPLES = 12


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: what was looked at: ``counts``, ``exchange`` (of splits), ``pixels``, ``labels``, ``leak``, ``copies``,
            ``augmented``, ``empty``, ``unreadable``.
        severity: ``serious`` makes a copy of an original altered; a ``warning`` must be known by whoever reads a
            score; a ``note`` is information.
        sentence: for people, with the figures.
        cause: the same in a few words, for the verdict.
        rows: split name to the rows (from 0) that are meant; empty where the whole split is.
        examples: groups of (split, row) that are worth a look, the faces of a group side by side.
    """

    kind: str
    severity: Severity
    sentence: str
    cause: str = ""
    rows: dict[str, list[int]] = field(default_factory=dict)
    examples: tuple[tuple[tuple[str, int], ...], ...] = ()

    @property
    def rank(self) -> int:
        """Place in the order of severity, most serious first."""
        return SEVERITIES.index(self.severity)


@dataclass(frozen=True)
class QualityReport:
    """Everything that one check found.

    Attributes:
        verdict: ``official``, ``official with known leaks``, ``altered: ...`` or ``unknown data set``.
        dataset: name of the data set.
        source: what the user pointed at.
        sha256: fingerprint of the faces.
        classes: names in label order.
        counts: split name to the number of faces of each class.
        statistics: split name to the medians of :class:`~fer_keras.datasets.quality.statistics.ImageStatistics`.
        copies: numbers of distinct images, of repeated ones, of leaking rows.
        findings: most serious first.
        seconds: how long the check took.
    """

    verdict: str
    dataset: str
    source: str
    sha256: str
    classes: tuple[str, ...]
    counts: dict[str, list[int]]
    statistics: dict[str, dict[str, float]]
    copies: dict[str, int]
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether nothing serious was found."""
        return not any(finding.severity == "serious" for finding in self.findings)

    def as_dict(self) -> dict:
        """Return plain data for JSON; :meth:`from_dict` reads it back to an equal report."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict) -> QualityReport:
        """Read what :meth:`as_dict` returned, also after a passage through JSON.

        Raises:
            KeyError, TypeError, ValueError: the data are something else.
        """
        findings = tuple(
            Finding(**{**entry, "examples": tuple(tuple(map(tuple, group)) for group in entry["examples"])})
            for entry in data["findings"]
        )
        return cls(**{**data, "classes": tuple(data["classes"]), "findings": findings})


def rows_of(mask: np.ndarray, split: np.ndarray, row: np.ndarray) -> dict[str, list[int]]:
    """Turn a mask over all faces (n,) bool into rows per split, leaving out splits without any.

    Args:
        mask: faces that are meant.
        split: (n,) index into ``SPLITS``.
        row: (n,) row within the split.
    """
    found = {name: row[mask & (split == index)].tolist() for index, name in enumerate(SPLITS)}
    return {name: rows for name, rows in found.items() if rows}


def spread(items: np.ndarray, n: int = MAX_EXAMPLES) -> np.ndarray:
    """Take at most ``n`` items, evenly from the first to the last."""
    if len(items) <= n:
        return items
    return items[np.linspace(0, len(items) - 1, n).astype(int)]


def name_splits(names: list[str]) -> str:
    """Say which splits are meant, in a sentence."""
    return "every split" if len(names) == len(SPLITS) else " and ".join(names)
