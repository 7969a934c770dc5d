"""Picture of robustness: accuracy over severity, one panel for each kind of damage. Arrays in, ``Figure`` out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .style import (
    CHARACTER,
    INK,
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

PANELS_PER_ROW = 5
# Inches of one panel and of the strip of faces under it; how narrow a panel may be on a page, and on half of one.
_WIDTH, _HEIGHT, _STRIP = 2.25, 1.75, 0.72
_NARROW, _NARROWEST = 2.0, 1.72
# Width of a face in the strip, where 1 is the way from one point to the next.
_FACE = 0.88


def plot_robustness(result: dict, examples: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draw the accuracy at each severity with its 95 % interval, the clean score as a line, and what a face looks like.

    All panels share the axis of accuracy. The dotted line is the share of the most frequent class.

    Args:
        result: content of ``robustness.json``.
        examples: corruption's name to (severities, S, S) uint8, and ``""`` to (1, S, S); a name may be missing.
        title: first line is the heading, further lines are set smaller under it.
    """
    corruptions = result["corruptions"]
    narrowest = _NARROW if room(math.inf) > 6 else _NARROWEST
    columns = panels_in_row(max(1, min(PANELS_PER_ROW, len(corruptions))), narrowest, 0.5)
    lines = max(1, -(-len(corruptions) // columns))
    width = 0.5 + _WIDTH * columns
    strip = _STRIP * min(1.0, room(width) / width)
    height = _HEIGHT if room(width) >= width else 1.3
    figure = new_figure(width, lines * (height + strip + 0.75) + 0.3, title)
    grid = figure.subplots(2 * lines, columns, squeeze=False, height_ratios=(height, strip) * lines)
    for place, axes in enumerate(grid[::2].ravel()):
        faces = grid[1::2].ravel()[place]
        if place >= len(corruptions):
            axes.set_axis_off()
            faces.set_axis_off()
            continue
        corruption = corruptions[place]
        _draw_panel(axes, corruption, result, first=place % columns == 0)
        _draw_strip(faces, corruption, examples, int(room(width) / columns / (CHARACTER * TEXT)))
    draw_legend(figure, *grid[0, 0].get_legend_handles_labels())
    return figure


def clean_place(corruption: dict) -> int:
    """Where the undamaged faces stand among the severities: first, or between those on either side of identity."""
    values, identity = [entry["value"] for entry in corruption["severities"]], corruption["identity"]
    between = identity is not None and min(values) < identity < max(values)
    return sum(value < identity for value in values) if between else 0


def _draw_panel(axes: Axes, corruption: dict, result: dict, *, first: bool) -> None:
    entries, clean, place = corruption["severities"], result["clean"], clean_place(corruption)
    points = [*entries[:place], clean, *entries[place:]]
    accuracy = np.array([point["accuracy"] for point in points])  # (severities + 1,)
    low, high = np.transpose([point["accuracy_ci95"] for point in points])
    x = np.arange(len(points))
    axes.axhline(clean["accuracy"], color=TRAIN, linewidth=1, linestyle=(0, (4, 3)), zorder=1, label="undamaged")
    label = f"always '{result['most_frequent_class']['name']}'"
    axes.axhline(result["most_frequent_class"]["share"], color=TRAIN, linewidth=1, linestyle=":", zorder=1, label=label)
    ranges = np.clip([accuracy - low, high - accuracy], 0, None)  # (2, severities + 1)
    axes.errorbar(
        x,
        accuracy,
        ranges,
        fmt="o-",
        color=VALIDATION,
        linewidth=1.2,
        elinewidth=1.4,
        capsize=3.5,  # on thousands of faces an interval is hardly longer than the dot
        capthick=1.2,
        markersize=2.8,
        zorder=3,
        label="accuracy, 95 % interval",
    )
    for at, point in enumerate(points):
        if point is not clean:
            _write_value(axes, at, point)
    _style(axes, corruption, len(points), first=first)


def _write_value(axes: Axes, at: int, point: dict) -> None:
    low, text = point["accuracy_ci95"][0], f"{100 * point['accuracy']:.0f}"
    axes.annotate(
        text, (at, low), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=7.5, color=MUTED
    )


def _style(axes: Axes, corruption: dict, points: int, *, first: bool) -> None:
    draw_heading(axes, corruption["title"])
    axes.set(xlim=(-0.5, points - 0.5), ylim=(0, 1), xticks=[])
    axes.set_yticks(np.linspace(0, 1, 6), minor=False)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    style_axes(axes, SMALL, labelleft=first)


def _draw_strip(axes: Axes, corruption: dict, examples: Mapping[str, np.ndarray], letters: int) -> None:
    """Faces under the points, then the values and what they are."""
    place, values = clean_place(corruption), [f"{entry['value']:g}" for entry in corruption["severities"]]
    texts = [*values[:place], "none", *values[place:]]
    if corruption["name"] in examples:
        damaged = list(examples[corruption["name"]])
        for at, face in enumerate([*damaged[:place], examples[""][0], *damaged[place:]]):
            axes.imshow(face, cmap="gray", vmin=0, vmax=255, extent=(at - _FACE / 2, at + _FACE / 2, 0, _FACE))
    axes.set(xlim=(-0.5, len(texts) - 0.5), ylim=(0, _FACE), yticks=[], aspect="equal", anchor="N")
    axes.set_xticks(range(len(texts)), texts)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    axes.set_xlabel(textwrap.fill(corruption["parameter"], letters), fontsize=TEXT, color=MUTED)
    axes.spines[:].set_visible(False)
