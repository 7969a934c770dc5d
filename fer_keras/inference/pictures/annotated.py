"""Annotated copies of pictures on disk."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ...atomic_files import atomic_path
from ...errors import InputError
from ..drawing import draw_predictions
from ..prediction import Prediction

_QUALITY = 92


def save_annotated(
    image: np.ndarray, predictions: Sequence[Prediction], path: Path, sources: Collection[Path] = ()
) -> None:
    """Draw the predictions on a copy of a picture and write it, whole or not at all; an older copy is replaced.

    The copy is upright and holds no metadata of the original.

    Args:
        image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
        predictions: of this picture.
        path: ``.jpg``, ``.jpeg`` or ``.png``.
        sources: resolved paths that must not be replaced.

    Raises:
        InputError: ``path`` is one of the sources.
        RunFolderError: the file system refuses.
    """
    if path.resolve() in sources:
        raise InputError(
            "the copy would replace the picture", received=str(path), hint="Choose another --output folder"
        )
    copy = Image.fromarray(draw_predictions(image, predictions, enlarge=True))
    with atomic_path(path) as scratch:
        copy.save(scratch, **({} if path.suffix.lower() == ".png" else {"quality": _QUALITY}))
