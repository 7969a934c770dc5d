"""Reliability and coverage pictures: what is drawn, with empty bins, one face, and no threshold."""

import numpy as np
import pytest

from fer_keras.evaluation.calibration.report import write_calibration_report
from fer_keras.metrics.reliability import reliability_bins
from fer_keras.metrics.selective import coverage_curve
from fer_keras.plotting.calibration import plot_coverage, plot_reliability


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(4)
    return rng.integers(0, 7, 300), rng.dirichlet(np.full(7, 0.4), 300)


def test_bars_and_counts_are_those_of_the_bins(predictions):
    bins = reliability_bins(*predictions)
    figure = plot_reliability({"Before": bins, "After": bins}, "title")
    top, bottom = figure.axes[0], figure.axes[2]
    used = bins.counts > 0
    heights = [bar.get_height() for bar in top.containers[0]]
    np.testing.assert_allclose(heights, bins.accuracy[used])
    assert [text.get_text() for text in bottom.texts] == [str(n) for n in bins.counts[used]]
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["Before", "After"]
    figure.canvas.draw()


def test_coverage_marks_target_and_threshold(predictions):
    y_true, p = predictions
    curve = coverage_curve(p.max(axis=1), p.argmax(axis=1) == y_true)
    axes = plot_coverage(curve, "title", target=0.8, threshold=0.5).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert "target 80%" in labels
    assert any(label.startswith("threshold 0.50 keeps") for label in labels)
    plain = plot_coverage(curve, "title", target=None, threshold=None).axes[0]
    assert len(plain.get_legend_handles_labels()[1]) == 2


@pytest.mark.parametrize("after", [None, np.array([[0.6, 0.4]])])
def test_files_of_one_face(tmp_path, after):
    write_calibration_report(tmp_path, "one face", np.array([0]), np.array([[0.9, 0.1]]), after, threshold=0.99)
    assert {path.name for path in tmp_path.iterdir()} == {"reliability.png", "coverage.png", "coverage.csv"}
