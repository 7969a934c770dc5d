"""Pictures of heat maps over faces. Arrays in, ``Figure`` out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BAR, INK, SMALL, TEXT, VALIDATION, draw_heading, new_figure, panels_in_row

# Brightness rises evenly along it, so it reads without colour too.
HEAT = colormaps["inferno"]
OPACITY = 0.65  # of the overlay where the map is 1


def overlay(face: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Lay a heat map over a gray face: opaque where it is high, invisible where it is 0.

    Args:
        face: (S, S) gray, 0..255.
        heatmap: (S, S) float, 0..1.

    Returns:
        (S, S, 3) float, 0..1.
    """
    gray = np.repeat(np.asarray(face, np.float64)[..., None] / 255, 3, axis=-1)  # (S, S, 3)
    alpha = OPACITY * np.clip(heatmap, 0, 1)[..., None]
    return (1 - alpha) * gray + alpha * HEAT(np.clip(heatmap, 0, 1))[..., :3]


def plot_explanation(
    face: np.ndarray, heatmap: np.ndarray, probabilities: Sequence[tuple[str, float]], about: str, title: str
) -> Figure:
    """Draw a face, its heat map, both together, and the most probable classes.

    Args:
        face: (S, S) gray, 0..255, as the network sees it.
        heatmap: (S, S) float, 0..1.
        probabilities: class and probability, the most probable first.
        about: class that the map is about.
        title: first line is the heading, further lines are set smaller under it.
    """
    wide = panels_in_row(4, 1.8) == 4
    figure = new_figure(9.8, 2.7 if wide else 4.6, _plain(title))
    panels = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.25)) if wide else figure.subplots(2, 2).ravel()
    flat = not np.asarray(heatmap).any()
    _draw(panels[0], f"Face, {face.shape[1]}x{face.shape[0]}", face, {"cmap": "gray", "vmin": 0, "vmax": 255})
    _draw(panels[1], "Heat map", heatmap, {"cmap": HEAT, "vmin": 0, "vmax": 1})
    _draw(panels[2], f"Speaks for {_short(about)}", overlay(face, heatmap), {})
    if flat:
        place = {"ha": "center", "va": "center", "transform": panels[1].transAxes}
        panels[1].text(0.5, 0.5, "no place\nspeaks for it", fontsize=TEXT, color="white", **place)
    bar = figure.colorbar(panels[1].images[0], ax=panels[1], fraction=0.05, pad=0.03, ticks=[0, 0.5, 1])
    bar.ax.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    bar.outline.set_visible(False)
    _draw_probabilities(panels[3], probabilities, about)
    return figure


def _draw(axes: Axes, heading: str, picture: np.ndarray, scale: dict) -> None:
    axes.imshow(picture, interpolation="nearest", **scale)
    draw_heading(axes, heading)
    axes.set_axis_off()


def _draw_probabilities(axes: Axes, probabilities: Sequence[tuple[str, float]], about: str) -> None:
    places = np.arange(len(probabilities))
    values = [value for _, value in probabilities]
    colours = [VALIDATION if name == about else BAR for name, _ in probabilities]
    axes.barh(places + 0.15, values, height=0.3, color=colours)
    for place, (name, value) in enumerate(probabilities):
        axes.text(0, place - 0.12, f"{_short(name)}  {value:.1%}", va="bottom", fontsize=TEXT, color=INK)
    axes.set(xlim=(0, 1), ylim=(len(places) - 0.4, -0.6), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_box_aspect(0.8)  # as high as the square pictures beside it
    draw_heading(axes, "Probabilities")


def _short(name: str) -> str:
    return _plain(textwrap.shorten(name, 22, placeholder=" …") or name[:22])


def _plain(text: str) -> str:
    """Two dollar signs would make matplotlib read what is between them as a formula."""
    return text.replace("$", r"\$")


def plot_contact_sheet(
    faces: np.ndarray, heatmaps: np.ndarray, captions: Sequence[str], title: str, *, columns: int = 5
) -> Figure:
    """Draw every face beside itself with its map, in a grid.

    Args:
        faces: (n, S, S) gray, 0..255, n at least 1.
        heatmaps: (n, S, S) float, 0..1.
        captions: n texts.
        title: first line is the heading, further lines are set smaller under it.
        columns: pairs in a row.
    """
    columns = panels_in_row(min(columns, len(faces)), 2.5)
    rows = math.ceil(len(faces) / columns)
    captions = [_plain(caption) for caption in captions]
    lines = max(caption.count("\n") + 1 for caption in captions)
    figure = new_figure(2.7 * columns, (1.4 + 0.18 * lines) * rows + 0.1, _plain(title))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, face, heatmap, caption in zip(grid, faces, heatmaps, captions, strict=False):
        gap = np.ones((len(face), max(1, len(face) // 24), 3))
        pair = [overlay(face, np.zeros_like(heatmap)), gap, overlay(face, heatmap)]
        axes.imshow(np.concatenate(pair, axis=1), interpolation="nearest")
        axes.set_title(caption, fontsize=SMALL, color=INK, pad=4)
    return figure
