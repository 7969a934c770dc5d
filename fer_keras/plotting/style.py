"""One look for every picture: palette, sizes, title block, saving. Never pyplot."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from ..atomic_files import atomic_path
from ..errors import InputError
from .paper import current_paper

DPI, PAPER_DPI = 150, 300
INK, MUTED, RULE, PALE = "#17202b", "#66717d", "#d5dbe1", "#f0f3f6"
TRAIN, VALIDATION, BAR = "#a3adb8", "#1f5f99", "#bfd3e8"
SHADES = colormaps["Blues"]
# Share at the dark end of that palette: above 1, so that a full cell is not near black.
FULL = 1.15
# Points; all text is matplotlib's bundled DejaVu Sans, the same on every machine.
TITLE, HEADING, TEXT, SMALL = 13, 10.5, 9.5, 8.5
# On paper: what TEXT becomes, and the ends that no text passes.
PAPER_TEXT, PAPER_SMALLEST, PAPER_LARGEST = 7.5, 7.0, 9.0
# Letters as TrueType, which journals ask for, and names inside SVG that do not change from run to run.
_VECTOR: Any = {"pdf.fonttype": 42, "svg.hashsalt": "fer_keras"}
# Inches: margin, height of the heading line, height of each line under it; width of a character per point.
MARGIN, TITLE_LINE, SUB_LINE, CHARACTER = 0.13, 0.28, 0.22, 0.0088


def room(natural: float) -> float:
    """Inches that the body of a figure may be wide: what it takes for the screen, or less on narrow paper.

    A figure for paper is drawn larger by ``TEXT / PAPER_TEXT`` and shrunk as it is saved.
    """
    inches = current_paper().inches
    return natural if inches is None else inches * TEXT / PAPER_TEXT


def panels_in_row(most: int, each: float, rest: float = 0.0) -> int:
    """How many panels of ``each`` inches fit beside each other, at least 1; ``rest`` is what else stands there."""
    return max(1, min(most, int((room(rest + most * each) - rest) / each + 1e-6)))


def draw_legend(figure: Figure, handles: Sequence[Artist], names: Sequence[str], **kwargs: Any) -> None:
    """Put a legend under the panels, where it hides nothing, with as many columns as fit."""
    width = figure.get_size_inches()[0] - 2 * MARGIN
    most = min(len(names), kwargs.pop("columns", len(names)))
    columns = next((n for n in range(most, 1, -1) if _legend_width(names, n) <= width), 1)
    place: dict[str, Any] = {"loc": "outside lower left", "ncols": columns, "columnspacing": 1.3}
    look: dict[str, Any] = {"frameon": False, "fontsize": TEXT, "labelcolor": INK, "handlelength": 1.5}
    figure.legend(handles, names, **(place | look | kwargs))


def _legend_width(names: Sequence[str], columns: int) -> float:
    """Inches that a legend takes; columns are filled one by one, each as wide as its longest name."""
    parts = np.array_split([len(name) * CHARACTER * TEXT + 0.5 for name in names], columns)
    return float(sum(part.max() for part in parts))


def new_figure(width: float, height: float, title: str) -> Figure:
    """Make an empty figure whose body has ``width`` x ``height`` inches, under a left-aligned title block.

    The first line of ``title`` is the heading; further lines are smaller and muted. A figure too narrow for its
    title is made wider; on paper every figure has the paper's width, and titles are folded or left out.
    """
    paper = current_paper()
    width = room(width)
    lines, sizes = _title_lines(title, None if paper.width is None else width) if paper.titles else ([], [])
    block = MARGIN + sum(TITLE_LINE if size == TITLE else SUB_LINE for size in sizes) if lines else 0.0
    if paper.width is None:
        longest = max((len(line) * size for line, size in zip(lines, sizes, strict=True)), default=0) * CHARACTER
        width = max(width, longest + 2 * MARGIN)
    layout = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=0.09, rect=(0, 0, 1, height / (height + block)))
    figure = Figure(figsize=(width, height + block), layout=layout)
    FigureCanvasAgg(figure)
    figure.set_label(title)
    down = MARGIN
    for line, size in zip(lines, sizes, strict=True):
        place = (MARGIN / width, 1 - down / (height + block))
        figure.text(*place, line, va="top", fontsize=size, color=INK if size == TITLE else MUTED)
        down += TITLE_LINE if size == TITLE else SUB_LINE
    return figure


def _title_lines(title: str, width: float | None) -> tuple[list[str], list[float]]:
    """Lines and their sizes in points, folded to ``width`` inches where one is given."""
    lines, sizes = [], []
    for number, line in enumerate(title.split("\n")):
        size = TEXT if number else TITLE
        letters = None if width is None else int((width - 2 * MARGIN) / (CHARACTER * size))
        folded = [line] if letters is None else textwrap.wrap(line, letters) or [line]
        lines += folded
        sizes += [size] * len(folded)
    return lines, sizes


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
    """Write a figure whole or not at all; the suffix decides the format, and the paper may ask for further ones.

    For the screen at 150 dpi; for paper (:func:`.drawing_for`) at its width, 300 dpi, text of 7 to 9 points. PDF and
    SVG are vectors; PDF embeds its letters as TrueType, SVG draws them, and both hold the title in their metadata.

    Raises:
        InputError: matplotlib cannot write that format.
        RunFolderError: the file system refuses.
    """
    path, paper = Path(path), current_paper()
    suffix, formats = path.suffix.lstrip(".").lower(), figure.canvas.get_supported_filetypes()
    if suffix not in formats:
        raise InputError("unknown picture format", allowed=", ".join(sorted(formats)), received=str(path))
    if paper.inches is not None:
        _fit(figure, paper.inches)
    for form in dict.fromkeys((suffix, *paper.formats)):
        with atomic_path(path if form == suffix else path.with_suffix(f".{form}")) as scratch, rc_context(_VECTOR):
            dpi = DPI if paper.width is None else PAPER_DPI
            figure.savefig(scratch, format=form, dpi=dpi, facecolor="white", metadata=_metadata(figure, form))


def _fit(figure: Figure, inches: float) -> None:
    """Shrink a figure to a width, and its text with it, to no less than 7 and no more than 9 points."""
    width, height = figure.get_size_inches()
    if math.isclose(width, inches):
        return
    scale = inches / width
    figure.set_size_inches(inches, height * scale)

    def points(size: float) -> float:
        return min(max(size * scale, PAPER_SMALLEST), PAPER_LARGEST)

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for which in ("major", "minor"):
                size = axis.get_tick_params(which).get("labelsize", TEXT)
                axis.set_tick_params(which, labelsize=points(size if isinstance(size, int | float) else TEXT))
    ticks = {text for axes in figure.axes for text in (*axes.get_xticklabels(which="both"),)}
    ticks |= {text for axes in figure.axes for text in (*axes.get_yticklabels(which="both"),)}
    for text in figure.findobj(Text):
        if text not in ticks:
            text.set_fontsize(points(float(text.get_fontsize())))


def _metadata(figure: Figure, form: str) -> dict[str, Any] | None:
    """The title, and no date: the same figure is the same file."""
    title = " ".join(str(figure.get_label()).split())
    known: dict[str, dict[str, Any]] = {
        "png": {"Title": title},
        "pdf": {"Title": title, "CreationDate": None},
        "svg": {"Title": title, "Date": None},
    }
    return known.get(form)
