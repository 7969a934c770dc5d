"""Pictures of results: arrays in, matplotlib ``Figure`` out, never pyplot. Saving is a step of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..errors import DataError
from ..runs.history import best_row, column, read_history
from .style import (
    BAR,
    FULL,
    HEADING,
    INK,
    MUTED,
    PALE,
    SHADES,
    SMALL,
    TEXT,
    TRAIN,
    VALIDATION,
    draw_heading,
    draw_legend,
    ink_on,
    new_figure,
    panels_in_row,
    room,
    style_axes,
)


def plot_confusion_matrix(matrix: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Draw counts and row shares of a confusion matrix side by side, and the recall of each class.

    Args:
        matrix: (classes, classes) counts; row is the true class, column the predicted one.
        classes: names in label order.
        title: first line is the heading, further lines are set smaller under it.

    Raises:
        DataError: the matrix is not square, negative, or does not fit ``classes``.
    """
    counts = _check_matrix(matrix, len(classes))
    rows = counts.sum(axis=1)  # (classes,)
    shares = counts / np.maximum(rows, 1)[:, None]  # (classes, classes)
    side = max(0.55 * len(classes), 2.2)  # inches
    names = 0.08 * max(len(name) for name in classes)
    natural = 2 * (side + names) + 2.7
    if room(natural) < natural:
        return _plot_narrow_matrices(counts, shares, classes, names, title)
    figure = new_figure(natural, side + 0.7 * names + 0.95, title)
    left, right, bars = figure.subplots(1, 3, width_ratios=(side, side, 1.8))
    _draw_pair([left, right], counts, shares, classes)
    _draw_recall(bars, np.diag(shares), rows)
    draw_heading(bars, "Recall")
    bars.set_title("faces", fontsize=SMALL, color=MUTED, loc="right", pad=8)
    return figure


def _draw_pair(panels: Sequence[Axes], counts: np.ndarray, shares: np.ndarray, classes: Sequence[str]) -> None:
    left, right = panels
    _draw_matrix(left, counts, shares, classes, ",d")
    left.set_ylabel("true", fontsize=TEXT, color=MUTED)
    draw_heading(left, "Faces")
    _draw_matrix(right, shares, shares, classes, ".0%")
    draw_heading(right, "Share of each true class")


