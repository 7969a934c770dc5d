"""Figures for paper: their width, the size and kind of their letters, and that no text meets another or the edge."""

import re
from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text

from fer_keras.emotions import FER7
from fer_keras.errors import InputError
from fer_keras.metrics.one_vs_rest import one_vs_rest_curves
from fer_keras.metrics.reliability import reliability_bins
from fer_keras.metrics.selective import coverage_curve
from fer_keras.plotting import calibration, comparison, data, explanation, faces, one_vs_rest, results
from fer_keras.plotting.paper import SCREEN, Paper, current_paper, drawing_for, read_formats, read_width
from fer_keras.plotting.robustness import plot_robustness
from fer_keras.plotting.style import save_figure
from fer_keras.runs.history import COLUMNS

TITLE = "a run with a long name on validation with flip TTA\nfer2013, n = 3,589   accuracy 67.6% [66.1, 69.2]"
GRAY = np.random.default_rng(0).integers(0, 256, (24, 48, 48), np.uint8)


def history():
    return [dict(zip(COLUMNS, (e, 1.5, 1e-3, 2 / e, 0.1 * e, 2.2 / e, 0.1 * e), strict=True)) for e in range(1, 8)]


def predictions():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 7, 800)
    y_prob = rng.dirichlet(np.ones(7), 800) + 1.2 * np.eye(7)[labels] * rng.random((800, 1))
    return labels, y_prob / y_prob.sum(axis=1, keepdims=True)


def robustness():
    point = {"accuracy": 0.65, "accuracy_ci95": [0.63, 0.67]}
    names = [("Gaussian blur", "sigma, pixels of 48"), ("Gamma", "exponent, below 1 is brighter")]
    names += [("Band over the mouth", "height, pixels of 48"), ("Gaussian noise", "sigma, grey levels")]
    severities = [{"value": value, **point} for value in (0.5, 1, 2)]
    found = [
        {"name": title, "title": title, "parameter": unit, "identity": None, "severities": severities}
        for title, unit in names
    ]
    return {"clean": point, "most_frequent_class": {"name": "happy", "share": 0.25}, "corruptions": found}


def make_figures():
    labels, y_prob = predictions()
    correct, confidence = y_prob.argmax(axis=1) == labels, y_prob.max(axis=1)
    bins = reliability_bins(labels, y_prob)
    curve = coverage_curve(confidence, correct)
    curves = one_vs_rest_curves(labels, y_prob, FER7)
    runs = ("cnn-fer2013-20261121", "cnn_small-fer2013", "scratch_cnn-fer2013")
    splits = ("train", "validation", "test")
    rng = np.random.default_rng(2)
    matrix = np.full((7, 7), 1234)
    return {
        "confusion": lambda: results.plot_confusion_matrix(matrix, FER7, TITLE),
        "curves": lambda: results.plot_curves(history(), TITLE, train_label="train, augmented faces"),
        "grid": lambda: results.plot_face_grid(GRAY, ["angry → neutral\n99.1%"] * 24, 6, TITLE),
        "roc": lambda: one_vs_rest.plot_roc(curves, TITLE),
        "precision_recall": lambda: one_vs_rest.plot_precision_recall(curves, TITLE),
        "reliability": lambda: calibration.plot_reliability(
            {"Before: T = 1, ECE 0.1018, NLL 0.9448": bins, "After: T = 0.765, ECE 0.0193, NLL 0.9005": bins}, TITLE
        ),
        "coverage": lambda: calibration.plot_coverage(curve, TITLE, target=0.8, threshold=0.5),
        "robustness": lambda: plot_robustness(robustness(), {}, TITLE),
        "classes": lambda: data.plot_class_distribution({s: np.arange(7) * 100 for s in splits}, FER7, TITLE),
        "gray_levels": lambda: data.plot_gray_levels({s: np.arange(256) for s in splits}, TITLE),
        "statistics": lambda: data.plot_distributions(
            {name: {s: rng.lognormal(6, 2.2, 900) for s in splits} for name in ("contrast", "sharpness")},
            {"contrast": "standard deviation of its gray levels", "sharpness": "variance of its Laplacian"},
            ("sharpness",),
            TITLE,
        ),
        "samples": lambda: faces.plot_sample_grid([GRAY[:10]] * 7, FER7, [3995] * 7, TITLE),
        "means": lambda: faces.plot_mean_faces(GRAY[:7] * 1.0, GRAY[0] * 1.0, FER7, [3995] * 7, TITLE),
        "explanation": lambda: explanation.plot_explanation(
            GRAY[0], GRAY[1] / 255, [("surprise", 0.8), ("fear", 0.1)], "surprise", TITLE
        ),
        "sheet": lambda: explanation.plot_contact_sheet(GRAY[:7], GRAY[:7] / 255, ["face_01.jpg\nsad 99%"] * 7, TITLE),
        "class_f1": lambda: comparison.plot_class_f1({run: rng.random(7) for run in runs}, FER7, TITLE),
        "confusions": lambda: comparison.plot_confusions(dict.fromkeys(runs, matrix), FER7, TITLE),
        "overlaid": lambda: comparison.plot_overlaid_curves(
            {run: history() for run in runs}, dict.fromkeys(runs, "val_accuracy"), TITLE
        ),
    }


