"""ROC and precision-recall curves, one line per class. Arrays in, ``Figure`` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..metrics.one_vs_rest import ClassCurves
from .comparison import COLORS
from .style import HEADING, MUTED, SMALL, TEXT, TRAIN, draw_legend, new_figure, style_axes

# With the colours: told apart in gray too.
_DASHES: tuple = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
_EMPTY = "every face is of one class: nothing to tell apart"


def plot_roc(curves: Sequence[ClassCurves], title: str) -> Figure:
    """Draw the true over the false positive rate of each class against all others, with the area under each curve.

    Args:
        curves: of :func:`fer_keras.metrics.one_vs_rest.one_vs_rest_curves`.
        title: first line is the heading, further lines are set smaller under it.
    """

    def draw(axes: Axes, curve: ClassCurves, look: dict) -> None:
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, label=f"{curve.name} {curve.roc_auc:.3f}", **look
        )

    figure, axes = _plot(curves, title, draw)
    if curves:
        axes.plot([0, 1], [0, 1], color=TRAIN, linewidth=1, linestyle=(0, (1, 3)), zorder=1)
        mean = float(np.mean([curve.roc_auc for curve in curves]))
        _name_axes(axes, f"AUC, mean {mean:.3f}", "false positive rate", "true positive rate (recall)")
    return figure


def plot_precision_recall(curves: Sequence[ClassCurves], title: str) -> Figure:
    """Draw precision over recall of each class against all others, with average precision; dots are the share of each.

    Args:
        curves: of :func:`fer_keras.metrics.one_vs_rest.one_vs_rest_curves`.
        title: first line is the heading, further lines are set smaller under it.
    """

    def draw(axes: Axes, curve: ClassCurves, look: dict) -> None:
        label = f"{curve.name} {curve.average_precision:.3f}"
        axes.plot(curve.recall, curve.precision, drawstyle="steps-post", label=label, **look)
        axes.plot(1, curve.share, "o", color=look["color"], markersize=3.5, clip_on=False, zorder=4)

    figure, axes = _plot(curves, title, draw)
    if curves:
        mean = float(np.mean([curve.average_precision for curve in curves]))
        _name_axes(axes, f"Average precision, mean {mean:.3f}", "recall", "precision")
    return figure


def _plot(curves: Sequence[ClassCurves], title: str, draw: Callable[[Axes, ClassCurves, dict], None]):
    figure = new_figure(5.4, 5.2, title)
    axes = figure.subplots()
    if not curves:
        axes.set_axis_off()
        axes.text(0.5, 0.5, _EMPTY, ha="center", fontsize=HEADING, color=MUTED, transform=axes.transAxes)
        return figure, axes
    for number, curve in enumerate(curves):
        look = {"color": COLORS[number % len(COLORS)], "linestyle": _DASHES[number % len(_DASHES)], "linewidth": 1.5}
        draw(axes, curve, look)
    draw_legend(figure, *axes.get_legend_handles_labels(), handlelength=2.2)
    return figure, axes


def _name_axes(axes: Axes, heading: str, x: str, y: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    axes.set_title(heading, fontsize=HEADING, loc="left", pad=8)
    axes.set_xlabel(x, fontsize=TEXT, color=MUTED)
    axes.set_ylabel(y, fontsize=TEXT, color=MUTED)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    style_axes(axes, SMALL)
    axes.tick_params(axis="x", pad=7)  # apart from the 0 % of the other axis