def _plot_narrow_matrices(
    counts: np.ndarray, shares: np.ndarray, classes: Sequence[str], names: float, title: str
) -> Figure:
    """Without the bars of recall, which stands on the diagonal of the shares; on narrow paper one under the other."""
    across = panels_in_row(2, 0.42 * len(classes) + names, 0.6)
    side = (room(math.inf) - 0.6) / across - names
    figure = new_figure(math.inf, (side + 0.7 * names + 0.95) * (2 // across), title)
    panels = figure.subplots(2 // across, across).ravel()
    _draw_pair(panels, counts, shares, classes)
    for axes in panels[::across]:
        axes.set_ylabel("true", fontsize=TEXT, color=MUTED)
    return figure


def _check_matrix(matrix: np.ndarray, classes: int) -> np.ndarray:
    counts = np.asarray(matrix)
    if counts.shape != (classes, classes) or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise DataError(
            "not a confusion matrix",
            allowed=f"({classes}, {classes}) counts",
            received=f"{counts.dtype} {counts.shape}",
        )
    return counts


def _draw_matrix(axes: Axes, cells: np.ndarray, shares: np.ndarray, classes: Sequence[str], form: str) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay  # a training draws curves only

    display = ConfusionMatrixDisplay(cells, display_labels=classes)
    display.plot(ax=axes, cmap=SHADES, colorbar=False, values_format=form, xticks_rotation=40)
    # One scale for both panels: colour is the share of the true class, also where the text is a count.
    display.im_.set(data=shares, clim=(0, FULL))
    for (row, col), text in np.ndenumerate(display.text_):
        share = float(shares[row, col])
        text.set(fontsize=TEXT, fontweight="bold" if row == col else "normal")
        text.set_color(MUTED if text.get_text() in ("0", "0%") else ink_on(SHADES(share / FULL)))
        if form == ".0%" and not shares[row].any():
            text.set_text("–")  # no face of that class: no share, not 0 %
    _style_matrix(axes, len(classes))


def _style_matrix(axes: Axes, classes: int) -> None:
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    axes.set_aspect("auto")  # the three panels get one height, so their rows line up
    axes.set_xlabel("predicted", fontsize=TEXT, color=MUTED)
    axes.set_ylabel("")
    axes.tick_params(length=0, labelsize=TEXT, labelcolor=INK)
    edges = np.arange(classes + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)


def _draw_recall(axes: Axes, recall: np.ndarray, rows: np.ndarray) -> None:
    places = np.arange(len(recall))
    axes.barh(places, np.ones(len(recall)), height=0.62, color=PALE)
    axes.barh(places, recall, height=0.62, color=BAR)
    for place, (value, n) in enumerate(zip(recall, rows, strict=True)):
        text = f"{value:.1%}" if n else "–"
        axes.text(0.04, place, text, va="center", fontsize=TEXT, color=INK if n else MUTED)
        axes.text(1.34, place, f"{n:,}", va="center", ha="right", fontsize=SMALL, color=MUTED)
    axes.set(xlim=(0, 1.36), ylim=(len(recall) - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def plot_curves(
    history: Sequence[Mapping] | Path | str,
    title: str,
    *,
    monitor: str = "val_accuracy",
    train_label: str = "train",
) -> Figure:
    """Draw loss and accuracy over the epochs, train and validation, and mark the epoch that the monitor chose.

    Args:
        history: rows with the keys of ``history.csv``, or the path of that file.
        title: first line is the heading, further lines are set smaller under it.
        monitor: ``val_accuracy`` (the highest is best) or ``val_loss`` (the lowest is best).
        train_label: of the training curve, which may be of augmented faces.

    Raises:
        DataError: no rows, a missing column or a value that is no number.
        InputError: another monitor.
    """
    rows = read_history(history) if isinstance(history, str | Path) else history
    epochs = column(rows, "epoch")
    best = best_row(rows, monitor)
    across = panels_in_row(2, 3.6)
    figure = new_figure(10.5, 3.9 * (2 // across), title)
    for axes, name in zip(figure.subplots(2 // across, across).ravel(), ("loss", "accuracy"), strict=True):
        _draw_curve(axes, epochs, column(rows, name), train_label, TRAIN)
        _draw_curve(axes, epochs, column(rows, f"val_{name}"), "validation", VALIDATION)
        if best is not None:
            _mark_best(axes, epochs[best], column(rows, f"val_{name}")[best], name, name in monitor)
        _style_curves(axes, name, epochs)
    handles, names = axes.get_legend_handles_labels()
    draw_legend(figure, handles, names)
    return figure


def _draw_curve(axes: Axes, epochs: np.ndarray, values: np.ndarray, label: str, color: str) -> None:
    values = np.where(np.isfinite(values), values, np.nan)  # a diverged epoch is a gap
    marker = "o" if len(epochs) < 3 else None  # a line of one point is invisible
    axes.plot(epochs, values, color=color, linewidth=1.8, marker=marker, markersize=4, label=label)


def _mark_best(axes: Axes, epoch: float, value: float, name: str, chose: bool) -> None:
    """A dot where the epoch was chosen, and only a line in the other panel, where it need not be the best."""
    axes.axvline(epoch, color=TRAIN, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    number = f"{value:.1%}" if name == "accuracy" else f"{value:.3f}"
    text = f"epoch {epoch:.0f} taken: {number}" if math.isfinite(value) else f"epoch {epoch:.0f} taken"
    axes.set_title(text, fontsize=SMALL, color=MUTED, loc="right", pad=8)
    if chose and math.isfinite(value):
        axes.plot(epoch, value, "o", color=VALIDATION, markersize=6, markeredgecolor="white", zorder=3)


def _style_curves(axes: Axes, name: str, epochs: np.ndarray) -> None:
    draw_heading(axes, name.capitalize())
    axes.set_xlabel("epoch", fontsize=TEXT, color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    if epochs.min() == epochs.max():
        axes.set_xlim(epochs.min() - 1, epochs.max() + 1)
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    style_axes(axes, TEXT)


def plot_face_grid(
    images: np.ndarray,
    titles: Sequence[str],
    columns: int,
    title: str,
    *,
    empty: str = "nothing to show",
    together: int = 1,
) -> Figure:
    """Draw faces in a grid, each under its own caption.

    Args:
        images: (n, H, W) or (n, H, W, 1) gray, 0..255; 0 is drawn black and 255 white whatever the image holds.
        titles: n captions.
        columns: faces in a row.
        title: first line is the heading, further lines are set smaller under it.
        empty: the sentence to draw when n is 0.
        together: faces that belong side by side; narrow paper has fewer columns, and always a multiple of these.

    Raises:
        DataError: the shapes do not fit.
    """
    images = _check_faces(images, titles, columns)
    if len(images) == 0:
        return _plot_sentence(empty, title)
    columns = together * panels_in_row(max(1, columns // together), 1.3 * together)
    rows = math.ceil(len(images) / columns)
    side = min(1.5, room(1.5 * columns) / columns)  # inches
    lines = max(text.count("\n") + 1 for text in titles)
    figure = new_figure(1.5 * columns, (side - 0.15 + 0.17 * lines) * rows + 0.15, title)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, image, caption in zip(grid, images, titles, strict=False):  # the last row may have room left
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(caption, fontsize=SMALL, color=INK, pad=4)
    return figure


def _check_faces(images: np.ndarray, titles: Sequence[str], columns: int) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]  # (n, H, W)
    if images.ndim != 3 or len(images) != len(titles) or columns < 1:
        raise DataError(
            "cannot lay out the faces",
            allowed="images (n, H, W) or (n, H, W, 1), n captions, at least one column",
            received=f"images {images.shape}, {len(titles)} captions, {columns} columns",
        )
    return images


def _plot_sentence(sentence: str, title: str) -> Figure:
    figure = new_figure(6, 1.2, title)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", fontsize=HEADING, color=MUTED, transform=axes.transAxes)
    return figure
