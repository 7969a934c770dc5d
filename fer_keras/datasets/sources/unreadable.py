"""A FER2013 copy row by row, also one that the loader refuses: what is wrong with how much of it? No TensorFlow."""

from __future__ import annotations

import numpy as np

from ...emotions import FER7
from ...errors import DataError
from ..faces import SPLITS, FaceDataset, Split, fingerprint
from .bad_rows import BadRows
from .recognise import Source
from .rows import FaceRow


def read_what_can_be_read(source: Source) -> tuple[FaceDataset | None, dict]:
    """Read a source row by row, past every row or file that is wrong.

    Returns:
        The faces that could be read, or None if a split has none, and what was refused, possibly nothing: the summary
        of :class:`~fer_keras.datasets.sources.bad_rows.BadRows`.

    Raises:
        DataError: nothing was refused, so the fault is with the source as a whole.
    """
    bad = BadRows("skip")
    try:
        rows = source.read_splits(bad)
    except DataError:
        if not bad.reasons:
            raise
        return None, bad.summary()
    splits = {name: _as_split(rows.pop(name)) for name in SPLITS}  # popped: the rows are not kept beside the arrays
    dataset = FaceDataset("fer2013", FER7, splits, str(source.path), fingerprint(splits, FER7))
    return dataset, bad.summary()


def _as_split(rows: list[FaceRow]) -> Split:
    images = np.stack([row.pixels for row in rows])[..., None]  # (n, 48, 48, 1)
    return Split(images, np.array([row.label for row in rows], np.int64), np.array([row.id for row in rows]))
