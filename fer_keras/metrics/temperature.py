"""Temperature scaling: one number that turns logits into probabilities that mean something. numpy and scipy only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from ..errors import DataError

# Temperatures beyond these say that the logits are useless (flat) or that every face was right (one-hot).
LOWEST, HIGHEST = 0.05, 20.0
_TOLERANCE = 1e-6  # of the logarithm of the temperature
_NEAR_BOUND = 1e-3


@dataclass(frozen=True)
class FittedTemperature:
    """Result of :func:`fit_temperature`.

    Attributes:
        temperature: between 0.05 and 20.
        nll_before: mean cross-entropy at temperature 1, nats.
        nll_after: mean cross-entropy at ``temperature``; never above ``nll_before``.
        n: faces it was fitted on.
        at_bound: the search ended at 0.05 or 20.
    """

    temperature: float
    nll_before: float
    nll_after: float
    n: int
    at_bound: bool


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> FittedTemperature:
    """Find the temperature T that minimises the mean cross-entropy of softmax(logits / T).

    Guo et al. 2017, arXiv:1706.04599, section 4.2. The cross-entropy is convex in 1 / T, so in log T it has one valley,
    and Brent's bounded search finds its floor. The predicted classes do not change.

    Args:
        logits: (n, classes) float.
        labels: (n,) integer labels, or (n, classes) float distributions whose rows sum to 1 (soft labels).

    Raises:
        DataError: no rows, logits that are not finite, or labels that do not fit.
    """
    logits = check_logits(logits)
    labels = _check_labels(labels, logits)
    nll_before = cross_entropy(logits, labels)
    log_t, nll_after = _minimise(logits, labels)
    if nll_before - nll_after < 1e-12:  # flat to the last digit: logits that are all equal
        log_t, nll_after = 0.0, nll_before
    at_bound = min(log_t - math.log(LOWEST), math.log(HIGHEST) - log_t) < _NEAR_BOUND
    return FittedTemperature(math.exp(log_t), nll_before, nll_after, len(logits), at_bound)


def _minimise(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the logarithm of the temperature and the cross-entropy there; of equal ones, that at a bound."""

    def loss(log_t: float) -> float:
        return cross_entropy(logits / math.exp(log_t), labels)

    bounds = (math.log(LOWEST), math.log(HIGHEST))
    options = {"xatol": _TOLERANCE, "maxiter": 200}
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options=options)
    # Where every face is right the loss rounds to 0 long before the bound, and the search stops anywhere.
    return min(((log_t, loss(log_t)) for log_t in (*bounds, float(found.x))), key=lambda pair: pair[1])


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -sum over classes of label * log softmax(logits), nats; labels (n,) integers or (n, classes) shares."""
    log_p = logits - logsumexp(logits, axis=1, keepdims=True)  # (n, classes)
    if labels.ndim == 1:
        return float(-log_p[np.arange(len(labels)), labels].mean())
    return float(-(labels * log_p).sum(axis=1).mean())


def check_logits(logits: np.ndarray) -> np.ndarray:
    """Return (n, classes) float64, or refuse what is no such array of finite numbers.

    Raises:
        DataError: naming the first bad row.
    """
    logits = np.asarray(logits)
    if logits.ndim != 2 or logits.shape[0] < 1 or logits.shape[1] < 2 or not np.issubdtype(logits.dtype, np.floating):
        received = f"{logits.dtype} {logits.shape}"
        raise DataError(
            "unusable logits", allowed="float (n, classes), one face and two classes at least", received=received
        )
    wrong = ~np.isfinite(logits).all(axis=1)
    if wrong.any():
        raise DataError(f"a logit is not finite in row {int(wrong.argmax())}", allowed="finite numbers")
    return logits.astype(np.float64)


def _check_labels(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    n, classes = logits.shape
    if labels.shape == (n,) and np.issubdtype(labels.dtype, np.integer):
        if labels.min() < 0 or labels.max() >= classes:
            received = f"{labels.min()}..{labels.max()}"
            raise DataError("label out of range", allowed=f"0..{classes - 1}", received=received)
        return labels
    if labels.shape == (n, classes) and np.issubdtype(labels.dtype, np.floating):
        shares = labels.astype(np.float64)
        if not (np.isfinite(shares).all() and shares.min() >= 0 and np.abs(shares.sum(axis=1) - 1).max() < 1e-3):
            raise DataError("soft labels are no distributions", allowed="shares of 0 or more, rows that sum to 1")
        return shares
    raise DataError(
        "labels do not fit the logits",
        allowed=f"({n},) integers or ({n}, {classes}) floats",
        received=f"{labels.dtype} {labels.shape}",
    )
