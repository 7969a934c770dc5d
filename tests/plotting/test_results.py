"""Pictures: what stands in them, and that saving is whole or not at all. Looks are judged by eye."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from fer_keras.emotions import FER7
from fer_keras.errors import DataError, InputError, RunFolderError
from fer_keras.plotting.results import plot_confusion_matrix, plot_curves, plot_face_grid
from fer_keras.plotting.style import INK, SHADES, ink_on, new_figure, save_figure
from fer_keras.runs.history import COLUMNS, best_row, read_history

MATRIX = np.diag([90, 40, 50, 0, 30, 20, 60]) + 1
MATRIX[3] = 0  # a class without faces


def history(epochs=5):
    return [
        dict(zip(COLUMNS, (e, 1.5, 1e-3, 2 / e, 0.1 * e, 2.2 / e, [0.1, 0.3, 0.6, 0.5, 0.4][e - 1]), strict=True))
        for e in range(1, epochs + 1)
    ]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def is_cut_off(figure):
    """Whether anything drawn reaches beyond the edge of the figure, by more than a pixel."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    drawn, (width, height), pixel = figure.get_tightbbox(renderer), figure.get_size_inches(), 1 / figure.dpi
    return min(drawn.x0, drawn.y0) < -pixel or drawn.x1 > width + pixel or drawn.y1 > height + pixel


def test_confusion_matrix_shows_counts_shares_and_recall():
    figure = plot_confusion_matrix(MATRIX, FER7, "run on test\naccuracy 90%")
    left, right, bars = figure.axes
    assert texts(left)[:2] == ["91", "1"]
    assert texts(right)[0] == f"{91 / 97:.0%}"
    assert texts(right)[3 * 7 : 4 * 7] == ["–"] * 7  # no faces, no shares
    assert texts(bars)[:2] == [f"{91 / 97:.1%}", "97"]
    assert texts(bars)[6:8] == ["–", "0"]
    assert [label.get_text() for label in left.get_yticklabels()] == list(FER7)
    assert [text.get_text() for text in figure.texts] == ["run on test", "accuracy 90%"]


def test_confusion_matrix_rows_of_all_panels_line_up():
    figure = plot_confusion_matrix(MATRIX, FER7, "title")
    figure.draw(figure.canvas.get_renderer())
    heights = {axes.transData.transform((0, 2))[1].round(3) for axes in figure.axes}
    assert len(heights) == 1


@pytest.mark.parametrize("classes", [("a", "b"), FER7, (*FER7, "contempt"), ("a rather long class name", "b", "c")])
def test_no_text_is_cut_off(classes):
    n = len(classes)
    title = "a run with a long name on validation with flip TTA\n" + "numbers " * 12
    assert not is_cut_off(plot_confusion_matrix(np.full((n, n), 4321), classes, title))
    assert not is_cut_off(plot_curves(history(), title))
    assert not is_cut_off(plot_face_grid(np.zeros((n, 48, 48), np.uint8), classes, 6, title))


def test_text_in_cells_is_readable():
    def luminance(color):
        rgb = np.asarray(to_rgb(color))
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)

    for share in np.linspace(0, 1, 101):
        dark, light = sorted(luminance(c) + 0.05 for c in (ink_on(SHADES(share)), SHADES(share)[:3]))
        assert light / dark > 4  # WCAG asks for 3 in bold or large text, 4.5 in small text
    assert ink_on((1, 1, 1)) == INK
    assert ink_on((0, 0, 0)) == "white"


@pytest.mark.parametrize("matrix", [np.zeros((7, 6), int), np.zeros(7, int), np.full((7, 7), -1), np.ones((7, 7))])
def test_confusion_matrix_refuses_what_is_none(matrix):
    with pytest.raises(DataError, match="not a confusion matrix"):
        plot_confusion_matrix(matrix, FER7, "title")


def test_curves_mark_the_best_epoch():
    loss, accuracy = plot_curves(history(), "run").axes
    assert accuracy.get_title("right") == "epoch 3 taken: 60.0%"
    assert loss.get_title("right") == "epoch 3 taken: 0.733"
    dots = [[line for line in axes.get_lines() if line.get_marker() == "o"] for axes in (loss, accuracy)]
    assert [len(found) for found in dots] == [0, 1]  # one mark of best, where the epoch was chosen
    loss, accuracy = plot_curves(history(), "run", monitor="val_loss").axes
    assert loss.get_title("right").startswith("epoch 5 taken")
    assert accuracy.get_lines()[0].get_ydata().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_curves_of_the_file_equal_those_of_the_rows(tmp_path):
    lines = [",".join(COLUMNS), *(",".join(str(row[name]) for name in COLUMNS) for row in history())]
    path = tmp_path / "history.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert read_history(path) == history()
    from_file, from_rows = plot_curves(path, "run").axes[0], plot_curves(history(), "run").axes[0]
    for ours, theirs in zip(from_file.get_lines(), from_rows.get_lines(), strict=True):
        assert np.array_equal(ours.get_xydata(), theirs.get_xydata())


