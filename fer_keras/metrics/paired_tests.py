"""Tests of two classifiers on the same faces. numpy, SciPy and nothing of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from ..errors import DataError, InputError

RESAMPLES = 10_000
# Rows of a resample held at once; bounds the memory at some 30 MB for seven classes.
_CHUNK = 1_000


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the exact McNemar test (McNemar 1947, doi:10.1007/BF02295996).

    Under the null hypothesis each face that exactly one of the two gets right is either's with probability 1/2.
    It is the binomial test, not the chi-squared approximation, so it holds for any count.

    Args:
        only_first: faces that the first gets right and the second wrong.
        only_second: the other way round.

    Raises:
        InputError: a negative count.
    """
    if min(only_first, only_second) < 0:
        raise InputError("counts of McNemar's test are negative", received=f"{only_first}, {only_second}")
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def holm_adjust(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979, JSTOR 4615733), in the order given.

    The probability of any false rejection at level alpha stays at most alpha, whatever the tests depend on.

    Raises:
        InputError: a value outside of 0..1.
    """
    p = np.asarray(p_values, np.float64)  # (m,)
    if p.size == 0:
        return []
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("not a p-value", allowed="0..1", received=str(list(p_values)))
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1)
    return adjusted.tolist()


def bootstrap_differences(
    y_true: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    classes: int,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, list[float]]:
    """Return 95 % percentile intervals of first minus second, over faces drawn with replacement.

    Each resample draws whole faces, so the pairing is kept (Efron & Tibshirani 1993, chapter 13). Faces with the same
    (label, first, second) are exchangeable: a multinomial draw of those counts is the same distribution as a draw
    of faces, and needs no index arrays.

    Args:
        y_true: (n,) integer labels, 0..classes-1.
        first: (n,) predicted classes of the first network.
        second: (n,) predicted classes of the second.
        classes: number of classes; a class absent from a resample has F1 0, as in :func:`.score`.
        seed: of the random draws; the same seed gives the same interval.
        resamples: number of draws.

    Returns:
        ``accuracy`` and ``macro_f1``: [low, high] of the difference.

    Raises:
        DataError: lengths differ, there is no face, or a value is no class.
    """
    cells, counts = _joint_counts(y_true, first, second, classes)
    n, random = int(counts.sum()), np.random.default_rng(seed)
    found = []
    for start in range(0, resamples, _CHUNK):
        drawn = random.multinomial(n, counts / n, size=min(_CHUNK, resamples - start))  # (r, cells)
        found.append(_differences(drawn, cells, classes, n))
    differences = np.concatenate(found)  # (resamples, 2)
    low, high = np.quantile(differences, (0.025, 0.975), axis=0)
    return {name: [float(low[i]), float(high[i])] for i, name in enumerate(("accuracy", "macro_f1"))}


def bootstrap_macro_f1(
    y_true: np.ndarray, y_pred: np.ndarray, classes: int, *, seed: int = 0, resamples: int = RESAMPLES
) -> list[float]:
    """Return the 95 % percentile interval [low, high] of macro-F1; see :func:`bootstrap_differences`."""
    cells, counts = _joint_counts(y_true, y_pred, y_pred, classes)
    n = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=resamples)  # (resamples, cells)
    scores = _scores(drawn, cells[:, 0], cells[:, 1], classes, n)
    return np.quantile(scores[:, 1], (0.025, 0.975)).tolist()


def _joint_counts(y_true, first, second, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct (label, first, second) as (cells, 3), and how often each occurs (cells,)."""
    lengths = {len(y_true), len(first), len(second)}
    if len(lengths) > 1 or len(y_true) == 0:
        received = f"{len(y_true)}, {len(first)} and {len(second)}"
        raise DataError("paired faces differ in number, or there is none", allowed="n of each", received=received)
    rows = np.stack([y_true, first, second], axis=1)  # (n, 3)
    if rows.min() < 0 or rows.max() >= classes:
        raise DataError("a label or prediction is no class", allowed=f"0..{classes - 1}")
    return np.unique(rows, axis=0, return_counts=True)


def _differences(drawn: np.ndarray, cells: np.ndarray, classes: int, n: int) -> np.ndarray:
    """Accuracy and macro-F1 of first minus second for each resample: (r, cells) counts to (r, 2)."""
    first, second = (_scores(drawn, cells[:, 0], cells[:, column], classes, n) for column in (1, 2))
    return first - second


def _scores(drawn: np.ndarray, labels: np.ndarray, predicted: np.ndarray, classes: int, n: int) -> np.ndarray:
    is_label = labels[:, None] == np.arange(classes)  # (cells, classes)
    is_predicted = predicted[:, None] == np.arange(classes)
    hits = drawn @ (is_label & is_predicted)  # (r, classes)
    sizes = drawn @ is_label + drawn @ is_predicted  # (r, classes), support plus times predicted
    f1 = np.divide(2 * hits, sizes, out=np.zeros(hits.shape), where=sizes > 0)
    return np.stack([hits.sum(axis=1) / n, f1.mean(axis=1)], axis=1)
