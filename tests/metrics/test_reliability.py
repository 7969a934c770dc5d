"""Bins of the reliability diagram and the adaptive calibration error, against loops."""

import numpy as np
import pytest

from fer_keras.metrics.reliability import adaptive_calibration_error, reliability_bins
from fer_keras.metrics.scores import expected_calibration_error


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(4)
    p = rng.dirichlet(np.full(7, 0.4), 500).astype(np.float32)
    return rng.integers(0, 7, 500), p


def test_bins_give_the_expected_calibration_error(predictions):
    y_true, p = predictions
    bins = reliability_bins(y_true, p)
    used = bins.counts > 0
    gaps = np.abs(bins.accuracy - bins.confidence)[used]
    assert (gaps * bins.counts[used]).sum() / 500 == pytest.approx(expected_calibration_error(y_true, p))
    assert bins.counts.sum() == 500
    assert np.isnan(bins.accuracy[~used]).all()
    assert (bins.confidence[used] <= bins.edges[1:][used]).all()
    assert (bins.confidence[used] >= bins.edges[:-1][used]).all()


def test_adaptive_error_is_the_mean_gap_of_equal_parts(predictions):
    y_true, p = predictions
    order = np.argsort(p.max(axis=1), kind="stable")
    gaps = []
    for part in np.array_split(order, 15):
        gap = abs((p[part].argmax(axis=1) == y_true[part]).mean() - p[part].max(axis=1).astype(float).mean())
        gaps.append(len(part) * gap)
    assert adaptive_calibration_error(y_true, p) == pytest.approx(sum(gaps) / 500)


def test_one_face_and_a_perfect_answer():
    p = np.array([[1.0, 0.0]])
    assert adaptive_calibration_error(np.array([0]), p) == 0
    assert adaptive_calibration_error(np.array([1]), p) == 1
