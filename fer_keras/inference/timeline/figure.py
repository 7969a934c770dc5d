"""Draw the timeline of one face or several: arrays in, matplotlib ``Figure`` out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from ...emotions import FERPLUS8, canonical_emotion
from ...errors import DataError
from ...plotting.comparison import COLORS
from ...plotting.style import INK, MUTED, PALE, RULE, SMALL, draw_heading, draw_legend, new_figure, panels_in_row
from .timeline import FaceTimeline, Timeline, bin_edges, mean_between

# The colours of the comparisons, which colour-blind eyes can tell apart, each with the class it suits; neutral is gray.
_BY_EMOTION = {
    **{"angry": "#c0392b", "disgust": "#6b5b1f", "fear": "#a8478f", "happy": "#d98324"},
    **{"sad": "#1f5f99", "surprise": "#2a8a6a", "neutral": "#b4bdc6", "contempt": "#53566b"},
}
_WIDTH, _ROW = 10.5, 2.25  # inches
NOT_SEEN = "face not seen"


def class_colors(classes: Sequence[str]) -> list[str]:
    """One colour per class: an emotion has its own in any spelling, other names take the palette's in turn."""
    return [_BY_EMOTION.get(_meaning(name), COLORS[place % len(COLORS)]) for place, name in enumerate(classes)]


def _meaning(name: str) -> str:
    try:
        return canonical_emotion(name, FERPLUS8)
    except DataError:
        return ""


def plot_timeline(timeline: Timeline, faces: Sequence[FaceTimeline], title: str) -> Figure:
    """Draw stacked probabilities over time, and under them the most probable class; times without the face stay empty.

    Args:
        timeline: the video, for its classes and length.
        faces: of that timeline, one panel each, from top to bottom.
        title: first line is the heading, further lines are set smaller under it.
    """
    figure = new_figure(_WIDTH, _ROW * len(faces) + 0.75, title)
    grid = figure.subplots(2 * len(faces), 1, sharex=True, squeeze=False, height_ratios=[8, 1] * len(faces))[:, 0]
    edges, colors = bin_edges(timeline), class_colors(timeline.classes)
    for face, upper, lower in zip(faces, grid[::2], grid[1::2], strict=True):
        means, _ = mean_between(face, face.probabilities, edges)  # (bins, classes)
        _draw_stack(upper, edges, means, colors)
        _draw_band(lower, edges, means, colors)
        if len(faces) > 1:
            draw_heading(upper, f"Face {face.face}, seen for {span(face.seconds_seen)}")
    grid[0].set_xlim(0, timeline.seconds)
    _mark_times(grid[-1], timeline.seconds, panels_in_row(10, 0.7))
    grid[-1].tick_params(axis="x", labelbottom=True, labelsize=SMALL, labelcolor=INK, color=RULE, length=3)
    grid[-1].set_xlabel("time in the video", fontsize=SMALL, color=MUTED)
    _legend(figure, timeline.classes, colors)
    return figure


def _mark_times(axes: Axes, seconds: float, ticks: int) -> None:
    """Whole seconds as a clock; in a video too short for them fractions, never the same label twice."""
    short = seconds < 5
    axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 1.5, 2, 3, 5, 6, 10], integer=not short))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:g} s" if short else clock(at)))


def _draw_stack(axes: Axes, edges: np.ndarray, means: np.ndarray, colors: Sequence[str]) -> None:
    tops = np.cumsum(means, axis=1)  # (bins, classes); NaN leaves a bin empty
    bottoms = tops - means
    for place, color in enumerate(colors):
        axes.stairs(tops[:, place], edges, baseline=bottoms[:, place], fill=True, color=color, linewidth=0)
    axes.set(ylim=(0, 1), facecolor=PALE)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=RULE, length=0, labelbottom=False)
    axes.set_ylabel("probability", fontsize=SMALL, color=MUTED)
    axes.spines[:].set_visible(False)


def _draw_band(axes: Axes, edges: np.ndarray, means: np.ndarray, colors: Sequence[str]) -> None:
    top = np.where(np.isnan(means[:, 0]), len(colors), np.nan_to_num(means).argmax(axis=1))
    axes.pcolormesh(edges, [0, 1], top[None], cmap=ListedColormap([*colors, PALE]), vmin=-0.5, vmax=len(colors) + 0.5)
    axes.set_yticks([0.5], ["most\nprobable"])
    axes.tick_params(labelsize=SMALL, labelcolor=MUTED, length=0, labelbottom=False)
    axes.spines[:].set_visible(False)


def _legend(figure: Figure, classes: Sequence[str], colors: Sequence[str]) -> None:
    handles = [Patch(facecolor=color) for color in colors]
    handles.append(Patch(facecolor=PALE, edgecolor=RULE))
    draw_legend(figure, handles, [*classes, NOT_SEEN], columns=9, handlelength=1.1, handleheight=1.1)


def clock(seconds: float) -> str:
    """A moment as ``0:04``, ``3:07`` or ``1:02:45``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(seconds: float) -> str:
    """A length of time as ``4.2 s``, from a minute on as :func:`clock`."""
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(seconds)
