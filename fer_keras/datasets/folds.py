"""Divide all faces of a data set into folds, so that each is scored once by a network that has not seen it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..errors import DataError, InputError
from .copies.duplicates import find_duplicates
from .faces import SPLITS, FaceDataset, Split, fingerprint
from .sources.groups import find_groups
from .sources.recognise import recognise
from .sources.tree import TreeSource

FEWEST, MOST = 3, 20


def make_folds(dataset: FaceDataset, folds: int, *, seed: int = 0, group_by: str | None = None) -> list[FaceDataset]:
    """Return one data set for each fold, of which the fold is the test split, the next one the validation split.

    Classes are shared out evenly (scikit-learn's ``StratifiedGroupKFold``), as far as faces that belong together allow:
    copies of one face, near ones too, and the faces of one person or sequence, where folders, names or ``group_by``
    tell. The splits that the data set came with are forgotten.

    Args:
        dataset: all its faces are used.
        folds: 3 to 20; the best epoch is chosen on one fold, the score is of another.
        seed: of the division.
        group_by: regular expression, see :func:`.groups.find_groups`.

    Raises:
        InputError: number of folds out of range.
        DataError: a class has fewer faces, or groups of faces, than there are folds.
    """
    if not FEWEST <= folds <= MOST:
        raise InputError("number of folds out of range", allowed=f"{FEWEST} to {MOST}", received=folds)
    whole = _pooled(dataset)
    together, notice = groups_of(dataset, whole, group_by)
    fold_of = _divide(whole.labels, together, folds, seed, dataset)
    return [_fold(dataset, whole, fold_of, index, folds, notice) for index in range(folds)]


def groups_of(dataset: FaceDataset, whole: Split, group_by: str | None) -> tuple[np.ndarray, str]:
    """Return the number of the group of each of all n faces, and what was understood of their names.

    Args:
        dataset: whose splits follow each other in ``whole``.
        whole: all faces.
        group_by: regular expression, or None.
    """
    found = find_duplicates(dataset) if dataset.checked else find_duplicates(dataset, near=False)
    first = np.concatenate([found.group, found.near.first])
    second = np.concatenate([np.arange(len(whole)), found.near.second])
    keys, notice = _persons(dataset, whole, group_by)
    _, person = np.unique(keys, return_inverse=True)
    known = np.flatnonzero(keys != "")
    rows = np.concatenate([first, len(whole) + person[known]])
    columns = np.concatenate([second, known])
    size = 2 * len(whole)
    links = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    return connected_components(links, directed=False)[1][: len(whole)], notice


def _persons(dataset: FaceDataset, whole: Split, group_by: str | None) -> tuple[np.ndarray, str]:
    """Person or sequence of each face, empty where unknown; of own pictures only, whose files still tell."""
    nobody = np.full(len(whole), "", dtype=object)
    source = recognise(Path(dataset.source)) if Path(dataset.source).exists() else None
    if not isinstance(source, TreeSource):
        return nobody, ""
    files = source.with_names(dataset.classes).arrange().files
    groups = find_groups(files, group_by)
    by_name = dict(zip((file.name for file in files), groups.keys, strict=True))
    return np.array([by_name.get(name, "") for name in whole.ids.tolist()], dtype=object), groups.notice


def _pooled(dataset: FaceDataset) -> Split:
    parts = [dataset.splits[name] for name in SPLITS]
    soft = None
    if all(part.soft_labels is not None for part in parts):
        soft = np.concatenate([part.soft_labels for part in parts if part.soft_labels is not None])
    images, labels, ids = (np.concatenate([getattr(p, key)[:] for p in parts]) for key in ("images", "labels", "ids"))
    return Split(images, labels, ids, soft)


def _divide(labels: np.ndarray, together: np.ndarray, folds: int, seed: int, dataset: FaceDataset) -> np.ndarray:
    """Number of the fold of each face, (n,) int64."""
    from sklearn.model_selection import StratifiedGroupKFold

    for label, name in enumerate(dataset.classes):
        groups = len(np.unique(together[labels == label]))
        if groups < folds:
            raise DataError(
                f"the class {name} cannot be divided into {folds} folds",
                allowed=f"{folds} faces or more that do not belong together",
                received=f"{(labels == label).sum()} faces, {groups} of which are of different faces and persons",
                hint="Give fewer --folds, or drop the class (data.drop)",
            )
    result = np.zeros(len(labels), np.int64)
    divider = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for index, (_, held_out) in enumerate(divider.split(np.zeros(len(labels)), labels, together)):
        result[held_out] = index
    return result


def _fold(dataset: FaceDataset, whole: Split, fold_of: np.ndarray, index: int, folds: int, notice: str) -> FaceDataset:
    held_out = {"test": index, "validation": (index + 1) % folds}
    rows = {name: fold_of == number for name, number in held_out.items()}
    rows["train"] = ~(rows["test"] | rows["validation"])
    splits = {name: whole.take(np.flatnonzero(rows[name])) for name in SPLITS}
    known = notice or "names do not tell which faces are of one person"
    said = f"fold {index + 1} of {folds}: copies of one face are in one fold; {known}"
    kept = tuple(text for text in dataset.notices if " cut from " not in text)
    sha256 = fingerprint(splits, dataset.classes)
    return replace(dataset, splits=splits, sha256=sha256, notices=(*kept, said), verdict="", origin=None, folder=None)
