"""Soft-edged shapes on a batch of gray canvases, by distance to the edge.

Only ``+ - * /``, ``sqrt``, comparisons and absolute values: IEEE 754 rounds each of these exactly, so the same
numbers come out on every machine, which float32 ``exp`` and ``sin`` do not promise.
"""

from __future__ import annotations

import numpy as np


def paint(canvas: np.ndarray, coverage: np.ndarray, tone: np.ndarray | float) -> None:
    """Blend ``tone`` over ``canvas`` (n, h, w) in place; ``coverage`` (n, h, w) is 0..1."""
    canvas += coverage * (tone - canvas)


def fill(distance: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Coverage of a region one pixel soft at its edge.

    Args:
        distance: (n, h, w) distance to the edge in face units, negative inside.
        pixels: (n, 1, 1) pixels in one face unit.
    """
    coverage = 0.5 - distance * pixels
    return np.clip(coverage, 0.0, 1.0, out=coverage)


def ellipse(x: np.ndarray, y: np.ndarray, radius_x: np.ndarray | float, radius_y: np.ndarray | float) -> np.ndarray:
    """Approximate distance to an ellipse round the origin: exact on the edge, negative inside."""
    across, along = x / radius_x, y / radius_y
    return (np.sqrt(across * across + along * along) - 1.0) * np.minimum(radius_x, radius_y)


def stroke(offset: np.ndarray, thickness: np.ndarray | float, beyond: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Coverage of a line.

    Args:
        offset: (n, h, w) signed distance to the middle of the line, in face units.
        thickness: full thickness in face units.
        beyond: (n, h, w) distance past the nearer end of the line, negative between the ends.
        pixels: (n, 1, 1) pixels in one face unit.
    """
    return fill(np.maximum(np.abs(offset) - thickness * 0.5, beyond), pixels)


def bump(x: np.ndarray, y: np.ndarray, radius_x: np.ndarray | float, radius_y: np.ndarray | float) -> np.ndarray:
    """A soft round spot: 1 at the origin, 0 from the ellipse outwards."""
    across, along = x / radius_x, y / radius_y
    inside = np.maximum(1.0 - across * across - along * along, 0.0)
    return inside * inside
