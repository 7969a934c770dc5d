"""Pictures of calibration: reliability before and after, precision against coverage. Arrays in, ``Figure`` out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..metrics.reliability import ReliabilityBins
from ..metrics.scores import wilson_interval
from ..metrics.selective import CoverageCurve
from .style import (
    BAR,
    MUTED,
    SMALL,
    TEXT,
    TRAIN,
    VALIDATION,
    draw_heading,
    draw_legend,
    new_figure,
    panels_in_row,
    room,
    style_axes,
)

# Blue and orange differ for every kind of colour vision (Okabe & Ito 2008, https://jfly.uni-koeln.de/color/).
GAP = "#d55e00"


def plot_reliability(panels: Mapping[str, ReliabilityBins], title: str) -> Figure:
    """Draw reliability diagrams side by side: accuracy over confidence, and under it how many faces are where.

    Bars are the accuracy of a bin with its 95 % Wilson interval; the orange line is the way from there to the mean
    confidence. A calibrated model has no orange.

    Args:
        panels: heading to bins, one or two.
        title: first line is the heading, further lines are set smaller under it.
    """
    across = panels_in_row(len(panels), 3.5, 0.4)
    down = len(panels) // across
    figure = new_figure(0.4 + 4.4 * len(panels), 4.8 * down, title)
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=(3.4, 1) * down)
    most = max(int(bins.counts.max()) for bins in panels.values())
    for number, (heading, bins) in enumerate(panels.items()):
        row, column = divmod(number, across)
        upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
        _draw_gaps(upper, bins)
        draw_heading(upper, heading)
        lower.sharex(upper)
        _draw_counts(lower, bins, most)
        upper.tick_params(labelbottom=False)
        if column == 0:
            upper.set_ylabel("accuracy", fontsize=TEXT, color=MUTED)
            lower.set_ylabel("faces", fontsize=TEXT, color=MUTED)
    draw_legend(figure, *grid[0, 0].get_legend_handles_labels())
    return figure


def _draw_gaps(axes: Axes, bins: ReliabilityBins) -> None:
    used = bins.counts > 0
    centres, accuracy = _centres(bins)[used], bins.accuracy[used]
    confidence, counts = bins.confidence[used], bins.counts[used]
    width = bins.edges[1] - bins.edges[0]
    axes.plot([0, 1], [0, 1], color=TRAIN, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.bar(centres, accuracy, width=0.9 * width, color=BAR, zorder=2, label="accuracy, 95 % interval")
    low, high = np.transpose([wilson_interval(round(a * n), n) for a, n in zip(accuracy, counts, strict=True)])
    ranges = np.clip([accuracy - low, high - accuracy], 0, None)  # (2, bins)
    axes.errorbar(centres, accuracy, ranges, fmt="none", ecolor=VALIDATION, elinewidth=1.2, zorder=4)
    axes.vlines(
        centres - width / 4, accuracy, confidence, color=GAP, linewidth=3, zorder=3, label="gap to the mean confidence"
    )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    style_axes(axes, SMALL)


def _draw_counts(axes: Axes, bins: ReliabilityBins, most: int) -> None:
    axes.bar(_centres(bins), bins.counts, width=0.9 * (bins.edges[1] - bins.edges[0]), color=TRAIN)
    axes.set_ylim(0, (1.25 if room(math.inf) == math.inf else 1.75) * most)
    steep = 90 if room(math.inf) < math.inf else 0  # side by side there is no room on paper
    for centre, n in zip(_centres(bins), bins.counts, strict=True):
        if n:
            axes.text(centre, n, f"{n:,}", ha="center", va="bottom", fontsize=6.5, color=MUTED, rotation=steep)
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlabel("confidence", fontsize=TEXT, color=MUTED)
    axes.set_yticks([])
    style_axes(axes, SMALL)


def _centres(bins: ReliabilityBins) -> np.ndarray:
    return (bins.edges[:-1] + bins.edges[1:]) / 2  # (bins,)


def plot_coverage(curve: CoverageCurve, title: str, *, target: float | None, threshold: float | None) -> Figure:
    """Draw the precision of the faces that keep an answer over their share, as the threshold rises from right to left.

    Args:
        curve: from :func:`fer_keras.metrics.selective.coverage_curve`.
        title: first line is the heading, further lines are set smaller under it.
        target: precision to mark by a line, or None.
        threshold: one of the curve's thresholds to mark by a point, or None.
    """
    figure = new_figure(6.6, 4.4, title)
    axes = figure.subplots()
    shown = curve.kept > 0
    coverage, precision = curve.coverage[shown], curve.precision[shown]
    label = f"lower bound ({curve.confidence_level:.0%}, one-sided)"
    axes.fill_between(coverage, curve.precision_low[shown], precision, color=BAR, linewidth=0, label=label)
    axes.plot(coverage, precision, color=VALIDATION, linewidth=1.8, label="precision of the kept faces")
    if target is not None:
        axes.axhline(target, color=GAP, linewidth=1.2, linestyle=(0, (4, 3)), label=f"target {target:.0%}")
    if threshold is not None:
        _mark(axes, curve, threshold)
    axes.set_xlim(0, 1)
    axes.set_ylim(max(0.0, float(curve.precision_low[shown & (curve.coverage > 0.02)].min(initial=1)) - 0.05), 1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlabel("coverage: share of faces that keep an answer", fontsize=TEXT, color=MUTED)
    axes.set_ylabel("precision", fontsize=TEXT, color=MUTED)
    draw_legend(figure, *axes.get_legend_handles_labels(), columns=2)
    style_axes(axes, SMALL)
    return figure


def _mark(axes: Axes, curve: CoverageCurve, threshold: float) -> None:
    place = int(np.abs(curve.thresholds - threshold).argmin())
    if not curve.kept[place]:
        return
    x, y = curve.coverage[place], curve.precision[place]
    label = f"threshold {threshold:.2f} keeps {x:.1%}, {y:.1%} of them right"
    axes.plot(x, y, "o", color=GAP, markersize=7, markeredgecolor="white", zorder=4, label=label)