def test_best_row_follows_the_monitor_and_skips_diverged_epochs():
    rows = history()
    rows[2]["val_accuracy"] = float("nan")
    assert best_row(rows, "val_accuracy") == 3
    assert best_row(rows, "val_loss") == 4
    rows = [{**row, "val_accuracy": float("nan")} for row in rows]
    assert best_row(rows, "val_accuracy") is None
    with pytest.raises(InputError, match="unknown monitor"):
        best_row(rows, "loss")


def test_curves_of_one_epoch_and_of_a_diverged_run_can_be_drawn(tmp_path):
    save_figure(plot_curves(history(1), "one epoch"), tmp_path / "one.png")
    diverged = [
        {**row, "loss": float("nan"), "val_loss": float("inf"), "val_accuracy": float("nan")} for row in history()
    ]
    figure = plot_curves(diverged, "diverged")
    assert figure.axes[0].get_title("right") == ""  # no best epoch
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "validation"]
    save_figure(figure, tmp_path / "diverged.png")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("epoch,loss\n1,2\n", "no column 'seconds'"),
        (",".join(COLUMNS) + "\n1,2,3,4,5,6\n", "epoch row 1: a value is missing"),
        (",".join(COLUMNS) + "\n1,2,3,4,5,6,7\n1,2,3,4,5,6,high\n", "epoch row 2"),
        (",".join(COLUMNS) + "\n", "no epoch"),
        ("", "no column 'epoch'"),
        (",".join(COLUMNS) + '\n1,2,"3,4,5,6,7\n', "cannot read"),
    ],
)
def test_damaged_history_is_refused(tmp_path, text, problem):
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        plot_curves(path, "run")


def test_missing_history_is_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        plot_curves(tmp_path / "history.csv", "run")


def test_face_grid_does_not_stretch_the_gray_levels():
    faces = np.full((3, 48, 48, 1), 100, np.uint8)
    figure = plot_face_grid(faces, ["a → b", "c", "d"], 2, "faces")
    pictures = [axes.get_images() for axes in figure.axes]
    assert [len(found) for found in pictures] == [1, 1, 1, 0]
    assert pictures[0][0].get_clim() == (0, 255)
    assert figure.axes[0].get_title() == "a → b"


def test_face_grid_without_faces_says_so():
    figure = plot_face_grid(np.zeros((0, 48, 48, 1), np.uint8), [], 6, "mistakes", empty="No mistake on 9 faces")
    assert texts(figure.axes[0]) == ["No mistake on 9 faces"]


@pytest.mark.parametrize(
    ("shape", "captions", "columns"),
    [((2, 48, 48), 1, 6), ((2, 48, 48, 3), 2, 6), ((48, 48), 48, 6), ((2, 4, 4), 2, 0)],
)
def test_face_grid_refuses_shapes_that_do_not_fit(shape, captions, columns):
    with pytest.raises(DataError, match="cannot lay out the faces"):
        plot_face_grid(np.zeros(shape, np.uint8), ["x"] * captions, columns, "title")


def test_saved_picture_is_complete_and_150_dpi(tmp_path):
    path = tmp_path / "new" / "curves.png"
    save_figure(plot_curves(history(), "run"), path)
    with Image.open(path) as picture:
        picture.load()
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
    assert [p.name for p in path.parent.iterdir()] == ["curves.png"]


def test_failed_saving_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "curves.png"
    path.write_bytes(b"old")

    def disk_full(canvas, target, **options):
        raise OSError(28, "No space left on device")

    figure = plot_curves(history(), "run")
    monkeypatch.setattr(FigureCanvasAgg, "print_png", disk_full)
    with pytest.raises(RunFolderError, match="No space left"):
        save_figure(figure, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_picture_format_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown picture format"):
        save_figure(new_figure(2, 2, "x"), tmp_path / "picture.txt")
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_no_global_figure_and_loads_no_tensorflow(tmp_path):
    program = (
        "import sys, numpy as np\n"
        "from fer_keras.plotting.results import plot_confusion_matrix\n"
        "from fer_keras.plotting.style import save_figure\n"
        f"save_figure(plot_confusion_matrix(np.eye(2, dtype=int), 'ab', 't'), {str(tmp_path / 'x.png')!r})\n"
        "import matplotlib.pyplot as plt\n"
        "assert plt.get_fignums() == []\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
