"""One panel into axes of the caller: what ``.plot(ax=...)`` of results draws. pyplot is imported when called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .style import BAR, INK, TEXT, TRAIN, VALIDATION, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_or_new(axes: Axes | None) -> Axes:
    """The axes that a caller gave, or those of a new figure of pyplot, which notebooks show."""
    if axes is not None:
        return axes
    from matplotlib import pyplot

    return pyplot.subplots()[1]


def draw_bars(values: Mapping[str, float], axes: Axes | None = None, *, label: str = "") -> Axes:
    """Draw one horizontal bar for each name, the first on top.

    Args:
        values: by name.
        axes: where to; a new figure by default.
        label: of the horizontal axis.
    """
    axes = axes_or_new(axes)
    axes.barh(list(values), list(values.values()), color=BAR)
    axes.invert_yaxis()
    axes.set_xlabel(label, fontsize=TEXT)
    style_axes(axes, TEXT)
    return axes


def draw_history(rows: Sequence[Mapping], axes: Axes | None = None, *, metric: str = "accuracy") -> Axes:
    """Draw one metric of a history over the epochs, train and validation.

    Args:
        rows: with the keys of ``history.csv``.
        axes: where to; a new figure by default.
        metric: ``accuracy`` or ``loss``.
    """
    axes = axes_or_new(axes)
    epochs = [row["epoch"] for row in rows]
    for key, label, color in ((metric, "train", TRAIN), (f"val_{metric}", "validation", VALIDATION)):
        axes.plot(epochs, [row[key] for row in rows], color=color, label=label)
    axes.set_xlabel("epoch", fontsize=TEXT)
    axes.set_ylabel(metric, fontsize=TEXT)
    axes.legend(frameon=False, fontsize=TEXT, labelcolor=INK)
    style_axes(axes, TEXT)
    return axes


def draw_intervals(rows: Sequence[tuple[str, float, tuple[float, float]]], axes: Axes | None = None) -> Axes:
    """Draw a value and its interval for each name, the first on top.

    Args:
        rows: name, value, (low, high).
        axes: where to; a new figure by default.
    """
    axes = axes_or_new(axes)
    values = np.array([value for _, value, _ in rows])
    ends = np.array([interval for *_, interval in rows])  # (n, 2)
    errors = np.abs(ends.T - values)  # (2, n)
    axes.errorbar(values, [name for name, *_ in rows], xerr=errors, fmt="o", color=VALIDATION, capsize=3)
    axes.invert_yaxis()
    style_axes(axes, TEXT)
    return axes
