"""Rows of an array of faces that is too large to be copied. numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np

# From here on images are not copied: not when some of them are chosen, and not into TensorFlow's memory.
LARGE_BYTES = 256 * 2**20
_BLOCK_BYTES = 16 * 2**20


class ChosenFaces:
    """Some images of an array (N, H, W, 1), in any order, copied only when they are asked for.

    It is indexed as the array of the chosen images (n, H, W, 1) would be, by blocks or rows; asked for all of them at
    once it copies all of them.

    Args:
        images: the array, usually one mapped from a file, or faces chosen from it.
        rows: indices (n,) or a mask (N,) bool.
    """

    def __init__(self, images: np.ndarray | ChosenFaces, rows: np.ndarray):
        rows = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows)
        self._images: np.ndarray = images._images if isinstance(images, ChosenFaces) else images
        self._rows: np.ndarray = images._rows[rows] if isinstance(images, ChosenFaces) else rows
        self.shape, self.dtype = (len(self._rows), *self._images.shape[1:]), self._images.dtype
        self.ndim, self.nbytes = self._images.ndim, len(self._rows) * self._images[:1].nbytes

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if first is Ellipsis:
            first, rest = slice(None), [Ellipsis, *rest]
        rows = self._rows[first]
        picked = self._images[rows]
        return picked[(*([slice(None)] if np.ndim(rows) else []), *rest)] if rest else picked

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._images[row] for row in self._rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._images[self._rows].astype(dtype or self.dtype, copy=False)


def choose_faces(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the images at ``rows``, indices (n,) or a mask (N,) bool: a copy, or a `ChosenFaces` of a large choice."""
    chosen = ChosenFaces(images, rows)
    return chosen[:] if chosen.nbytes < LARGE_BYTES else cast(np.ndarray, chosen)


def hash_images(digest, images: np.ndarray) -> None:
    """Feed the pixels of images (n, H, W, C) uint8 to a digest of :mod:`hashlib`, piece by piece."""
    for block in image_blocks(images):
        digest.update(np.ascontiguousarray(block, np.uint8).reshape(-1).data)


def image_blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """Cut images (n, H, W, C) into pieces (b, H, W, C) of 16 MB."""
    size = max(1, _BLOCK_BYTES // max(images[:1].nbytes, 1))
    return (images[start : start + size] for start in range(0, len(images), size))
