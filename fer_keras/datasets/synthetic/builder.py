"""The embedded default data set: schematic faces, so that every command runs on a fresh machine without a download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from ...emotions import FACE_SIZE, FER7
from ...errors import InputError, nearest_hint
from ..face_images import describe_faces
from ..faces import Split
from ..registration import VERSIONS
from .drawing import draw_faces

# Split name -> (faces, seed). Different seeds give independent streams (numpy's SeedSequence).
SYNTHETIC_SPLITS: dict[str, tuple[int, int]] = {
    "train": (8000, 20131),
    "validation": (1000, 20132),
    "test": (1000, 20133),
}


def make_synthetic_split(name: str) -> Split:
    """Draw one split of the synthetic data set: the same pixels every time, on every machine.

    Args:
        name: ``train`` (8,000 faces), ``validation`` or ``test`` (1,000 each).

    Returns:
        Images (n, 48, 48, 1) uint8, labels (n,) int64 in shuffled order with class sizes that differ by one at
        most, ids such as ``synthetic train 17``.

    Raises:
        InputError: there is no such split.
    """
    if name not in SYNTHETIC_SPLITS:
        names = ", ".join(SYNTHETIC_SPLITS)
        raise InputError("no such split", allowed=names, received=repr(name), hint=nearest_hint(name, SYNTHETIC_SPLITS))
    n, seed = SYNTHETIC_SPLITS[name]
    labels = np.random.default_rng(seed).permutation(np.arange(n) % len(FER7))  # (n,)
    ids = np.array([f"synthetic {name} {i}" for i in range(n)])
    return Split(draw_faces(labels, seed), labels, ids)


class SyntheticFaces(tfds.core.GeneratorBasedBuilder):
    """Schematic faces drawn from facial action units; not photographs, and no measure of skill on real faces."""

    VERSION = tfds.core.Version(VERSIONS["synthetic"])
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (TFDS reads a class attribute)

    def _info(self) -> tfds.core.DatasetInfo:
        # Not shuffled: labels are shuffled already, and files keep the order of make_synthetic_split.
        return describe_faces(self, FACE_SIZE, FER7)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing to download
        return {name: self._generate_examples(name) for name in SYNTHETIC_SPLITS}

    def _generate_examples(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        split = make_synthetic_split(name)
        for i in range(len(split)):
            yield i, {"image": split.images[i], "label": int(split.labels[i]), "id": str(split.ids[i])}
