"""Scores of one split from labels and probabilities. numpy and scikit-learn only."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ..errors import DataError

ECE_BINS = 15
# Two-sided 95 % quantile of the standard normal distribution.
Z95 = 1.959963984540054
# Float32 softmax outputs miss 1 by some 1e-7; a file of rounded decimals by a little more.
SUM_TOLERANCE = 1e-3


def score(y_true: np.ndarray, y_prob: np.ndarray, classes: Sequence[str]) -> dict:
    """Score the probabilities of one split.

    Precision, recall and F1 of a class that is never predicted or never occurs are 0, and macro-F1 averages over
    all ``classes``, so that scores of different splits compare. Balanced accuracy is the mean recall of the classes
    that occur, as in scikit-learn. The predicted class is the first of the most probable ones.

    Args:
        y_true: (n,) integer labels, each an index into ``classes``.
        y_prob: (n, len(classes)) float probabilities, each row sums to 1.
        classes: class names in label order.

    Returns:
        ``n, accuracy, accuracy_ci95 [low, high], macro_f1, balanced_accuracy, top2_accuracy, nll`` (nats), ``ece``
        and ``per_class {name: {precision, recall, f1, support}}``, all plain finite Python numbers.

    Raises:
        DataError: no rows, lengths that differ, labels out of range, or rows that are no probabilities.
    """
    y_true, y_prob = check_predictions(y_true, y_prob, len(classes))
    y_pred = y_prob.argmax(axis=1)  # (n,)
    correct = int((y_pred == y_true).sum())
    precision, recall, f1, support = precision_recall_fscore_support(
        y_true, y_pred, labels=range(len(classes)), zero_division=0
    )
    columns = zip(precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return {
        "n": len(y_true),
        "accuracy": correct / len(y_true),
        "accuracy_ci95": list(wilson_interval(correct, len(y_true))),
        "macro_f1": float(f1.mean()),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "top2_accuracy": top_k_accuracy(y_true, y_prob, 2),
        "nll": negative_log_likelihood(y_true, y_prob),
        "ece": expected_calibration_error(y_true, y_prob),
        "per_class": {
            name: dict(zip(("precision", "recall", "f1", "support"), values, strict=True))
            for name, values in zip(classes, columns, strict=True)
        },
    }


def check_predictions(y_true: np.ndarray, y_prob: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) int64 and probabilities (n, classes) in their floating type, or refuse them.

    Raises:
        DataError: see :func:`score`; the message names the first bad row.
    """
    y_true, y_prob = np.asarray(y_true), np.asarray(y_prob)
    if y_prob.ndim != 2 or y_prob.shape[1] != classes or not np.issubdtype(y_prob.dtype, np.floating):
        shape = f"{y_prob.dtype} {y_prob.shape}"
        raise DataError("probabilities have the wrong shape or type", allowed=f"float (n, {classes})", received=shape)
    if y_true.ndim != 1 or len(y_true) != len(y_prob):
        raise DataError(
            "labels and probabilities differ in length",
            allowed=f"one label for each of the {len(y_prob)} rows",
            received=f"labels of shape {y_true.shape}",
        )
    if len(y_true) == 0:
        raise DataError("nothing to score: the split is empty", allowed="at least one labelled face")
    _check_labels(y_true, classes)
    _check_rows(y_prob)
    return y_true.astype(np.int64), y_prob


def _check_labels(y_true: np.ndarray, classes: int) -> None:
    if not np.issubdtype(y_true.dtype, np.integer):
        raise DataError("labels must be integers", allowed=f"0..{classes - 1}", received=str(y_true.dtype))
    wrong = (y_true < 0) | (y_true >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"label out of range in row {row}", allowed=f"0..{classes - 1}", received=int(y_true[row]))


def _check_rows(y_prob: np.ndarray) -> None:
    checks = (
        (~np.isfinite(y_prob).all(axis=1), "probability is not finite", "finite numbers"),
        (((y_prob < 0) | (y_prob > 1 + SUM_TOLERANCE)).any(axis=1), "probability out of range", "0..1"),
        (np.abs(y_prob.sum(axis=1, dtype=np.float64) - 1) > SUM_TOLERANCE, "row does not sum to 1", "probabilities"),
    )
    for wrong, problem, allowed in checks:
        if wrong.any():
            row = int(wrong.argmax())
            values = ", ".join(f"{value:.4g}" for value in y_prob[row])
            raise DataError(f"{problem} in row {row}", allowed=allowed, received=f"[{values}]")


def wilson_interval(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953); ``n`` at least 1."""
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    # At 0 of n and n of n the bound is exact; rounding must not push it past.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return low, high


def mean_and_sd(values: Sequence[float]) -> dict[str, float | None]:
    """Return ``{mean, sd}`` of one or more values; sd is the sample standard deviation, None for one value."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "sd": sd}


def spread_text(values: Sequence[float], form: str = ".2f", scale: float = 1.0) -> str:
    """Print values of several seeds: one as it is, two as two numbers, since they tell no spread, of more mean ± sd.

    Args:
        values: one or more.
        form: format of a value, as of :func:`format`.
        scale: factor of every value, 100 for percent.
    """
    if len(values) < 3:
        return " and ".join(f"{scale * value:{form}}" for value in values)
    spread = mean_and_sd([scale * value for value in values])
    return f"{spread['mean']:{form}} ± {spread['sd']:{form.lstrip('+').replace(',', '')}}"


def top_k_accuracy(y_true: np.ndarray, y_prob: np.ndarray, k: int) -> float:
    """Share of rows whose label is among the ``k`` most probable classes.

    Of equally probable classes the first comes first, as in ``argmax``: never below accuracy. (scikit-learn's
    ``top_k_accuracy_score`` prefers the last; without ties both agree.)
    """
    ranked = np.argsort(-y_prob, axis=1, kind="stable")[:, :k]  # (n, k)
    return float((ranked == y_true[:, None]).any(axis=1).mean())


def negative_log_likelihood(y_true: np.ndarray, y_prob: np.ndarray) -> float:
    """Mean of -log p(label), in nats.

    A probability below the machine epsilon of its floating type counts as that epsilon, as in scikit-learn's
    ``log_loss``, so that one confident mistake does not make the mean infinite.
    """
    p = y_prob[np.arange(len(y_true)), y_true].astype(np.float64)  # (n,)
    epsilon = float(np.finfo(y_prob.dtype).eps)
    return float(-np.log(np.clip(p, epsilon, 1 - epsilon)).mean())


def expected_calibration_error(y_true: np.ndarray, y_prob: np.ndarray, bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017, arXiv:1706.04599, eq. 3).

    Bin m of M holds confidences in ((m - 1) / M, m / M]; each gap weighs by the share of rows in its bin.
    """
    confidence = y_prob.max(axis=1).astype(np.float64)  # (n,)
    correct = y_prob.argmax(axis=1) == y_true
    index = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)  # (n,) 0..bins-1
    gaps = np.bincount(index, weights=correct - confidence, minlength=bins)  # (bins,) sum over the rows of a bin
    return float(np.abs(gaps).sum() / len(y_true))


def confusion(y_true: np.ndarray, y_pred: np.ndarray, classes: int) -> np.ndarray:
    """Count matrix (classes, classes) int64: row is the true class, column the predicted one."""
    return confusion_matrix(y_true, y_pred, labels=range(classes))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis in float64; the maximum is subtracted, so that no exponential overflows."""
    logits = np.asarray(logits).astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
