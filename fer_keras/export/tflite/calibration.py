"""Which training faces an int8 conversion sees, and how it sees them. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...errors import DataError, InputError
from ..formats import check_images

CALIBRATION_FACES = 500


def select_calibration_faces(images: np.ndarray, labels: np.ndarray, count: int = CALIBRATION_FACES) -> np.ndarray:
    """Return ``count`` faces, as many of each class as there are; a small class gives all, larger ones its share.

    They show the converter the range of every activation (Jacob et al. 2018, arXiv:1712.05877, section 3), which
    depends on the expression: a sample by frequency would hold eight faces of FER2013's rarest class.

    Args:
        images: (n, S, S, 1) uint8, the training split.
        labels: (n,) integer classes.
        count: faces wanted; all when there are fewer.

    Returns:
        (m, S, S, 1) uint8, in source order, at equal distances within each class.

    Raises:
        DataError: no face.
    """
    if len(images) == 0:
        raise DataError("an int8 conversion needs training faces to calibrate on", received="none")
    classes, sizes = np.unique(labels, return_counts=True)
    shares = dict(zip(classes.tolist(), _shares(sizes, count), strict=True))
    chosen = [_spread(np.flatnonzero(labels == label), share) for label, share in shares.items()]
    return images[np.sort(np.concatenate(chosen))]  # (m, S, S, 1)


def representative_faces(faces: np.ndarray | None, side: int) -> Iterator[list[np.ndarray]]:
    """Yield each face as the converter wants it, (1, S, S, 1) float32 in a list.

    A black and a white face come first, so that the range of the pixels is exactly 0..255, also behind a layer that
    resizes them, in which a single pixel is blended with others.

    Args:
        faces: (m, S, S, 1) uint8 training faces.
        side: S of the model.

    Raises:
        InputError: no faces, or unusable ones.
    """
    if faces is None:
        raise InputError("an int8 file needs training faces to calibrate on", allowed="calibration_faces=images")
    check_images(faces, side)
    ends = np.stack([np.full((side, side, 1), value, np.float32) for value in (0, 255)])
    return ([face[None]] for face in np.concatenate([ends, faces.astype(np.float32)]))


def _shares(sizes: np.ndarray, count: int) -> list[int]:
    """Divide ``count`` among classes of these sizes, the smallest first, each an equal part of what is left."""
    shares, left = np.zeros(len(sizes), int), min(count, int(sizes.sum()))
    for place, index in enumerate(np.argsort(sizes, kind="stable")):
        shares[index] = min(int(sizes[index]), -(-left // (len(sizes) - place)))
        left -= shares[index]
    return shares.tolist()


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
