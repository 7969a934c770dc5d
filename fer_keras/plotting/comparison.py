"""Pictures of several networks side by side: arrays in, matplotlib ``Figure`` out, never pyplot."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..errors import DataError
from ..runs.history import best_row, column
from .style import (
    CHARACTER,
    FULL,
    HEADING,
    INK,
    MUTED,
    SHADES,
    SMALL,
    TEXT,
    draw_heading,
    draw_legend,
    ink_on,
    new_figure,
    panels_in_row,
    style_axes,
)

# Apart for red-green and blue-yellow blind eyes and in gray; hatches and markers tell later runs from the first eight.
COLORS = ("#1f5f99", "#d98324", "#2a8a6a", "#a8478f", "#8fbce0", "#6b5b1f", "#c0392b", "#53566b")
HATCHES = ("", "///", "...", "xxx")
MARKERS = ("o", "s", "^", "D")
_WIDTH = 10.5  # inches


def run_style(number: int) -> tuple[str, str, str]:
    """Colour, hatch and marker of the run at a place; 32 differ."""
    turn = number // len(COLORS)
    return COLORS[number % len(COLORS)], HATCHES[turn % len(HATCHES)], MARKERS[turn % len(MARKERS)]


def plot_class_f1(scores: Mapping[str, np.ndarray], classes: Sequence[str], title: str) -> Figure:
    """Draw the F1 of each class as bars, one colour per run.

    Args:
        scores: run name to (classes,) F1, 0..1.
        classes: names in label order.
        title: first line is the heading, further lines are set smaller under it.

    Raises:
        DataError: there is no run, or one with another number of classes.
    """
    _check_lengths(scores, len(classes))
    figure = new_figure(_WIDTH, 3.4 + _legend_height(scores), title)
    axes, width = figure.subplots(), 0.84 / len(scores)
    each = 0.92 * figure.get_size_inches()[0] / len(classes)  # inches
    narrow = len(classes) * CHARACTER * TEXT * max(map(len, classes)) > 0.85 * figure.get_size_inches()[0]
    for number, values in enumerate(scores.values()):
        color, hatch, _ = run_style(number)
        places = np.arange(len(classes)) - 0.42 + (number + 0.5) * width
        axes.bar(places, values, width * 0.92, color=color, hatch=hatch, edgecolor="white", linewidth=0)
        if (
            width * each > 4.4 * SMALL * CHARACTER
        ):  # otherwise the numbers would run into each other; they stand in the table too
            for place, value in zip(places, values, strict=True):
                axes.text(place, value + 0.012, f"{value:.2f}", ha="center", fontsize=SMALL, color=MUTED)
    axes.set(xticks=range(len(classes)), xticklabels=classes, ylim=(0, 1), ylabel="F1")
    _style(axes)
    if narrow:
        axes.tick_params(axis="x", labelrotation=40)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    handles = [Patch(facecolor=run_style(i)[0], hatch=run_style(i)[1], edgecolor="white") for i in range(len(scores))]
    _legend(figure, handles, list(scores))
    return figure


def plot_confusions(matrices: Mapping[str, np.ndarray], classes: Sequence[str], title: str) -> Figure:
    """Draw row shares (recall on the diagonal) of one confusion matrix per run, at most three in a row.

    Args:
        matrices: run name to (classes, classes) counts; row is the true class.
        classes: names in label order.
        title: first line is the heading, further lines are set smaller under it.

    Raises:
        DataError: there is no run, or a matrix that does not fit the classes.
    """
    _check_lengths(matrices, len(classes))
    side = max(0.44 * len(classes), 2.4)
    across = panels_in_row(min(3, len(matrices)), 0.85 * side, 0.9)
    down = math.ceil(len(matrices) / across)
    figure = new_figure(across * (side + 0.25) + 0.9, down * (side + 1.15), title)
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.ravel()[len(matrices) :]:
        axes.set_axis_off()
    for place, (axes, (name, matrix)) in enumerate(zip(grid.ravel(), matrices.items(), strict=False)):
        _draw_shares(axes, np.asarray(matrix), classes, first=place % across == 0)
        draw_heading(axes, _shorten(name, int(side * 10)))
    return figure


def _draw_shares(axes: Axes, counts: np.ndarray, classes: Sequence[str], *, first: bool) -> None:
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(rows, 1)  # (classes, classes)
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=FULL, aspect="auto")
    for (row, col), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f}" if rows[row, 0] else "–"
        color = MUTED if text in ("0", "–") else ink_on(SHADES(share / FULL))
        weight = "bold" if row == col else "normal"
        axes.text(col, row, text, ha="center", va="center", fontsize=SMALL, color=color, fontweight=weight)
    places = range(len(classes))
    axes.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, classes if first else [])
    axes.set_xlabel("predicted", fontsize=SMALL, color=MUTED)
    axes.set_ylabel("true" if first else "", fontsize=SMALL, color=MUTED)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    axes.spines[:].set_visible(False)


def plot_overlaid_curves(
    histories: Mapping[str, Sequence[Mapping]],
    monitors: Mapping[str, str],
    title: str,
    *,
    without_loss: Collection[str] = (),
) -> Figure:
    """Draw loss and accuracy of several runs: training dashed, validation solid, the best epoch marked.

    Args:
        histories: run name to rows of ``history.csv``.
        monitors: run name to ``val_accuracy`` or ``val_loss``, which chose the best epoch.
        title: first line is the heading, further lines are set smaller under it.
        without_loss: names of runs whose loss is another function; they have no curve in the loss panel.

    Raises:
        DataError: there is no run, or a damaged history.
    """
    if not histories:
        raise DataError("no history to draw", allowed="one run or more")
    across = panels_in_row(2, 3.6)
    figure = new_figure(_WIDTH, 3.7 * (2 // across) + _legend_height(histories), title)
    left, right = figure.subplots(2 // across, across).ravel()
    for number, (name, rows) in enumerate(histories.items()):
        if name not in without_loss:
            _draw_run(left, rows, "loss", monitors[name], number)
        _draw_run(right, rows, "accuracy", monitors[name], number)
    for axes, name in ((left, "Loss"), (right, "Accuracy")):
        _style(axes)
        draw_heading(axes, name)
        axes.set_xlabel("epoch", fontsize=TEXT, color=MUTED)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    _curve_legend(figure, list(histories))
    return figure


def _draw_run(axes: Axes, rows: Sequence[Mapping], name: str, monitor: str, number: int) -> None:
    color, _, marker = run_style(number)
    epochs, best = column(rows, "epoch"), best_row(rows, monitor)
    for key, line in ((name, (0, (3, 2))), (f"val_{name}", "-")):
        values = column(rows, key)
        values = np.where(np.isfinite(values), values, np.nan)  # a diverged epoch is a gap
        axes.plot(epochs, values, color=color, linewidth=1.7 if line == "-" else 1.2, linestyle=line)
    if best is not None:
        value = column(rows, f"val_{name}")[best]
        axes.plot(epochs[best], value, marker, color=color, markersize=6, markeredgecolor="white", zorder=3)


def _curve_legend(figure: Figure, names: list[str]) -> None:
    runs = [Line2D([], [], color=run_style(i)[0], marker=run_style(i)[2], linewidth=1.7) for i in range(len(names))]
    kinds = [
        Line2D([], [], color=MUTED, linestyle=(0, (3, 2))),
        Line2D([], [], color=MUTED),
        Line2D([], [], color=MUTED, marker="o", linestyle="none"),
    ]
    _legend(figure, runs + kinds, [*names, "training", "validation", "best epoch"])


def _legend(figure: Figure, handles: list, names: list[str]) -> None:
    draw_legend(figure, handles, [_shorten(name, 26) for name in names], columns=4)


def _legend_height(runs: Collection) -> float:
    across = panels_in_row(4, 2.6)
    return 0.24 * math.ceil((len(runs) + 3) / across)


def _shorten(name: str, length: int) -> str:
    """The end of a long name is kept: seeds and dates stand there."""
    return name if len(name) <= length else f"{name[: length // 3]}…{name[-(length - length // 3 - 1) :]}"


def _style(axes: Axes) -> None:
    style_axes(axes, TEXT)
    axes.yaxis.label.set(fontsize=HEADING - 1, color=MUTED)


def _check_lengths(arrays: Mapping[str, np.ndarray], classes: int) -> None:
    if not arrays:
        raise DataError("no run to draw", allowed="one or more")
    for name, values in arrays.items():
        shape = np.shape(values)
        if any(length != classes for length in shape) or not shape:
            raise DataError(f"scores of {name} do not fit the classes", allowed=str(classes), received=str(shape))
