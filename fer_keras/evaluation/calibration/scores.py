"""What the calibration of a run makes of its scores on one split. No TensorFlow."""

from __future__ import annotations

import numpy as np

from ...metrics.reliability import confidence_and_correct
from ...metrics.scores import wilson_interval
from .calibrate import Calibration
from .report import calibration_scores


def score_calibrated(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, unseen: np.ndarray, calibration: Calibration
) -> dict:
    """Score calibrated probabilities beside those of temperature 1.

    Args:
        labels: (n,) integers.
        before: (n, classes) probabilities of temperature 1.
        after: the same of the run's temperature.
        unseen: (n,) bool, faces without an exact or near copy in training.
        calibration: of the run.

    Returns:
        ``temperature, fitted_on`` (dataset, split, n), ``accuracy`` (differs from the other only with test-time
        augmentation), ``nll, ece, ece_adaptive, ece_adaptive_before``, ``uncertain`` (see :func:`score_uncertain`) and
        ``deduplicated``: ``n, nll_before, ece_before, nll, ece, uncertain`` of the unseen faces; None where these are
        all or none.
    """
    return {
        "temperature": calibration.temperature,
        "fitted_on": {"dataset": calibration.dataset, "split": calibration.split, "n": calibration.n},
        "accuracy": float((after.argmax(axis=1) == labels).mean()),
        **calibration_scores(labels, after),
        "ece_adaptive_before": calibration_scores(labels, before)["ece_adaptive"],
        "uncertain": score_uncertain(labels, after, calibration.threshold, calibration.target_precision),
        "deduplicated": _score_unseen(labels, before, after, unseen, calibration),
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
