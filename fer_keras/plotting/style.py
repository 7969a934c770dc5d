"""One look for every picture: palette, sizes, title block, saving. Never pyplot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..atomic_files import atomic_path
from ..errors import InputError

DPI = 150
INK, MUTED, RULE, PALE = "#17202b", "#66717d", "#d5dbe1", "#f0f3f6"
TRAIN, VALIDATION, BAR = "#a3adb8", "#1f5f99", "#bfd3e8"
SHADES = colormaps["Blues"]
# Share at the dark end of that palette: above 1, so that a full cell is not near black.
FULL = 1.15
# Points; all text is matplotlib's bundled DejaVu Sans, the same on every machine.
TITLE, HEADING, TEXT, SMALL = 13, 10.5, 9.5, 8.5
# Inches: margin, height of the heading line, height of each line under it; width of a character per point.
MARGIN, TITLE_LINE, SUB_LINE, CHARACTER = 0.13, 0.28, 0.22, 0.0088


def new_figure(width: float, height: float, title: str) -> Figure:
    """Make an empty figure whose body has ``width`` x ``height`` inches, under a left-aligned title block.

    The first line of ``title`` is the heading; further lines are smaller and muted. A figure too narrow for its
    title is made wider.
    """
    lines = title.split("\n")
    block = MARGIN + TITLE_LINE + SUB_LINE * (len(lines) - 1)
    sizes = [TITLE] + [TEXT] * (len(lines) - 1)
    longest = max(len(line) * size for line, size in zip(lines, sizes, strict=True)) * CHARACTER
    width = max(width, longest + 2 * MARGIN)
    layout = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=0.09, rect=(0, 0, 1, height / (height + block)))
    figure = Figure(figsize=(width, height + block), layout=layout)
    FigureCanvasAgg(figure)
    down = MARGIN
    for number, (line, size) in enumerate(zip(lines, sizes, strict=True)):
        place = (MARGIN / width, 1 - down / (height + block))
        figure.text(*place, line, va="top", fontsize=size, color=INK if number == 0 else MUTED)
        down += TITLE_LINE if number == 0 else SUB_LINE
    return figure


def draw_heading(axes: Axes, text: str) -> None:
    """Name one panel, above its left edge."""
    axes.set_title(text, fontsize=HEADING, color=INK, loc="left", pad=8)


def style_axes(axes: Axes, size: float, **ticks: Any) -> None:
    """Give one panel thin horizontal rules behind the data, and no frame but the line at the bottom.

    Args:
        axes: the panel.
        size: of the tick labels in points.
        **ticks: more for ``Axes.tick_params``.
    """
    axes.tick_params(length=0, labelsize=size, labelcolor=MUTED, **ticks)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)


def ink_on(background: tuple[float, ...]) -> str:
    """Dark or white text for a background (red, green, blue in 0..1), whichever has more contrast.

    Contrast is that of WCAG 2.1, from relative luminance; the two are equal at luminance 0.21.
    """
    rgb = np.asarray(background[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "white" if linear @ (0.2126, 0.7152, 0.0722) < 0.21 else INK


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure whole or not at all, at 150 dpi; the suffix decides the format.

    Raises:
        InputError: matplotlib cannot write that format.
        RunFolderError: the file system refuses.
    """
    formats = figure.canvas.get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in formats:
        raise InputError("unknown picture format", allowed=", ".join(sorted(formats)), received=str(path))
    with atomic_path(Path(path)) as scratch:
        figure.savefig(scratch, dpi=DPI, facecolor="white")
