"""What every data source hands on: faces in memory, with official splits and a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

FACE_SIZE = 48
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """One split, in source order.

    Attributes:
        images: (n, 48, 48, 1) uint8, gray, 0..255.
        labels: (n,) int64 index into ``FaceDataset.classes``.
        ids: (n,) str, where each face came from (``row 17`` or ``train/happy/x.jpg``).
    """

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class FaceDataset:
    """A prepared data set.

    Attributes:
        name: ``fer2013`` or ``synthetic``; shown in run names and reports.
        classes: class names; a label is an index into it.
        splits: keys ``train``, ``validation``, ``test``.
        source: what the user pointed at, for people to read.
        sha256: fingerprint of pixels and labels of every split, see :func:`fingerprint`.
        notices: sentences that must be shown beside any result.
    """

    name: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    source: str
    sha256: str
    notices: tuple[str, ...] = field(default=())

    @property
    def is_synthetic(self) -> bool:
        return self.name == "synthetic"


def fingerprint(splits: dict[str, Split], classes: tuple[str, ...]) -> str:
    """Return the sha256 (hex) of all pixels and labels, in split order and row order."""
    digest = hashlib.sha256("|".join(classes).encode())
    for name in SPLITS:
        split = splits[name]
        digest.update(f"{name}:{len(split)}".encode())
        digest.update(np.ascontiguousarray(split.images, np.uint8).tobytes())
        digest.update(np.ascontiguousarray(split.labels, "<i8").tobytes())
    return digest.hexdigest()
