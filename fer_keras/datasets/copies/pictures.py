"""Pictures that lie in several arrays, numbered through. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Pictures:
    """Arrays (n, H, W, 1) uint8 as one, none of them copied; they may be mapped from a file.

    Args:
        parts: with pictures of one size; empty ones may have another.
    """

    def __init__(self, parts: Sequence[np.ndarray]):
        self.parts = [part for part in parts if len(part)] or list(parts[:1])
        self._starts = np.cumsum([0, *map(len, self.parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.parts[0].shape[1:3]
        return height, width

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return (len(rows), H, W) uint8."""
        taken = np.empty((len(rows), *self.size), np.uint8)
        for part, start in zip(self.parts, self._starts, strict=False):
            here = np.flatnonzero((rows >= start) & (rows < start + len(part)))
            taken[here] = part[rows[here] - start, :, :, 0]
        return taken
