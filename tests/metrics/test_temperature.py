"""The fitted temperature: against a known one, soft labels, bounds, refusals."""

import numpy as np
import pytest

from fer_keras.errors import DataError
from fer_keras.metrics.scores import softmax
from fer_keras.metrics.temperature import HIGHEST, LOWEST, cross_entropy, fit_temperature


def draw(temperature, n=20_000, classes=7, seed=0):
    """Logits, and labels drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, classes))
    p = softmax(logits / temperature)
    labels = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, classes - 1)
    return logits, labels, p


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    logits, labels, _ = draw(temperature)
    found = fit_temperature(logits.astype(np.float32), labels)
    assert found.temperature == pytest.approx(temperature, rel=0.03)
    assert found.nll_after <= found.nll_before == pytest.approx(cross_entropy(logits, labels), rel=1e-5)
    assert (found.n, found.at_bound) == (20_000, False)


def test_it_is_the_lowest_of_a_fine_grid():
    logits, labels, _ = draw(1.7, n=500)
    found = fit_temperature(logits, labels)
    grid = np.exp(np.linspace(np.log(LOWEST), np.log(HIGHEST), 2001))
    losses = [cross_entropy(logits / t, labels) for t in grid]
    assert found.nll_after <= min(losses) + 1e-9
    assert found.temperature == pytest.approx(grid[int(np.argmin(losses))], rel=0.01)


def test_soft_labels_are_met_exactly_and_one_hot_ones_are_as_hard_ones():
    logits, labels, p = draw(3.0, n=2000)
    assert fit_temperature(logits, p).temperature == pytest.approx(3.0, rel=1e-4)
    one_hot = np.eye(7, dtype=np.float32)[labels]
    assert fit_temperature(logits, one_hot).temperature == pytest.approx(fit_temperature(logits, labels).temperature)


def test_huge_logits_do_not_overflow():
    logits, labels, _ = draw(1.0, n=2000)
    found = fit_temperature(logits * 15, labels)
    assert found.temperature == pytest.approx(15, rel=0.1)
    assert np.isfinite(fit_temperature(logits * 1e6, labels).nll_after)


def test_bounds_are_reported():
    logits = np.eye(3)[np.arange(30) % 3] * 5.0
    right, wrong = np.arange(30) % 3, (np.arange(30) + 1) % 3
    sure, lost = fit_temperature(logits, right), fit_temperature(logits, wrong)
    assert sure.at_bound
    assert sure.temperature == pytest.approx(LOWEST, rel=1e-3)
    assert lost.at_bound
    assert lost.temperature == pytest.approx(HIGHEST, rel=1e-3)


def test_equal_logits_keep_temperature_1():
    found = fit_temperature(np.ones((10, 4)), np.arange(10) % 4)
    assert (found.temperature, found.at_bound) == (1.0, False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(value):
    logits = np.zeros((5, 3))
    logits[3, 1] = value
    with pytest.raises(DataError, match="not finite in row 3"):
        fit_temperature(logits, np.zeros(5, int))


@pytest.mark.parametrize(
    ("logits", "labels", "problem"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "unusable logits"),
        (np.zeros((4, 1)), np.zeros(4, int), "unusable logits"),
        (np.zeros(4), np.zeros(4, int), "unusable logits"),
        (np.zeros((4, 3), int), np.zeros(4, int), "unusable logits"),
        (np.zeros((4, 3)), np.full(4, 3), "out of range"),
        (np.zeros((4, 3)), np.full(4, -1), "out of range"),
        (np.zeros((4, 3)), np.zeros(5, int), "do not fit"),
        (np.zeros((4, 3)), np.zeros(4), "do not fit"),
        (np.zeros((4, 3)), np.full((4, 3), 0.5), "no distributions"),
        (np.zeros((4, 3)), np.full((4, 3), np.nan), "no distributions"),
    ],
)
def test_what_does_not_fit_is_refused(logits, labels, problem):
    with pytest.raises(DataError, match=problem):
        fit_temperature(logits, labels)
