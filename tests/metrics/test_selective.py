"""The threshold of ``uncertain``: counts, bounds, the walk, and whether its promise holds."""

import csv

import numpy as np
import pytest
from scipy.stats import binomtest

from fer_keras.errors import DataError, InputError
from fer_keras.metrics.selective import CoverageCurve, check_target, choose_threshold, coverage_curve, write_coverage


def draw(rng, n, calibrated=True):
    """Confidences, and answers that are right as often as they say, or 10 points less often."""
    confidence = rng.uniform(0.3, 1, n)
    return confidence, rng.random(n) < confidence - (0 if calibrated else 0.1)


def test_curve_counts_what_is_kept():
    confidence, correct = np.array([0.2, 0.5, 0.5, 0.9]), np.array([True, False, True, True])
    curve = coverage_curve(confidence, correct, np.array([0.0, 0.5, 0.6, 0.95]))
    assert curve.kept.tolist() == [4, 3, 1, 0]
    assert curve.correct.tolist() == [3, 2, 1, 0]
    np.testing.assert_allclose(curve.coverage, [1, 0.75, 0.25, 0])
    np.testing.assert_allclose(curve.precision, [0.75, 2 / 3, 1, np.nan])


@pytest.mark.parametrize(("right", "n"), [(0, 5), (1, 1), (80, 100), (100, 100), (0, 0)])
def test_lower_bound_is_the_exact_one_sided_one(right, n):
    curve = CoverageCurve(np.array([0.5]), np.array([n]), np.array([right]), max(n, 1))
    exact = binomtest(right, n, alternative="greater").proportion_ci(0.95, "exact").low if n else 0
    assert curve.precision_low[0] == pytest.approx(exact)


def test_chosen_threshold_and_all_stricter_ones_pass_and_the_next_one_fails():
    curve = coverage_curve(*draw(np.random.default_rng(0), 3000))
    place = choose_threshold(curve, 0.8)
    tested = curve.kept >= 100
    assert curve.precision_low[place] >= 0.8
    assert (curve.precision_low[place:][tested[place:]] >= 0.8).all()
    assert curve.precision_low[place - 1] < 0.8
    assert 0.55 < curve.thresholds[place] < 0.75  # mean of uniform(t, 1) is 0.8 at t = 0.6


def test_the_walk_does_not_jump_over_a_failure():
    """A lower threshold that happens to pass is not reached."""
    kept, correct = np.array([400, 300, 200]), np.array([390, 150, 198])
    assert choose_threshold(CoverageCurve(np.array([0.1, 0.5, 0.9]), kept, correct, 400), 0.8) == 2


def test_no_threshold_where_the_target_is_out_of_reach():
    confidence = np.linspace(0.3, 1, 500)
    assert choose_threshold(coverage_curve(confidence, np.arange(500) % 2 == 0), 0.8) is None
    assert choose_threshold(coverage_curve(np.full(5, 0.9), np.ones(5, bool)), 0.8) is None  # 5 faces prove nothing


def test_a_network_that_is_always_right_keeps_every_face():
    curve = coverage_curve(np.linspace(0.3, 1, 200), np.ones(200, bool))
    assert choose_threshold(curve, 0.8) == 0


def test_the_promise_holds_for_new_faces_as_often_as_it_says():
    """Of 400 choices on 1,000 faces each, few have a true precision below the target; a plain rule misses half."""
    rng = np.random.default_rng(1)
    broken = plain_broken = 0
    for _ in range(400):
        curve = coverage_curve(*draw(rng, 1000, calibrated=False))
        truth = (curve.thresholds.clip(0.3) + 1) / 2 - 0.1
        place = choose_threshold(curve, 0.8)
        plain = int(np.argmax(curve.precision >= 0.8))
        broken += place is not None and truth[place] < 0.8
        plain_broken += truth[plain] < 0.8
    assert broken <= 0.08 * 400  # 5 % promised; 0.08 is 2.75 standard deviations above
    assert plain_broken > 0.3 * 400


@pytest.mark.parametrize("target", [0, 1, -0.1, 80, float("nan")])
def test_targets_out_of_range_are_refused(target):
    with pytest.raises(InputError, match="target precision"):
        check_target(target)


def test_empty_and_ragged_input_is_refused():
    with pytest.raises(DataError):
        coverage_curve(np.zeros(0), np.zeros(0, bool))
    with pytest.raises(DataError):
        coverage_curve(np.zeros(3), np.zeros(2, bool))


def test_table_can_be_read_back(tmp_path):
    curve = coverage_curve(np.array([0.2, 0.6]), np.array([True, False]))
    write_coverage(tmp_path / "coverage.csv", curve)
    with open(tmp_path / "coverage.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 100
    assert [float(row["threshold"]) for row in rows] == curve.thresholds.tolist()
    assert [int(row["kept"]) for row in rows] == curve.kept.tolist()
    assert rows[0]["precision"] == "0.500000"
    assert rows[99]["precision"] == ""
