"""Numbers and pictures of calibration on one split. No TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...metrics.reliability import adaptive_calibration_error, confidence_and_correct, reliability_bins
from ...metrics.scores import expected_calibration_error, negative_log_likelihood
from ...metrics.selective import coverage_curve, write_coverage
from ...plotting.calibration import plot_coverage, plot_reliability
from ...plotting.style import save_figure


def calibration_scores(y_true: np.ndarray, y_prob: np.ndarray) -> dict:
    """Return ``nll`` (nats), ``ece`` and ``ece_adaptive`` of probabilities (n, classes) for labels (n,)."""
    return {
        "nll": negative_log_likelihood(y_true, y_prob),
        "ece": expected_calibration_error(y_true, y_prob),
        "ece_adaptive": adaptive_calibration_error(y_true, y_prob),
    }


def write_calibration_report(
    folder: Path,
    title: str,
    y_true: np.ndarray,
    before: np.ndarray,
    after: np.ndarray | None,
    *,
    temperature: float = 1.0,
    target: float | None = None,
    threshold: float | None = None,
) -> None:
    """Write ``reliability.png``, ``coverage.png`` and ``coverage.csv``.

    Args:
        folder: exists.
        title: of the pictures.
        y_true: (n,) labels.
        before: (n, classes) probabilities at temperature 1.
        after: the same at ``temperature``; None for a run that is not calibrated, whose pictures show ``before`` alone.
        temperature: of ``after``.
        target: precision to mark.
        threshold: to mark.
    """
    panels = {"Before": (before, 1.0)} | ({} if after is None else {"After": (after, temperature)})
    bins = {_heading(name, y_true, *panel): reliability_bins(y_true, panel[0]) for name, panel in panels.items()}
    save_figure(plot_reliability(bins, title), folder / "reliability.png")
    curve = coverage_curve(*confidence_and_correct(y_true, before if after is None else after))
    write_coverage(folder / "coverage.csv", curve)
    save_figure(plot_coverage(curve, title, target=target, threshold=threshold), folder / "coverage.png")


def _heading(name: str, y_true: np.ndarray, y_prob: np.ndarray, temperature: float) -> str:
    scores = calibration_scores(y_true, y_prob)
    return f"{name}: T = {temperature:.3g}, ECE {scores['ece']:.4f}, NLL {scores['nll']:.4f}"
