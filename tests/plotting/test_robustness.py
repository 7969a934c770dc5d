"""Picture of robustness: which points are drawn where, for many kinds of damage and for one."""

import numpy as np
import pytest

from fer_keras.evaluation.robustness.corruptions import CORRUPTIONS
from fer_keras.evaluation.robustness.report import draw_examples
from fer_keras.plotting.robustness import clean_place, plot_robustness


def scores(accuracy):
    return {"accuracy": accuracy, "accuracy_ci95": [accuracy - 0.02, accuracy + 0.02], "macro_f1": accuracy}


def made_up(corruptions):
    """Each severity costs seven points more than the one before."""
    found = [
        {
            "name": item.name,
            "title": item.title,
            "parameter": item.parameter,
            "identity": item.identity,
            "severities": [{"value": v, **scores(0.63 - 0.07 * i)} for i, v in enumerate(item.severities)],
        }
        for item in corruptions
    ]
    return {"clean": scores(0.7), "most_frequent_class": {"name": "happy", "share": 0.25}, "corruptions": found}


@pytest.fixture(scope="module")
def examples():
    return draw_examples(48)


def drawn_lines(figure):
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    return {axes.get_title(loc="left"): axes.containers[0].lines[0].get_ydata().tolist() for axes in panels}


def test_points_of_every_kind_of_damage(examples):
    figure = plot_robustness(made_up(CORRUPTIONS), examples, "title\nunder it")
    lines = drawn_lines(figure)
    assert list(lines) == [item.title for item in CORRUPTIONS]
    np.testing.assert_allclose(lines["Gaussian blur"], [0.7, 0.63, 0.56, 0.49])
    np.testing.assert_allclose(lines["Gamma"], [0.63, 0.56, 0.7, 0.49, 0.42])
    ticks = [[text.get_text() for text in axes.get_xticklabels()] for axes in figure.axes if axes.images]
    assert ticks[0] == ["none", "0.5", "1", "2"]
    assert ticks[1] == ["0.4", "0.67", "none", "1.5", "2.5"]
    assert [len(axes.images) for axes in figure.axes if axes.images][:2] == [4, 5]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        "undamaged", "always 'happy'", "accuracy, 95 % interval",
    }  # fmt: skip
    figure.canvas.draw()


def test_one_kind_without_an_example():
    figure = plot_robustness(made_up(CORRUPTIONS[2:3]), {}, "title")
    assert list(drawn_lines(figure)) == ["Shift, both axes"]
    assert not any(axes.images for axes in figure.axes)
    figure.canvas.draw()


def test_the_undamaged_faces_stand_first_or_in_between():
    places = {entry["name"]: clean_place(entry) for entry in made_up(CORRUPTIONS)["corruptions"]}
    assert places.pop("gamma") == 2
    assert set(places.values()) == {0}


def test_examples_are_of_the_side_asked_for(examples):
    assert set(examples) == {"", *(item.name for item in CORRUPTIONS)}
    for item in CORRUPTIONS:
        assert examples[item.name].shape == (len(item.severities), 48, 48)
        assert (examples[item.name] != examples[""]).any(axis=(1, 2)).all()
    assert draw_examples(64)[""].shape == (1, 64, 64)
