"""What every data source hands on: faces as arrays, with official splits and a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..emotions import FACE_SIZE
from .chosen_faces import choose_faces, hash_images

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """One split, in source order.

    Attributes:
        images: (n, 48, 48, 1) uint8, gray, 0..255; of another side in data sets prepared so. Those of a prepared copy
            are mapped from its files and cannot be written to; of large ones a choice is a
            :class:`~fer_keras.datasets.chosen_faces.ChosenFaces`. Take blocks of them, not all at once.
        labels: (n,) int64 index into ``FaceDataset.classes``.
        ids: (n,) str, where each face came from (``row 17`` or ``train/happy/x.jpg``).
        soft_labels: (n, classes) float32, rows sum to 1, for training on distributions; None where there are none.
            ``labels`` stay what metrics are computed on.
    """

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    soft_labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Split:
        """Return the faces at ``rows``: indices (m,) or a mask (n,) bool."""
        soft = None if self.soft_labels is None else self.soft_labels[rows]
        return Split(choose_faces(self.images, rows), self.labels[rows], self.ids[rows], soft)


@dataclass(frozen=True)
class Change:
    """Something that was done to a data set after it was read.

    Attributes:
        name: key in ``run.json``, such as ``labels``.
        sentence: for people; always says how many faces are left.
        details: for machines; plain JSON values.
    """

    name: str
    sentence: str
    details: dict


@dataclass(frozen=True)
class FaceDataset:
    """A prepared data set.

    Attributes:
        name: ``fer2013``, ``synthetic``, or of own pictures the name of their folder; shown in run names and reports.
        classes: class names; a label is an index into it.
        splits: keys ``train``, ``validation``, ``test``.
        source: what the user pointed at, for people to read.
        sha256: fingerprint of pixels and labels of every split, see :func:`fingerprint`.
        notices: sentences that must be shown beside any result.
        changes: what was done to the faces or labels after reading, in that order.
        verdict: of the gate on all the faces of the source, see :mod:`.gate`; empty if unchecked.
        origin: the data set that this one was made of, by other labels or by leaving faces out.
        folder: of the prepared copy in the cache, beside which the result of a long search is kept; None without one.
        checked: False where nobody is to look for copies among the faces (``data.check: off``).
    """

    name: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    source: str
    sha256: str
    notices: tuple[str, ...] = field(default=())
    changes: tuple[Change, ...] = field(default=())
    verdict: str = ""
    origin: FaceDataset | None = field(default=None, repr=False, compare=False)
    folder: Path | None = field(default=None, repr=False, compare=False)
    checked: bool = True

    @property
    def image_size(self) -> int:
        """Side of the faces in pixels."""
        return self.splits["train"].images.shape[1]

    def as_dataset(
        self, split: str = "train", *, batch_size: int = 32, shuffle: bool | None = None, seed: int = 0, **options
    ) -> tf.data.Dataset:
        """Return a split as a ``tf.data.Dataset`` of batches, see :func:`.tf_data.make_dataset`.

        Args:
            split: ``train``, ``validation`` or ``test``.
            batch_size: faces of a batch; the last one may have fewer.
            shuffle: in another order each time it is gone through; by default the training split is.
            seed: of these orders.
            **options: ``label_mode``: ``int`` or ``categorical``.

        Raises:
            InputError: no such split, batch size or label mode.
        """
        from .tf_data import make_dataset

        shuffled = split == "train" if shuffle is None else shuffle
        return make_dataset(self, split, batch_size=batch_size, shuffle=shuffled, seed=seed, **options)

    @property
    def is_synthetic(self) -> bool:
        return self.name == "synthetic"


def fingerprint(splits: dict[str, Split], classes: tuple[str, ...]) -> str:
    """Return the sha256 (hex) of all pixels and labels (soft ones too) of the splits given, in split and row order.

    It covers the class names and, for any other side than 48 pixels, the side.
    """
    digest = hashlib.sha256("|".join(classes).encode())
    for name in filter(splits.__contains__, SPLITS):
        split = splits[name]
        digest.update(f"{name}:{len(split)}".encode())
        if split.images.shape[1:3] != (FACE_SIZE, FACE_SIZE):
            digest.update("x".join(map(str, split.images.shape[1:3])).encode())
        hash_images(digest, split.images)
        digest.update(np.ascontiguousarray(split.labels, "<i8").tobytes())
        if split.soft_labels is not None:
            digest.update(np.ascontiguousarray(split.soft_labels, "<f4").tobytes())
    return digest.hexdigest()


def describe_dataset(dataset: FaceDataset) -> dict:
    """What is known of the faces; the file's name without its folder, since runs are shared."""
    return {
        "name": dataset.name,
        "source": Path(dataset.source).name,
        "sha256": dataset.sha256,
        "verdict": dataset.verdict,
        "faces": {name: len(split) for name, split in dataset.splits.items()},
        "notices": list(dataset.notices),
        "changes": {change.name: {"summary": change.sentence, **change.details} for change in dataset.changes},
    }
