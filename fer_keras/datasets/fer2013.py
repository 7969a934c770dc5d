"""FER2013 as a TFDS builder: ``tfds.load("fer2013", builder_kwargs={"source": PATH})``.

Goodfellow et al., "Challenges in Representation Learning", 2013, arXiv:1307.0414. Nothing is downloaded: the data
set has no public address that may be fetched without an account, so the user points at a copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from ..emotions import FACE_SIZE, FER7
from ..errors import DataError
from .face_images import describe_faces, encode_png
from .registration import VERSIONS
from .sources.find import find_fer2013
from .sources.recognise import Source, recognise
from .sources.rows import BadRows, FaceRow, OnBad
from .sources.tree import TreeSource


class Fer2013(tfds.core.GeneratorBasedBuilder):
    """35,887 gray 48x48 faces with seven apparent expressions, in the official three splits.

    ``train`` is Training, ``validation`` PublicTest and ``test`` PrivateTest, each in source order.

    Args:
        source: path of a csv, zip or folder, or what :func:`.recognise` made of it; None
            looks at FER2013_PATH and the usual places when the data are first prepared.
        on_bad: ``refuse`` ends the preparation at the first row or file that is wrong; ``skip`` leaves it out and
            counts it in ``info.metadata["skipped"]``.
        **kwargs: ``data_dir`` and the other arguments of every TFDS builder.

    Raises:
        DataError: the source cannot be used, or ``data_dir`` holds a copy prepared from another one.
    """

    VERSION = tfds.core.Version(VERSIONS["fer2013"])
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (TFDS reads a class attribute)

    def __init__(self, *, source: Source | str | os.PathLike | None = None, on_bad: OnBad = "refuse", **kwargs: Any):
        found = recognise(Path(source)) if isinstance(source, str | os.PathLike) else source
        self._source = None if found is None else _require_fer2013(found)
        self._on_bad = on_bad
        super().__init__(**kwargs)
        # pickling rebuilds the builder from this
        self._original_state |= {"source": self._source, "on_bad": on_bad}
        self._refuse_foreign_copy()

    def _refuse_foreign_copy(self) -> None:
        if self._source is None or not self.is_prepared():
            return
        if self.info.metadata.get("source_signature") != self._source.signature:
            raise DataError(
                f"{self.data_dir} was prepared from another source than {self._source.path}",
                hint="Give another data_dir, or remove that folder",
            )

    def _info(self) -> tfds.core.DatasetInfo:
        homepage, metadata = "https://arxiv.org/abs/1307.0414", tfds.core.MetadataDict()
        # Not shuffled: FER+ votes go with the rows by their order.
        return describe_faces(self, FACE_SIZE, FER7, homepage=homepage, metadata=metadata)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing to download
        source = self._source or _require_fer2013(_find_or_fail())
        # Read whole (83 MB of pixels): the splits may lie mixed in one csv that is parsed once.
        bad = BadRows(self._on_bad)
        splits = source.read_splits(bad)
        self.info.metadata["source_signature"] = source.signature
        self.info.metadata["skipped"] = bad.summary()
        return {name: self._generate_examples(rows) for name, rows in splits.items()}

    def _generate_examples(self, rows: list[FaceRow]) -> Iterator[tuple[int, dict[str, Any]]]:
        for key, row in enumerate(rows):
            yield key, {"image": encode_png(row.pixels), "label": row.label, "id": row.id}


def _require_fer2013(source: Source | TreeSource) -> Source:
    if isinstance(source, TreeSource):
        raise DataError(
            f"{source.path} holds class folders without FER2013's file names", hint="Load it as face_folder"
        )
    return source


def _find_or_fail() -> Source | TreeSource:
    source = find_fer2013()
    if source is None:
        raise DataError("FER2013 was not found", hint="Set FER2013_PATH to its csv, zip or folder")
    return source
