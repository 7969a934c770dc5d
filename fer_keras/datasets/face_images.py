"""Any image file to a gray face of one size, a place on disk for many, and how TFDS describes them. No TensorFlow."""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from ..errors import DataError
from ..imaging import decode_gray, has_colour, resize_gray

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


# What becomes of a picture that is not square.
Fit = Literal["stretch", "crop", "pad"]


class FaceSpool:
    """Prepared faces in a temporary file, so that they are decoded once and not held in memory.

    Attributes:
        digests: of the pixels of each face, in order.
        not_square: how many images were not square.
        coloured: how many had channels of colour.
    """

    def __init__(self, folder: Path, size: int, fit: Fit = "stretch"):
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  it lives as long as this object
        self._size, self._fit = size, fit
        self._ends = [0]
        self.digests: list[bytes] = []
        self.not_square = self.coloured = 0

    def append(self, data: bytes, box: tuple[int, int, int, int] | None = None) -> None:
        """Decode one image file, cut out the box if there is one, resize it and keep it as PNG.

        Args:
            data: content of the file.
            box: left, top, width and height of the face in pixels.

        Raises:
            ImageDecodeError: not an image within the limits; nothing is kept.
            DataError: the box is not in the picture.
            OSError: the disk is full.
        """
        gray = decode_gray(data)  # (h, w)
        gray = gray if box is None else _cut(gray, box)
        self.not_square += gray.shape[0] != gray.shape[1]
        self.coloured += has_colour(data)
        face = resize_gray(make_square(gray, self._fit), self._size)  # (S, S)
        png = encode_png(face)
        self._file.write(png)
        self._ends.append(self._ends[-1] + len(png))
        self.digests.append(hashlib.blake2b(face.tobytes(), digest_size=20).digest())

    def __getitem__(self, index: int) -> bytes:
        """Return the PNG of a face."""
        self._file.seek(self._ends[index])
        return self._file.read(self._ends[index + 1] - self._ends[index])


def make_square(gray: np.ndarray, fit: Fit) -> np.ndarray:
    """Make a picture (h, w) square: ``crop`` takes its middle, ``pad`` repeats its edge; ``stretch`` leaves it to the
    resize.
    """
    height, width = gray.shape
    side = max(height, width) if fit == "pad" else min(height, width)
    top, left = abs(height - side) // 2, abs(width - side) // 2
    if fit == "crop":
        return gray[top : top + side, left : left + side]
    if fit == "pad":
        return np.pad(gray, ((top, side - height - top), (left, side - width - left)), mode="edge")
    return gray


def _cut(gray: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, width, height = box
    if min(box) < 0 or not (width and height) or left + width > gray.shape[1] or top + height > gray.shape[0]:
        raise DataError(
            "the box of its list is not in the picture",
            allowed=f"inside {gray.shape[1]}x{gray.shape[0]}",
            received=f"{width}x{height} at {left},{top}",
            hint="If the pictures are cut out already, take the boxes out of the list",
        )
    return gray[top : top + height, left : left + width]


def encode_png(gray: np.ndarray) -> bytes:
    """Encode (h, w) uint8 without loss; quick rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def describe_faces(
    builder: tfds.core.GeneratorBasedBuilder, size: int, classes: tuple[str, ...], **more: Any
) -> tfds.core.DatasetInfo:
    """Return what TFDS is told of labelled faces: their features, and that their order is kept.

    Args:
        builder: its docstring describes the data set.
        size: side of the faces in pixels.
        classes: names in label order.
        **more: other arguments of ``DatasetInfo``.
    """
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(size, size, 1), dtype=np.uint8, encoding_format="png"),
        "label": tfds.features.ClassLabel(names=list(classes)),
        "id": tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
        builder=builder,
        description=builder.__doc__,
        features=tfds.features.FeaturesDict(features),
        supervised_keys=("image", "label"),
        disable_shuffling=True,
        **more,
    )
