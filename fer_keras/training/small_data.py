"""A recipe on few faces: it counts epochs, but batches, warm-up and averages act by steps, of which there are few.

An epoch of 28,709 faces has 224 steps of 128, one of 150 faces has one.
"""

from __future__ import annotations

import math

import numpy as np

from ..datasets.faces import FaceDataset
from ..recipe.recipe import Recipe
from .balance import select_faces
from .fitting import plan

# An epoch should have so many steps; but batch normalisation needs a few faces to measure on.
WANTED_STEPS, SMALLEST_BATCH = 10, 16
# Warm-up takes so many steps, but not more than a tenth of a phase.
WARMUP_STEPS = 100
# Training accuracy so far above the share of the largest class has learned something.
_LEARNED = 0.15
_START = "begin with a network that knows faces (fer-keras train --from cnn_small-fer2013 --data ...), "


def suit_to_faces(recipe: Recipe, dataset: FaceDataset) -> tuple[Recipe, list[str]]:
    """Return the recipe of a new run on these faces, the same unless they are few, and what was changed, in sentences.

    The batch is lowered until an epoch has ten steps, and warm-up takes 100 steps or a tenth of all. The run folder
    keeps the recipe that comes back; done again, this changes nothing.

    Raises:
        DataError: no training or validation face.
    """
    plan(recipe, dataset)  # refuses empty splits
    said, given = [], recipe.train
    faces = len(select_faces(dataset.splits["train"].labels, recipe))
    batch = max(SMALLEST_BATCH, faces // WANTED_STEPS)
    if batch < given.batch_size:
        recipe = _with(recipe, batch_size=batch)
        said.append(
            f"train.batch_size {given.batch_size} -> {batch}: the {faces:,} faces of an epoch would have made "
            f"{max(1, faces // given.batch_size)} steps of it"
        )
    steps = plan(recipe, dataset)[1]
    phase = min(filter(None, (given.epochs, recipe.fine_tune.epochs)))
    warmup = min(WARMUP_STEPS, phase * steps // 10) / steps
    if 0 < given.warmup_epochs < warmup:
        recipe = _with(recipe, warmup_epochs=round(warmup, 3))
        said.append(f"train.warmup_epochs {given.warmup_epochs:g} -> {warmup:.3g}: {round(warmup * steps)} steps")
    return recipe, said


def _with(recipe: Recipe, **changes: float) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=changes)})


def steps_notice(recipe: Recipe, dataset: FaceDataset) -> list[str]:
    """What must be said of a run whose epochs have fewer than ten steps; nothing of others."""
    batch, steps = plan(recipe, dataset)
    if steps >= WANTED_STEPS:
        return []
    faces, total = len(dataset.splits["train"]), steps * recipe.epochs
    return [
        f"an epoch has {steps} {'step' if steps == 1 else 'steps'} of {batch}, since there are {faces:,} training "
        f"faces, and the run has {total:,}: {_way_out(recipe)}"
    ]


def _way_out(recipe: Recipe) -> str:
    return ("" if recipe.start.source else _START) + "train for more epochs, or collect more faces"


def chance_notice(rows: list[dict], recipe: Recipe, dataset: FaceDataset) -> list[str]:
    """What must be said of a run whose training accuracy left chance while validation never did; else nothing.

    Args:
        rows: of the history.
        recipe: of the run.
        dataset: that it learned from and was validated on.

    Returns:
        At most one sentence. Chance is the share of the largest class; validation has left it when its best accuracy
        lies two standard errors above.
    """
    learned, best = (max(row[key] for row in rows) for key in ("accuracy", "val_accuracy"))
    labels = dataset.splits["validation"].labels
    chance, chance_in_training = (_largest_share(part) for part in (labels, dataset.splits["train"].labels))
    known = chance + 2 * math.sqrt(chance * (1 - chance) / len(labels))
    if learned < chance_in_training + _LEARNED or best > known:
        return []
    return [
        f"training accuracy reached {learned:.2f}, but validation stayed at chance ({best:.2f} at best, n = "
        f"{len(labels):,}; the largest class alone is {chance:.2f}): the network knows these faces by heart, or the "
        f"labels of the two splits mean different things. Look at them (fer-keras data explore), {_way_out(recipe)}"
    ]


def _largest_share(labels: np.ndarray) -> float:
    return float(np.bincount(labels).max() / len(labels))
