"""Which faces of a split a network was trained on: against the faces it was trained on, never those of another file."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..datasets.copies.duplicates import exact_copies, face_digests, find_duplicates, near_copies, trace_rows
from ..datasets.faces import FaceDataset
from ..errors import ModelFileError
from ..runs.run_folder import RunFolder
from .origin import trained_sha256


@dataclass(frozen=True)
class SeenFaces:
    """What training held of n faces.

    Attributes:
        exact: (n,) bool, pixel-identical to a training face, as far as that can be told.
        near: (n,) bool, the same photograph as a training face.
        unknown: why the masks are not the whole truth; empty where they are.
    """

    exact: np.ndarray
    near: np.ndarray
    unknown: str = ""

    @property
    def unseen(self) -> np.ndarray:
        """(n,) bool: training held no copy that is known of."""
        return ~(self.exact | self.near)


def find_seen_faces(run: RunFolder, trained: dict, dataset: FaceDataset, split: str) -> SeenFaces:
    """Hold the faces of a split against those that a run was trained on.

    These are at hand where the data set, or one that it was made of, has the sha256 that ``run.json`` names: what was
    found when they were prepared is used, nothing is searched again. Otherwise the digests that the run keeps of its
    training faces tell pixel-identical ones, and nothing tells near copies.

    Args:
        run: a finished run.
        trained: content of its ``run.json``.
        dataset: that is scored.
        split: of it; none of train's own faces counts as a copy.

    Raises:
        ModelFileError: the run's digests were changed or damaged.
    """
    images, nothing = dataset.splits[split].images, np.zeros(len(dataset.splits[split]), bool)
    known = _trained_dataset(dataset, trained_sha256(trained))
    if known is not None:
        if split == "train":
            return SeenFaces(nothing, nothing)
        if not known.checked:
            return SeenFaces(nothing, nothing, "copies were not looked for (data.check: off)")
        found = _find_among(known, dataset, split)
        if "started_from" in trained and run.training_faces.is_file():  # which hold those of the earlier run too
            return replace(found, exact=found.exact | np.isin(face_digests(images), read_digests(run)))
        return found
    if not run.training_faces.is_file():
        run.check(run.training_faces)
        return SeenFaces(nothing, nothing, "nobody knows which faces the network was trained on")
    exact = np.isin(face_digests(images), read_digests(run))
    return SeenFaces(
        exact,
        nothing,
        f"{exact.sum():,} of {len(exact):,} faces are pixel-identical to a face that the network was trained on, which "
        "was other data than these: near copies cannot be told",
    )


def _find_among(known: FaceDataset, dataset: FaceDataset, split: str) -> SeenFaces:
    """Hold a split of ``dataset`` against the training faces of ``known``."""
    rows = trace_rows(dataset.splits[split], known.splits[split])
    if rows is None:  # not a part of what was searched
        images, faces = dataset.splits[split].images, known.splits["train"].images
        return SeenFaces(exact_copies(images, faces), near_copies(images, faces))
    found = find_duplicates(known)
    here = found.in_split(split)
    return SeenFaces(found.exact_copy_in("train")[here][rows], found.near_copy_in("train")[here][rows])


def _trained_dataset(dataset: FaceDataset | None, sha256: str | None) -> FaceDataset | None:
    """The data set itself or the nearest that it was made of, by relabelling or leaving out, with this sha256."""
    while dataset is not None and dataset.sha256 != sha256:
        dataset = dataset.origin
    return dataset


def read_digests(run: RunFolder) -> np.ndarray:
    """Digests (m,) uint64 of the distinct faces that a run was trained on.

    Raises:
        ModelFileError: the file was changed or damaged.
    """
    try:
        digests = np.load(run.training_faces, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelFileError(f"{run.training_faces} cannot be read: {error}", hint="Restore it from a copy") from error
    if digests.dtype != np.uint64 or digests.ndim != 1:
        raise ModelFileError(f"{run.training_faces} holds no digests", received=f"{digests.dtype} {digests.shape}")
    run.check(run.training_faces)
    return digests
