"""Pictures of data: what is written and drawn in them."""

import numpy as np
import pytest

from fer_keras.plotting.data import plot_class_distribution, plot_distributions, plot_gray_levels
from fer_keras.plotting.faces import plot_mean_faces, plot_sample_grid


def texts(figure):
    axes_texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    titles = [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center", "right")]
    return {*axes_texts, *titles, *(text.get_text() for text in figure.texts)}


def test_class_distribution_says_share_and_number():
    counts = {"train": np.array([30, 1200, 0]), "test": np.array([0, 0, 0])}
    said = texts(plot_class_distribution(counts, ("a", "b", "c"), "Title\nmore"))
    assert {"2.4%", "97.6%", "–", "30", "1,200", "0", "1,230 faces", "train", "test", "Title", "more"} <= said


def test_gray_levels_draw_all_256_and_skip_empty_splits():
    levels = {"train": np.arange(256), "test": np.zeros(256, int)}
    patches = plot_gray_levels(levels, "t").axes[0].patches
    assert len(patches) == 1
    values, edges, _ = patches[0].get_data()
    np.testing.assert_allclose(values, np.arange(256) / np.arange(256).sum())
    assert (edges[0], edges[-1], len(edges)) == (-0.5, 255.5, 257)


@pytest.mark.parametrize(
    "values", [np.empty(0), np.zeros(3), np.full(50, 7.0), np.random.default_rng(0).lognormal(7, 2, 500)]
)
@pytest.mark.parametrize("log", [(), ("sharpness",)])
def test_distributions_hold_every_face_whatever_the_values(values, log):
    figure = plot_distributions({"sharpness": {"train": values}}, {"sharpness": "x"}, log, "t")
    figure.draw_without_rendering()
    for steps in figure.axes[0].patches:
        assert steps.get_data()[0].sum() == pytest.approx(1)
    assert len(figure.axes[0].patches) == (len(values) > 0)


def test_sample_grid_puts_each_face_in_its_row():
    samples = [np.full((2, 6, 8), 10), np.full((0, 6, 8), 0), np.full((3, 6, 8), 90)]
    figure = plot_sample_grid(samples, ("one", "two", "a very long class name indeed it is"), (2, 0, 1300), "t")
    axes = figure.axes[0]
    mosaic = axes.images[0].get_array()
    rows = np.array_split(np.asarray(mosaic), 3)
    assert [sorted(set(row.ravel().tolist())) for row in rows] == [[10, 255], [255], [90, 255]]
    assert [(row < 255).sum() for row in rows] == [2 * 48, 0, 3 * 48]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["one\n2", "two\n0", "a very long class\nname indeed it is\n1,300"]


def test_mean_faces_show_differences_on_one_scale():
    overall = np.full((4, 4), 100.0)
    means = np.stack([overall, overall + 20, overall - 40, np.full((4, 4), np.nan)])
    figure = plot_mean_faces(means, overall, "abcd", (1, 2, 3, 0), "Title\nbelow")
    assert "below, full colour at 40 levels" in texts(figure)
    differences = [axes.images[0] for axes in figure.axes[4:8]]
    assert {image.get_clim() for image in differences} == {(-40, 40)}
    assert [float(image.get_array().mean()) for image in differences[:3]] == [0, 20, -40]
    assert differences[3].get_array().mask.all()
