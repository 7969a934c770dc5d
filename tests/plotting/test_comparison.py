"""What stands in the pictures of several runs."""

import numpy as np
import pytest

from fer_keras.emotions import FER7
from fer_keras.errors import DataError
from fer_keras.plotting.comparison import plot_class_f1, plot_confusions, plot_overlaid_curves, run_style
from fer_keras.runs.history import COLUMNS


def history(epochs):
    rows = [(e, 1.0, 1e-3, 2 / e, 0.1 * e, 2.2 / e, 0.5 - abs(e - 2) / 10) for e in range(1, epochs + 1)]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def is_cut_off(figure):
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    drawn, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    return min(drawn.x0, drawn.y0) < -0.02 or drawn.x1 > width + 0.02 or drawn.y1 > height + 0.02


def test_every_run_has_a_bar_in_every_class():
    scores = {name: np.linspace(0, 1, 7) for name in "ab"}
    figure = plot_class_f1(scores, FER7, "F1")
    assert [bar.get_height() for bar in figure.axes[0].patches] == [*np.linspace(0, 1, 7)] * 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    assert not is_cut_off(figure)


def test_confusions_show_shares_and_no_share_of_an_absent_class():
    matrix = np.diag([3, 1, 1, 1, 1, 1, 0])
    matrix[0, 1] = 1
    figure = plot_confusions({f"run {i}": matrix for i in range(4)}, FER7, "Shares")
    shown = [axes for axes in figure.axes if axes.axison]
    assert len(shown) == 4
    texts = [text.get_text() for text in shown[3].texts]
    assert texts[:2] == ["75", "25"]
    assert texts[-7:] == ["–"] * 7
    assert not is_cut_off(figure)


def test_a_run_without_comparable_loss_is_drawn_in_the_accuracy_panel_only():
    histories = {"a": history(4), "b": history(3)}
    monitors = dict.fromkeys(histories, "val_accuracy")
    left, right = plot_overlaid_curves(histories, monitors, "Curves", without_loss=["b"]).axes
    assert (len(left.lines), len(right.lines)) == (3, 6)
    best = right.lines[2].get_xydata()
    assert best.tolist() == [[2, 0.5]]


def test_many_runs_with_long_names_fit_and_differ():
    names = [f"a very long name of a run that somebody chose without thinking, number {i}" for i in range(11)]
    figure = plot_class_f1({name: np.full(7, 0.5) for name in names}, FER7, "F1")
    assert not is_cut_off(figure)
    assert len({run_style(i) for i in range(32)}) == 32


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="no run to draw"):
        plot_class_f1({}, FER7, "F1")
    with pytest.raises(DataError, match="do not fit the classes"):
        plot_confusions({"a": np.eye(6, dtype=int)}, FER7, "Shares")
    with pytest.raises(DataError, match="no history"):
        plot_overlaid_curves({}, {}, "Curves")
