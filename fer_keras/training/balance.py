"""Which training faces an epoch holds: all of them, classes filled up with copies, classes cut down. numpy only.

A copy is the same photograph under an index of its own. Augmentation follows from (seed, epoch, index), so copies of
one face are augmented differently, and a resumed run sees the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..recipe.recipe import Recipe


@dataclass(frozen=True)
class Selection:
    """The m faces of one epoch.

    Attributes:
        rows: (m,) int64, row of the training split; a row may stand several times.
        indices: (m,) int64, the index that augmentation follows from: the row itself for an original, numbers from
            the size of the split on for copies; none stands twice.
    """

    rows: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


def select_faces(labels: np.ndarray, recipe: Recipe) -> Selection:
    """Return the faces of an epoch as ``balance`` and ``train.imbalance`` want them.

    Args:
        labels: (n,) int64 of the training split.
        recipe: with ``balance.target``, classes below it are filled up with copies, each face as often as the others
            of its class (or once more); with ``balance.cap``, classes above it are cut to a random choice that stays
            the same for the whole run. ``train.imbalance: oversample`` fills all classes up to the largest.

    Returns:
        Originals in row order, then copies, class by class. A class without a face stays without one.
    """
    target, cap = recipe.balance.target, recipe.balance.cap
    if recipe.train.imbalance == "oversample":
        target, cap = int(np.bincount(labels).max(initial=0)), False
    if not target:
        everything = np.arange(len(labels))
        return Selection(everything, everything)
    generator = np.random.default_rng(recipe.train.seed)
    kept, copied = [], []
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))  # (faces of the class,)
        kept.append(rows[:target] if cap else rows)
        copied.append(np.resize(rows, max(0, target - len(rows))))
    originals, copies = np.sort(np.concatenate(kept)), np.concatenate(copied)
    return Selection(
        np.concatenate([originals, copies]),
        np.concatenate([originals, np.arange(len(labels), len(labels) + len(copies))]),
    )


def describe_balance(labels: np.ndarray, classes: tuple[str, ...], recipe: Recipe) -> dict:
    """What ``run.json`` records: the setting and the training faces per class before and after."""
    selection = select_faces(labels, recipe)
    before = np.bincount(labels, minlength=len(classes))  # (classes,)
    after = np.bincount(labels[selection.rows], minlength=len(classes))
    return {
        "imbalance": recipe.train.imbalance,
        "loss": recipe.train.loss,
        "focal_gamma": recipe.train.focal_gamma if recipe.train.loss == "focal" else None,
        "target": recipe.balance.target or None,
        "cap": recipe.balance.cap,
        "faces_per_class": {name: int(count) for name, count in zip(classes, before, strict=True)},
        "faces_per_class_and_epoch": {name: int(count) for name, count in zip(classes, after, strict=True)},
    }


def balance_sentence(record: dict) -> str:
    """The record of :func:`describe_balance` for people: the setting, then the faces of each class and epoch."""
    loss = f"focal loss, gamma {record['focal_gamma']:g}" if record["loss"] == "focal" else ""
    cut = ", above it cut" if record["cap"] else ""
    target = f"classes filled up to {record['target']:,}{cut}" if record["target"] else ""
    imbalance = "" if record["imbalance"] == "none" else record["imbalance"].replace("_", " ")
    setting = ", ".join(part for part in (target, imbalance, loss) if part) or "none"
    return f"{setting}; training faces per epoch: {_class_sizes(record)}"


def _class_sizes(record: dict) -> str:
    pairs = zip(record["faces_per_class"].items(), record["faces_per_class_and_epoch"].values(), strict=True)
    return ", ".join(
        f"{name} {before:,}" + (f" -> {after:,}" if after != before else "") for (name, before), after in pairs
    )
