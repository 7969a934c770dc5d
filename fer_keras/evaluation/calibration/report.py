"""Numbers and pictures of calibration on one split. No TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...metrics.reliability import adaptive_calibration_error, confidence_and_correct, reliability_bins
from ...metrics.scores import expected_calibration_error, negative_log_likelihood, wilson_interval
from ...metrics.selective import coverage_curve, write_coverage
from ...plotting.calibration import plot_coverage, plot_reliability
from ...plotting.style import save_figure
from .record import Calibration


def calibration_scores(y_true: np.ndarray, y_prob: np.ndarray) -> dict:
    """Return ``nll`` (nats), ``ece`` and ``ece_adaptive`` of probabilities (n, classes) for labels (n,)."""
    return {
        "nll": negative_log_likelihood(y_true, y_prob),
        "ece": expected_calibration_error(y_true, y_prob),
        "ece_adaptive": adaptive_calibration_error(y_true, y_prob),
    }


def score_calibrated(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, unseen: np.ndarray | None, calibration: Calibration
) -> dict:
    """Score calibrated probabilities beside those of temperature 1.

    Args:
        labels: (n,) integers.
        before: (n, classes) probabilities of temperature 1.
        after: the same of the run's temperature.
        unseen: (n,) bool, faces without an exact or near copy in training; None where that is not known.
        calibration: of the run.

    Returns:
        ``temperature, fitted_on`` (dataset, split, n), ``accuracy`` (differs from the other only with test-time
        augmentation), ``nll, ece, ece_adaptive, ece_adaptive_before``, ``uncertain`` (see :func:`score_uncertain`) and
        ``deduplicated``: ``n, nll_before, ece_before, nll, ece, uncertain`` of the unseen faces; None where these are
        all, none or unknown.
    """
    return {
        "temperature": calibration.temperature,
        "fitted_on": {"dataset": calibration.dataset, "split": calibration.split, "n": calibration.n},
        "accuracy": float((after.argmax(axis=1) == labels).mean()),
        **calibration_scores(labels, after),
        "ece_adaptive_before": calibration_scores(labels, before)["ece_adaptive"],
        "uncertain": score_uncertain(labels, after, calibration.threshold, calibration.target_precision),
        "deduplicated": None if unseen is None else _score_unseen(labels, before, after, unseen, calibration),
    }


def _score_unseen(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, unseen: np.ndarray, calibration: Calibration
) -> dict | None:
    if unseen.all() or not unseen.any():  # the same numbers again, or none
        return None
    labels, before, after = labels[unseen], before[unseen], after[unseen]
    raw, scores = calibration_scores(labels, before), calibration_scores(labels, after)
    return {
        "n": len(labels),
        "nll_before": raw["nll"],
        "ece_before": raw["ece"],
        "nll": scores["nll"],
        "ece": scores["ece"],
        "uncertain": score_uncertain(labels, after, calibration.threshold, calibration.target_precision),
    }


def score_uncertain(y_true: np.ndarray, y_prob: np.ndarray, threshold: float | None, target: float) -> dict:
    """Score the faces whose confidence reaches the threshold.

    Returns:
        ``threshold, target_precision, kept, coverage, precision, precision_ci95`` (Wilson); the last two are None where
        nothing is kept, and all but the target where there is no threshold.
    """
    result = dict.fromkeys(("kept", "coverage", "precision", "precision_ci95"))
    if threshold is None:
        return {"threshold": None, "target_precision": target, **result}
    confidence, correct = confidence_and_correct(y_true, y_prob)  # (n,) each
    kept = confidence >= threshold
    n, right = int(kept.sum()), int((kept & correct).sum())
    result.update(kept=n, coverage=n / len(kept))
    if n:
        result.update(precision=right / n, precision_ci95=list(wilson_interval(right, n)))
    return {"threshold": threshold, "target_precision": target, **result}


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
