"""``load_faces``: from what the user said to faces in memory."""

from __future__ import annotations

import os
from pathlib import Path

from ..emotions import FER7
from ..errors import InputError
from .faces import FaceDataset, Split, fingerprint
from .find_source import find_fer2013
from .sources import Source, recognise

SYNTHETIC = "synthetic"
SYNTHETIC_NOTICE = "synthetic faces: results say nothing about real faces"
NOT_FOUND_NOTICE = (
    "FER2013 was not found, so synthetic faces are used: give --data PATH or set FER2013_PATH for real results"
)


def load_faces(
    data: str | os.PathLike | None = None, *, cache_dir: Path | None = None, limit: int | None = None
) -> FaceDataset:
    """Load a data set with its three splits.

    The first call prepares a copy in the cache; later calls start from it for as long as the source keeps its
    path, size and time.

    Args:
        data: path of a FER2013 csv, zip or folder; ``synthetic``; or None for FER2013_PATH, the usual places and,
            if nothing is there, the synthetic faces with a notice.
        cache_dir: where prepared copies live; default FER_KERAS_CACHE or ``~/.cache/fer_keras``.
        limit: keep the first ``limit`` faces of each split.

    Returns:
        Images (n, 48, 48, 1) uint8 and labels (n,) int64 per split, in source order.

    Raises:
        DataError: the data are missing or wrong, or the cache cannot be written.
        InputError: ``limit`` is below 1.
    """
    if limit is not None and limit < 1:
        raise InputError("limit must be at least 1", received=limit)
    cache = cache_dir or default_cache_dir()
    if data is not None and str(data) == SYNTHETIC:
        return _load_synthetic(cache, limit, ())
    source = find_fer2013() if data is None else recognise(Path(data))
    if source is None:
        return _load_synthetic(cache, limit, (NOT_FOUND_NOTICE,))
    return _load_fer2013(source, cache, limit)


def default_cache_dir() -> Path:
    """Return FER_KERAS_CACHE, or ``~/.cache/fer_keras``."""
    return Path(os.environ.get("FER_KERAS_CACHE") or "~/.cache/fer_keras").expanduser()


def _load_fer2013(source: Source, cache: Path, limit: int | None) -> FaceDataset:
    from .fer2013 import Fer2013
    from .prepared import load_prepared

    folder = Path(cache) / f"fer2013-{Fer2013.VERSION}-{source.signature[:16]}"
    faces = load_prepared(folder, lambda data_dir: Fer2013(source=source, data_dir=data_dir))
    return _finish("fer2013", faces, str(source.path), limit, ())


def _load_synthetic(cache: Path, limit: int | None, notices: tuple[str, ...]) -> FaceDataset:
    from .prepared import load_prepared
    from .synthetic import SyntheticFaces

    folder = Path(cache) / f"synthetic-{SyntheticFaces.VERSION}"
    faces = load_prepared(folder, lambda data_dir: SyntheticFaces(data_dir=data_dir))
    return _finish(SYNTHETIC, faces, SYNTHETIC, limit, (*notices, SYNTHETIC_NOTICE))


def _finish(
    name: str, faces: tuple[dict[str, Split], str], source: str, limit: int | None, notices: tuple[str, ...]
) -> FaceDataset:
    splits, sha256 = faces
    if limit is not None:
        splits = {key: Split(s.images[:limit], s.labels[:limit], s.ids[:limit]) for key, s in splits.items()}
        sha256 = fingerprint(splits, FER7)
    return FaceDataset(name, FER7, splits, source, sha256, notices)
