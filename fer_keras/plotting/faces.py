"""Pictures of the faces of a data set: samples per class and mean faces."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import INK, SMALL, TEXT, new_figure, panels_in_row, room

_GAP = 0.06  # between two faces, as a part of a face
_MEANS_PER_ROW = 7
_NAME_WIDTH = 18  # characters that fit over a mean face


def plot_sample_grid(
    samples: Sequence[np.ndarray], classes: Sequence[str], counts: Sequence[int], title: str
) -> Figure:
    """Draw one row of faces per class.

    Args:
        samples: per class (m, H, W) gray faces, 0..255; a class may have fewer than the others, or none.
            Narrow paper has room for the first few.
        classes: names in label order, drawn beside the rows; long ones are folded and cut.
        counts: all faces of each class, drawn under the names.
        title: first line is the heading, further lines are set smaller under it.
    """
    labels = _labels(classes, counts)
    names = 0.1 * max(len(line) for label in labels for line in label.split("\n"))  # inches
    columns = panels_in_row(max(1, *(len(faces) for faces in samples)), 0.6, names + 0.3)
    mosaic, pitch = _mosaic([faces[:columns] for faces in samples], columns)
    width = 0.95 * columns + names
    side = 0.95 if room(width) >= width else (room(width) - names - 0.3) / columns  # inches of a face and its gap
    figure = new_figure(width, side * pitch[0] / pitch[1] * len(samples), title)
    axes = figure.subplots()
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.set_xticks([])
    axes.set_yticks(pitch[0] * (np.arange(len(samples)) + 0.5) - 0.5, labels, fontsize=TEXT, color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _mosaic(samples: Sequence[np.ndarray], columns: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Lay faces on white: (rows * pitch, columns * pitch) uint8, and the pitch (down, across) in pixels."""
    height, width = next((faces.shape[1:] for faces in samples if len(faces)), (48, 48))
    gap = max(1, round(_GAP * max(height, width)))
    pitch = (height + gap, width + gap)
    mosaic = np.full((pitch[0] * len(samples), pitch[1] * columns), 255, np.uint8)
    for row, faces in enumerate(samples):
        for column, face in enumerate(faces):
            top, left = row * pitch[0] + gap // 2, column * pitch[1] + gap // 2
            mosaic[top : top + height, left : left + width] = face
    return mosaic, pitch


def _labels(classes: Sequence[str], counts: Sequence[int]) -> list[str]:
    folded = (textwrap.wrap(name, _NAME_WIDTH, max_lines=2, placeholder=" …") for name in classes)
    names = ["\n".join(lines) or "(no name)" for lines in folded]
    return [f"{name}\n{n:,}" for name, n in zip(names, counts, strict=True)]


def plot_mean_faces(
    means: np.ndarray, overall: np.ndarray, classes: Sequence[str], counts: Sequence[int], title: str
) -> Figure:
    """Draw the mean face of each class and, under it, its difference from the mean of all faces.

    Red is brighter and blue is darker than the mean; the largest difference of all has the full colour.

    Args:
        means: (classes, H, W) float, 0..255, NaN for a class without faces.
        overall: (H, W) float, mean of all faces.
        classes: names in label order, drawn over the faces; long ones are folded and cut.
        counts: faces that each mean is made of, drawn under the names.
        title: first line is the heading, further lines are set smaller under it.
    """
    differences = means - overall  # (classes, H, W)
    finite = np.abs(differences[np.isfinite(differences)])
    limit = max(1.0, float(finite.max())) if finite.size else 1.0
    columns = panels_in_row(min(_MEANS_PER_ROW, len(means)), 1.0)
    blocks = math.ceil(len(means) / columns)
    labels = _labels(classes, counts)
    lines = max(label.count("\n") for label in labels) + 1
    figure = new_figure(1.35 * columns, (2.6 + 0.18 * lines) * blocks, f"{title}, full colour at {limit:.0f} levels")
    grid = figure.subplots(2 * blocks, columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for number, (mean, difference) in enumerate(zip(means, differences, strict=True)):
        block, column = divmod(number, columns)
        _draw_mean(grid[2 * block, column], mean, {"cmap": "gray", "vmin": 0, "vmax": 255})
        _draw_mean(grid[2 * block + 1, column], difference, {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit})
        grid[2 * block, column].set_title(labels[number], fontsize=SMALL, color=INK, pad=4)
    return figure


def _draw_mean(axes: Axes, picture: np.ndarray, scale: dict) -> None:
    scale = scale | {"cmap": colormaps[scale["cmap"]].with_extremes(bad="#f0f3f6")}
    axes.imshow(np.ma.masked_invalid(picture), interpolation="antialiased", **scale)