FIGURES = make_figures()
PAPERS = {"screen": SCREEN, "16cm": Paper(16, False, ("png", "pdf", "svg")), "8cm": Paper(8, True, ("png", "pdf"))}


def drawn_texts(figure):
    hidden = {text for axes in figure.axes if not axes.axison for text in axes.findobj(Text)} - {
        text for axes in figure.axes for text in (axes.title, axes._left_title, axes._right_title, *axes.texts)
    }
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if text not in hidden]


def inside(figure, text):
    box, (width, height) = text.get_window_extent(), figure.canvas.get_width_height()
    return box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1


def meetings(figure):
    """Pairs of level texts that share more than a sliver."""
    level = [
        (text.get_text(), text.get_window_extent()) for text in drawn_texts(figure) if text.get_rotation() % 90 == 0
    ]
    met = []
    for (first, a), (second, b) in combinations(level, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > 1.5 and down > 3:
            met.append((first, second))
    return met


def is_drawn(axis, text):
    low, high = sorted(axis.get_view_interval())
    places = dict(zip(axis.get_majorticklabels(), axis.get_majorticklocs(), strict=False))
    return text not in places or low - 1e-9 <= places[text] <= high + 1e-9


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("name", FIGURES)
def test_texts_stay_apart_and_inside(name, paper, tmp_path):
    with drawing_for(PAPERS[paper]):
        figure = FIGURES[name]()
        save_figure(figure, tmp_path / "figure.png")
    figure.set_dpi(150)
    figure.draw_without_rendering()
    texts = drawn_texts(figure)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            texts = [text for text in texts if is_drawn(axis, text)]
    assert [text.get_text() for text in texts if not inside(figure, text)] == []
    known = {text.get_text() for text in texts}
    if name != "robustness" and (name, paper) != ("reliability", "screen"):  # values stand on the lines of their points
        assert [pair for pair in meetings(figure) if set(pair) <= known] == []
    if paper != "screen":
        sizes = [text.get_fontsize() for text in texts]
        assert min(sizes) >= 7 - 1e-6
        assert max(sizes) <= 9 + 1e-6


@pytest.mark.parametrize("name", FIGURES)
def test_pdf_has_the_width_asked_for_and_letters_as_truetype(name, tmp_path):
    paper = PAPERS["16cm"]
    with drawing_for(paper):
        save_figure(FIGURES[name](), tmp_path / "figure.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.png", "figure.svg"]
    pdf = (tmp_path / "figure.pdf").read_bytes()
    (box,) = re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    assert float(box[0]) == pytest.approx(16 / 2.54 * 72, abs=0.5)
    assert float(box[1]) < 27 / 2.54 * 72  # a page
    assert b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert 'width="453.5' in svg
    assert svg.count("a run with a long name") == 2  # <title> and Dublin Core; the figure itself has no title


def test_without_a_title_no_text_of_it_is_drawn():
    with drawing_for(Paper(titles=False)):
        assert results.plot_curves(history(), TITLE).texts == []
    assert [text.get_text() for text in results.plot_curves(history(), TITLE).texts] == TITLE.split("\n")


def test_a_long_title_is_folded_on_paper():
    with drawing_for(Paper(8)):
        assert len(results.plot_curves(history(), TITLE).texts) > 2


def test_the_same_figure_is_the_same_file(tmp_path):
    with drawing_for(Paper(8, formats=("png", "pdf", "svg"))):
        for place in "ab":
            save_figure(results.plot_curves(history(), TITLE), tmp_path / place / "curves.png")
    for suffix in ("png", "pdf", "svg"):
        first, second = ((tmp_path / place / f"curves.{suffix}").read_bytes() for place in "ab")
        assert first == second


def test_the_paper_ends_with_its_block():
    with pytest.raises(RuntimeError), drawing_for(Paper(8)):
        assert current_paper().width == 8
        raise RuntimeError
    assert current_paper() is SCREEN


def test_formats_in_which_a_picture_lies_there_are_renewed(tmp_path):
    (tmp_path / "robustness.pdf").touch()
    assert SCREEN.renewing(tmp_path / "robustness.png").formats == ("png", "pdf")


@pytest.mark.parametrize(("text", "cm"), [("16cm", 16), ("8 cm", 8), ("160mm", 16), ("6.3in", 16.002), ("5CM", 5)])
def test_widths(text, cm):
    assert read_width(text) == pytest.approx(cm)


@pytest.mark.parametrize("text", ["16", "wide", "4.9cm", "61cm", "-8cm", "1e2cm", "8pt", ""])
def test_what_is_no_width_is_refused(text):
    with pytest.raises(InputError, match="5cm to 60cm"):
        read_width(text)


def test_formats():
    assert read_formats("pdf, SVG") == ("png", "pdf", "svg")
    assert read_formats("png") == ("png",)
    for text in ("eps", "pdf,jpg", "", ","):
        with pytest.raises(InputError, match="png, pdf, svg"):
            read_formats(text)
