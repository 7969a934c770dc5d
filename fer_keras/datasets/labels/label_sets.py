"""Fewer or other classes than a data set came with: merged, dropped, chosen. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...emotions import FERPLUS8, canonical_emotion
from ...errors import DataError
from ..chosen_faces import choose_faces
from ..faces import SPLITS, Change, FaceDataset, Split, fingerprint

NAME = "label_set"


def select_classes(
    dataset: FaceDataset,
    classes: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    merge: Mapping[str, Sequence[str]] | None = None,
) -> FaceDataset:
    """Return a data set with other classes. First classes are merged, then dropped or chosen.

    Old names may be given in any spelling that :func:`fer_keras.emotions.canonical_emotion` knows.

    Args:
        dataset: any data set.
        classes: what is kept, in the order of the new labels; None keeps the order there is.
        drop: what is left out, faces and all; not together with ``classes``.
        merge: new name to the old ones that become it. A new name that is a class already keeps its own faces. The
            merged class stands where the first of its parts stood.

    Returns:
        The same data set when nothing is asked for; else one with a ``label_set`` among its changes. Soft labels are
        summed where classes are merged and scaled to 1 again over the classes that are left.

    Raises:
        DataError: an unknown name, one named twice, ``classes`` with ``drop``, fewer than two classes left, or a
            split without a face.
    """
    if classes is None and not drop and not merge:
        return dataset
    if classes is not None and drop:
        raise DataError("classes are both chosen and dropped", allowed="data.classes or data.drop")
    merged, to_merged = _merge(dataset.classes, merge or {})
    kept = _choose(merged, classes, drop or ())
    table = np.array([kept.index(name) if name in kept else -1 for name in to_merged], np.int64)  # (old classes,)
    splits = {name: _relabel(dataset.splits[name], table, len(kept)) for name in SPLITS}
    empty = [name for name in SPLITS if not len(splits[name])]
    if empty:
        raise DataError(f"no face of the {empty[0]} split is left", received=", ".join(kept))
    change = _describe(dataset, splits, kept, table, merge or {})
    return replace(
        dataset,
        classes=kept,
        splits=splits,
        sha256=fingerprint(splits, kept),
        changes=(*dataset.changes, change),
        origin=dataset,
    )


def named_as_ferplus(dataset: FaceDataset, classes: int) -> FaceDataset | None:
    """Return faces that come with all of FER+'s classes, as AffectNet's folders do, under FER+'s names in its order.

    Args:
        dataset: any data set.
        classes: 8, or 7 to leave contempt out.

    Returns:
        None for a data set without contempt, whose labels are not FER+'s: votes are needed for it.
    """
    wanted = FERPLUS8[:classes]
    try:
        own = {name: canonical_emotion(name, dataset.classes) for name in FERPLUS8}
    except DataError:
        return None
    return select_classes(dataset, wanted, merge={name: [old] for name, old in own.items() if name != old})


def _merge(classes: tuple[str, ...], merge: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], list[str]]:
    """Return the classes after merging, and for each old class the name it goes by."""
    target = {name: name for name in classes}
    used: set[str] = set()
    for new, parts in merge.items():
        old = _resolve(parts, classes)
        if not old or not new.strip():
            raise DataError("data.merge joins nothing", allowed="{new: [old, old]}", received=f"{{{new!r}: {parts}}}")
        new = _existing(new, classes, old)
        twice = sorted(used.intersection({*old, new}))
        if twice:
            raise DataError(f"{twice[0]} is merged twice", hint="Name each class once in data.merge")
        used |= {*old, new}
        target |= dict.fromkeys(old, new)
    names = [target[name] for name in classes]
    return tuple(dict.fromkeys(names)), names


def _existing(new: str, classes: tuple[str, ...], old: tuple[str, ...]) -> str:
    """The class that a new name already stands for, in any spelling, unless that one is renamed by the merge."""
    try:
        found = canonical_emotion(new, classes)
    except DataError:
        return new.strip()
    return new.strip() if found in old else found


def _choose(classes: tuple[str, ...], chosen: Sequence[str] | None, dropped: Sequence[str]) -> tuple[str, ...]:
    if chosen is None:
        out = _resolve(dropped, classes)
        kept = tuple(name for name in classes if name not in out)
    else:
        kept = _resolve(chosen, classes)
    if len(kept) < 2:
        raise DataError("too few classes are left", allowed="2 or more", received=", ".join(kept) or "none")
    return kept


def _resolve(names: Sequence[str], classes: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(canonical_emotion(name, classes) for name in names)
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise DataError(f"the class {twice[0]} is named twice", received=", ".join(names))
    return found


def _relabel(split: Split, table: np.ndarray, classes: int) -> Split:
    labels = table[split.labels]  # (n,), -1 for a face that is left out
    keep = labels >= 0
    soft = None if split.soft_labels is None else _fold(split.soft_labels[keep], table, classes)
    if keep.all():  # a copy of large images is worth avoiding
        return Split(split.images, labels, split.ids, soft)
    return Split(choose_faces(split.images, keep), labels[keep], split.ids[keep], soft)


def _fold(soft: np.ndarray, table: np.ndarray, classes: int) -> np.ndarray:
    """Sum (n, old classes) into (n, classes) float32 rows of sum 1; the face's own class is never left out."""
    matrix = np.zeros((len(table), classes), np.float64)
    matrix[np.flatnonzero(table >= 0), table[table >= 0]] = 1
    folded = soft.astype(np.float64) @ matrix
    return (folded / folded.sum(axis=1, keepdims=True)).astype(np.float32)


def _describe(
    dataset: FaceDataset, splits: dict[str, Split], kept: tuple[str, ...], table: np.ndarray, merge: Mapping
) -> Change:
    labels = np.concatenate([dataset.splits[name].labels for name in SPLITS])
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    dropped = {name: counts[i] for i, name in enumerate(dataset.classes) if table[i] < 0}
    sizes = {name: len(splits[name]) for name in SPLITS}
    parts = [f"{len(kept)} of {len(dataset.classes)} classes: {', '.join(kept)}"]
    parts += [f"{new} joins {', '.join(old)}" for new, old in merge.items()]
    if dropped:
        parts.append("dropped " + ", ".join(f"{name} ({n:,} faces)" for name, n in dropped.items()))
    parts.append("n = " + ", ".join(f"{size:,} {name}" for name, size in sizes.items()))
    joined = {new: list(old) for new, old in merge.items()}
    return Change(NAME, "; ".join(parts), {"classes": list(kept), "dropped": dropped, "merged": joined, "n": sizes})
