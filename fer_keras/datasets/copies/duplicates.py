"""The copies within a data set, looked for once: kept beside the prepared copy and in this process. No TensorFlow."""

from __future__ import annotations

import hashlib
import logging
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ...atomic_files import atomic_path
from ...errors import RunFolderError
from ..chosen_faces import hash_images
from ..faces import SPLITS, FaceDataset, Split
from .exact import exact_copies, exact_groups, face_digests
from .near_copies import NearPairs, near_pairs
from .search import Duplicates, number_faces, search_copies

__all__ = [
    "Duplicates",
    "exact_copies",
    "exact_groups",
    "face_digests",
    "find_duplicates",
    "leaking_rows",
    "near_copies",
    "trace_rows",
]

FILE = "copies.npz"
# Raised when the search finds something else, so that it is done again where an older one is kept.
SEARCH_VERSION = 1

_MOST_IN_MEMORY, _COMPARED = 8, 256
_LOG = logging.getLogger("fer_keras")
_searched: dict[str, Duplicates] = {}  # of this process, by the sha256 of the pixels


def find_duplicates(dataset: FaceDataset, *, near: bool = True) -> Duplicates:
    """Return all copies within a data set, looked for at most once.

    The result of a data set that this one was made of, by other labels or by leaving faces out, is taken where every
    face can be found there again, so that all of them agree. Otherwise what is kept beside the prepared copy or in
    this process; else they are looked for now, which takes seconds for FER2013.

    Args:
        dataset: any data set.
        near: near copies too; without them, nothing has to be kept.
    """
    if not near:
        return search_copies(dataset, near=False)
    return _of_origin(dataset) or _kept(dataset)


def leaking_rows(dataset: FaceDataset, split: str, near: bool = True, reference: str = "train") -> np.ndarray:
    """Return which rows of ``split`` have a copy in ``reference``.

    Args:
        dataset: any data set.
        split: the split whose rows are judged.
        near: near copies count too, not only pixel-identical ones.
        reference: the split that is searched; must be another one.

    Returns:
        (n,) bool.
    """
    found = find_duplicates(dataset, near=near)
    return found.copy_in(reference)[found.in_split(split)]


def near_copies(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (n,) bool: the image has a near copy in ``reference`` (m, H, W, 1), see :func:`near_pairs`."""
    result = np.zeros(len(images), bool)
    result[near_pairs(images, reference).first] = True
    return result


def trace_rows(split: Split, origin: Split) -> np.ndarray | None:
    """Return where the faces of a split stand in the one that it was taken from, by their ids and their pixels.

    Returns:
        (n,) int64 rows of ``origin``; None where ids are not unique, are missing there or belong to other pixels.
    """
    if split.images is origin.images:
        return np.arange(len(split))
    place = {identity: row for row, identity in enumerate(origin.ids.tolist())}
    rows = np.array([place.get(identity, -1) for identity in split.ids.tolist()], np.int64)
    if len(place) < len(origin) or (rows < 0).any() or len(np.unique(rows)) < len(rows):
        return None
    if split.images.shape[1:] != origin.images.shape[1:]:
        return None
    blocks = (slice(start, start + _COMPARED) for start in range(0, len(rows), _COMPARED))
    return rows if all(np.array_equal(split.images[b], origin.images[rows[b]]) for b in blocks) else None


def _of_origin(dataset: FaceDataset) -> Duplicates | None:
    if dataset.origin is None:
        return None
    starts = np.cumsum([0, *(len(dataset.origin.splits[name]) for name in SPLITS)])
    rows = []
    for name, start in zip(SPLITS, starts, strict=False):
        traced = trace_rows(dataset.splits[name], dataset.origin.splits[name])
        if traced is None:
            return None
        rows.append(traced + start)
    return find_duplicates(dataset.origin).of_rows(np.concatenate(rows), *number_faces(dataset))


def _kept(dataset: FaceDataset) -> Duplicates:
    key = _pixels_sha256(dataset)
    found = _searched.get(key)
    if found is None:
        found = _read(dataset, key)
    if found is None:
        found = search_copies(dataset)
        _store(dataset, key, found)
    elif dataset.folder is not None and not (Path(dataset.folder) / FILE).exists():  # found before it was prepared
        _store(dataset, key, found)
    while len(_searched) >= _MOST_IN_MEMORY:
        del _searched[next(iter(_searched))]
    _searched[key] = found
    return _with_labels(found, dataset)


def _with_labels(found: Duplicates, dataset: FaceDataset) -> Duplicates:
    return Duplicates(*number_faces(dataset), found.group, found.near, found.fixed)


def _pixels_sha256(dataset: FaceDataset) -> str:
    """Identify what the search looks at: the pixels of every split, whatever they are called."""
    digest = hashlib.sha256()
    for name in SPLITS:
        images = dataset.splits[name].images
        digest.update(f"{name}:{images.shape}".encode())
        hash_images(digest, images)
    return digest.hexdigest()


def _read(dataset: FaceDataset, key: str) -> Duplicates | None:
    """Read the kept result; None if it is missing, damaged, from another version or about other faces."""
    if dataset.folder is None:
        return None
    try:
        with np.load(Path(dataset.folder) / FILE, allow_pickle=False) as file:
            if (int(file["version"]), str(file["pixels_sha256"])) != (SEARCH_VERSION, key):
                return None
            near = NearPairs(file["first"], file["second"], file["correlation"], file["mirrored"])
            return Duplicates(*number_faces(dataset), file["group"], near, bool(file["fixed"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _store(dataset: FaceDataset, key: str, found: Duplicates) -> None:
    if dataset.folder is None or dataset.origin is not None:
        return
    near = found.near
    try:
        with atomic_path(Path(dataset.folder) / FILE) as scratch:
            np.savez_compressed(
                scratch,
                version=SEARCH_VERSION,
                pixels_sha256=key,
                group=found.group,
                fixed=found.fixed,
                first=near.first,
                second=near.second,
                correlation=near.correlation,
                mirrored=near.mirrored,
            )
    except RunFolderError as error:  # a cache that has become read-only costs time at the next start, nothing else
        _LOG.warning("the copies that were found are not kept: %s", error)
