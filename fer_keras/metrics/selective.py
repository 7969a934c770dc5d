"""When to say ``uncertain``: precision of the answers that are kept, and the threshold that promises it. No TensorFlow.

A face whose highest probability is below the threshold gets no answer (selective classification, Geifman & El-Yaniv
2017, arXiv:1705.08500). Precision is the share of right answers among the faces that are kept, coverage their share
among all.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta

from ..atomic_files import atomic_path
from ..errors import DataError, InputError

# FER2013's labels are right for about 65 % of the faces by human judgement (Goodfellow et al. 2013), and so are small
# networks. 0.8 turns one wrong answer in three into one in five while more than half of the faces keep an answer; 0.9
# leaves about a third of them.
DEFAULT_TARGET = 0.8
CONFIDENCE_LEVEL = 0.95
# Candidates are fixed before any label is seen; two decimals, so that the number can be copied into any program.
THRESHOLDS = np.arange(100) / 100
# The walk down the thresholds starts where this many faces are kept: fewer can hardly prove anything.
MIN_KEPT = 100


@dataclass(frozen=True)
class CoverageCurve:
    """Precision and coverage at each threshold.

    Attributes:
        thresholds: (k,) float64, rising; faces with a confidence of at least this are kept.
        kept: (k,) int64, faces.
        correct: (k,) int64, of the kept faces.
        n: all faces.
        confidence_level: of ``precision_low``.
    """

    thresholds: np.ndarray
    kept: np.ndarray
    correct: np.ndarray
    n: int
    confidence_level: float = CONFIDENCE_LEVEL

    @property
    def coverage(self) -> np.ndarray:
        """(k,) float64."""
        return self.kept / self.n

    @property
    def precision(self) -> np.ndarray:
        """(k,) float64, NaN where no face is kept."""
        return np.divide(self.correct, self.kept, out=np.full(len(self.kept), np.nan), where=self.kept > 0)

    @property
    def precision_low(self) -> np.ndarray:
        """(k,) float64, exact one-sided lower bounds (Clopper & Pearson 1934, doi:10.2307/2331986); 0 without faces."""
        wrong = self.kept - self.correct
        low = beta.ppf(1 - self.confidence_level, np.maximum(self.correct, 1), wrong + 1)
        return np.where(self.correct > 0, low, 0.0)


def coverage_curve(confidence: np.ndarray, correct: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> CoverageCurve:
    """Count kept and right faces at each threshold.

    Args:
        confidence: (n,) float, highest probability of each face.
        correct: (n,) bool.
        thresholds: (k,) float, rising.

    Raises:
        DataError: no faces, or lengths that differ.
    """
    if len(confidence) == 0 or len(confidence) != len(correct):
        received = f"{len(confidence)} confidences, {len(correct)} answers"
        raise DataError("no coverage curve without faces", allowed="one answer per confidence", received=received)
    kept = np.asarray(confidence)[:, None] >= thresholds  # (n, k)
    return CoverageCurve(thresholds, kept.sum(axis=0), (kept & np.asarray(correct)[:, None]).sum(axis=0), len(kept))


def choose_threshold(curve: CoverageCurve, target: float) -> int | None:
    """Return the place of the smallest threshold that promises the target precision, or None when none does.

    A plain "first threshold whose precision reaches the target" is found by luck about every second time. Here the
    thresholds are walked from the strictest down, for as long as the lower bound of the precision reaches the target:
    fixed sequence testing, which needs no correction for the number of thresholds (Angelopoulos et al. 2021,
    arXiv:2110.01052, section 3). So with the confidence level of the curve, over repeated draws of such faces, the
    precision on new faces of the same kind is at least the target. Thresholds that keep fewer than 100 faces (or fewer
    than all, of a smaller data set) are not tested.

    Raises:
        InputError: the target is not between 0 and 1.
    """
    check_target(target)
    tested = curve.kept >= min(MIN_KEPT, curve.n)
    passed, chosen = curve.precision_low >= target, None
    for place in np.flatnonzero(tested)[::-1]:
        if not passed[place]:
            break
        chosen = int(place)
    return chosen


def check_target(target: float) -> None:
    """Refuse a target precision that is not between 0 and 1.

    Raises:
        InputError: with the value received.
    """
    if not 0 < target < 1:
        raise InputError("target precision out of range", allowed="above 0 and below 1", received=target)


def write_coverage(path: Path, curve: CoverageCurve) -> None:
    """Write one row per threshold: threshold, kept, correct, coverage, precision, precision_low; precision is empty
    where no face is kept.

    Raises:
        RunFolderError: the file system refuses.
    """
    columns = (curve.thresholds, curve.kept, curve.correct, curve.coverage, curve.precision, curve.precision_low)
    with atomic_path(path) as scratch, open(scratch, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["threshold", "kept", "correct", "coverage", "precision", "precision_low"])
        for threshold, kept, correct, *shares in zip(*(column.tolist() for column in columns), strict=True):
            cells = ["" if np.isnan(share) else f"{share:.6f}" for share in shares]
            writer.writerow([f"{threshold:.2f}", kept, correct, *cells])
