"""How confidence and accuracy agree, bin by bin. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .scores import ECE_BINS


@dataclass(frozen=True)
class ReliabilityBins:
    """Bins of a reliability diagram (DeGroot & Fienberg 1983, doi:10.2307/2987588).

    Attributes:
        edges: (bins + 1,) float64, confidences; bin m holds (edges[m], edges[m + 1]].
        counts: (bins,) int64, faces.
        confidence: (bins,) float64, mean confidence; NaN in an empty bin.
        accuracy: (bins,) float64, share of right answers; NaN in an empty bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability_bins(y_true: np.ndarray, y_prob: np.ndarray, bins: int = ECE_BINS) -> ReliabilityBins:
    """Sort faces by confidence into bins of equal width, as in the expected calibration error.

    Args:
        y_true: (n,) integer labels.
        y_prob: (n, classes) float probabilities.
        bins: number of bins between 0 and 1.
    """
    confidence, correct = confidence_and_correct(y_true, y_prob)  # (n,) each
    edges = np.linspace(0, 1, bins + 1)
    index = np.digitize(confidence, edges[1:-1], right=True)  # (n,) 0..bins-1
    counts = np.bincount(index, minlength=bins)
    sums = [np.bincount(index, weights=values, minlength=bins) for values in (confidence, correct)]
    means = [np.divide(total, counts, out=np.full(bins, np.nan), where=counts > 0) for total in sums]
    return ReliabilityBins(edges, counts, *means)


def adaptive_calibration_error(y_true: np.ndarray, y_prob: np.ndarray, bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy over bins of equal numbers of faces.

    Nguyen & O'Connor 2015, arXiv:1508.05154, section 3: no bin is nearly empty, as those of equal width are. Faces of
    equal confidence stay in their order, so that the result does not depend on the sorting algorithm.
    """
    confidence, correct = confidence_and_correct(y_true, y_prob)  # (n,) each
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split((correct - confidence)[order], min(bins, len(order)))
    return float(sum(abs(part.sum()) for part in parts) / len(order))


def confidence_and_correct(y_true: np.ndarray, y_prob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest probability of each face, (n,) float64, and whether its class is right, (n,) bool."""
    return y_prob.max(axis=1).astype(np.float64), y_prob.argmax(axis=1) == y_true
