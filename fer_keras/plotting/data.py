"""Pictures of a data set: arrays in, matplotlib ``Figure`` out, never pyplot. Its faces are drawn in :mod:`.faces`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)

from .style import (
    BAR,
    INK,
    MUTED,
    PALE,
    SMALL,
    TEXT,
    VALIDATION,
    draw_heading,
    draw_legend,
    new_figure,
    panels_in_row,
    style_axes,
)

# Gray, blue, orange: apart for every kind of colour vision, and in lightness when printed gray.
SPLIT_COLORS = ("#c6cdd5", VALIDATION, "#d9822b")
_BINS = 60


def plot_class_distribution(counts: Mapping[str, np.ndarray], classes: Sequence[str], title: str) -> Figure:
    """Draw the share of each class in each split, with the number of faces.

    Args:
        counts: split name to (classes,) counts.
        classes: names in label order.
        title: first line is the heading, further lines are set smaller under it.
    """
    names = 0.085 * max(len(name) for name in classes)  # inches
    across = panels_in_row(len(counts), 2.3, names)
    down = math.ceil(len(counts) / across)
    figure = new_figure(3.2 * len(counts) + names, (0.3 * len(classes) + 0.55) * down, title)
    grid = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes in grid[len(counts) :]:
        axes.set_axis_off()
    panels = grid[: len(counts)]
    shares = {name: values / max(values.sum(), 1) for name, values in counts.items()}
    most = max(max(values.max() for values in shares.values()), 1 / len(classes))
    for axes, (name, values) in zip(panels, counts.items(), strict=True):
        _draw_shares(axes, shares[name], values, most)
        draw_heading(axes, name)
        axes.set_title(f"{values.sum():,} faces", fontsize=SMALL, color=MUTED, loc="right", pad=8)
    panels[0].set_yticks(range(len(classes)), classes, fontsize=TEXT, color=INK)
    panels[0].set_ylim(len(classes) - 0.5, -0.5)
    return figure


def _draw_shares(axes: Axes, shares: np.ndarray, counts: np.ndarray, most: float) -> None:
    places = np.arange(len(shares))
    axes.barh(places, np.full(len(shares), most), height=0.68, color=PALE)
    axes.barh(places, shares, height=0.68, color=BAR)
    for place, (share, n) in enumerate(zip(shares, counts, strict=True)):
        text = f"{share:.1%}" if n else "–"
        axes.text(0.03 * most, place, text, va="center", fontsize=TEXT, color=INK if n else MUTED)
        axes.text(1.27 * most, place, f"{n:,}", va="center", ha="right", fontsize=SMALL, color=MUTED)
    axes.set(xlim=(0, 1.28 * most), xticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def plot_gray_levels(levels: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw how often each gray level occurs, one line per split.

    All 256 levels are drawn, since the gaps and spikes between neighbours show equalised or rescaled pixels.

    Args:
        levels: split name to (256,) counts of pixels.
        title: first line is the heading, further lines are set smaller under it.
    """
    figure = new_figure(9.5, 3.1, title)
    axes = figure.subplots()
    edges = np.arange(257) - 0.5
    for number, (name, counts) in enumerate(levels.items()):
        if counts.sum():
            _draw_steps(axes, counts / counts.sum(), edges, number, name)
    axes.set_xlim(-3, 258)
    axes.set_xticks([0, 64, 128, 192, 255])
    axes.set_xlabel("gray level, 0 black to 255 white", fontsize=TEXT, color=MUTED)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))  # as many as its ticks need
    draw_heading(axes, "Share of pixels")
    style_axes(axes, TEXT, which="both")
    _draw_legend(figure, axes)
    return figure


def plot_distributions(
    values: Mapping[str, Mapping[str, np.ndarray]], headings: Mapping[str, str], log: Sequence[str], title: str
) -> Figure:
    """Draw the distribution of some statistics over the faces, one panel each and one line per split.

    Args:
        values: statistic to split name to (n,) values, one per face.
        headings: statistic to the text under its axis.
        log: statistics with a logarithmic axis; values below 1 are drawn at 1 there.
        title: first line is the heading, further lines are set smaller under it.
    """
    across = panels_in_row(len(values), 2.6)
    down = math.ceil(len(values) / across)
    figure = new_figure(3.5 * len(values), 3.0 * down, title)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(values) :]:
        axes.set_axis_off()
    for axes, (name, splits) in zip(panels, values.items(), strict=False):
        _draw_distribution(axes, splits, name in log)
        draw_heading(axes, name.capitalize())
        axes.set_xlabel(headings[name], fontsize=TEXT, color=MUTED)
        style_axes(axes, TEXT, which="both")
        axes.set_yticks([])
    _draw_legend(figure, panels[0])
    return figure


def _draw_distribution(axes: Axes, splits: Mapping[str, np.ndarray], log: bool) -> None:
    everything = np.concatenate([*splits.values(), np.empty(0)])
    smallest = min((len(values) for values in splits.values() if len(values)), default=0)
    edges = _edges(np.maximum(everything, 1) if log else everything, smallest, log)
    for number, (name, values) in enumerate(splits.items()):
        if len(values):
            counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
            _draw_steps(axes, counts / len(values), edges, number, name)
    if log:
        axes.set_xscale("log", subs=range(2, 10))
        decades = np.log10(edges[-1] / edges[0])
        subs = (1, 2, 3, 5, 7) if decades < 1 else (1, 3) if decades < 2.7 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, min_n_ticks=2))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)


def _edges(values: np.ndarray, smallest: int, log: bool) -> np.ndarray:
    """Bins shared by all splits. One face in a thousand at each end goes to the outermost bins, not to a wider axis."""
    low, high = np.quantile(values, (0.001, 0.999)) if len(values) else (1.0, 2.0)
    if high - low < 1e-6:  # one value only, such as a set of constant images
        low, high = (low / 2, high * 2) if log else (low - 1, high + 1)
    bins = int(np.clip(2 * smallest ** (1 / 3), 8, _BINS))  # the Rice rule, for the split with the fewest faces
    return np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)


def _draw_steps(axes: Axes, shares: np.ndarray, edges: np.ndarray, number: int, name: str) -> None:
    """The first split is a ground that the others are compared with: filled, so that it shows under their lines."""
    color = SPLIT_COLORS[number % len(SPLIT_COLORS)]
    axes.stairs(shares, edges, color=color, fill=number == 0, label=name, linewidth=1.4)


def _draw_legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        draw_legend(figure, handles, labels, handlelength=1.2)
