"""One training that ends at a validation score: what it took, and what its input takes by itself."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from ..datasets.faces import FaceDataset
from ..errors import TrainingError
from ..recipe.recipe import Recipe, dump_recipe
from ..runs.run_folder import RunFolder
from ..training.checkpoints import load_checkpoint
from ..training.fitting import plan, train_batches
from ..training.train import train
from .training_clock import Stopped, TrainingClock

# What is measured of each training.
MEASURES = ("training_seconds", "start_seconds", "validation_seconds", "wall_seconds", "epochs", "steps")
# Batches of the input pipeline that are timed, after some that fill its buffers.
INPUT_WARM_UP, INPUT_BATCHES = 5, 30


class Interrupted(Exception):  # noqa: N818  no error, but somebody's wish
    """A signal ended a training; ``number`` is the signal's."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def measure_seed(
    recipe: Recipe,
    dataset: FaceDataset,
    run: RunFolder,
    target: float,
    *,
    max_epochs: int | None = None,
    max_seconds: float | None = None,
    say: Callable[[dict], None] = lambda row: None,
) -> dict:
    """Train once, into ``run``, with the recipe's seed; for the arguments see
    :func:`fer_keras.benchmark.time_to_accuracy.time_to_accuracy`.

    Returns:
        ``seed``; ``reached``; ``stopped_by`` (``target``, ``max_epochs``, ``max_seconds``, ``recipe`` for its last
        epoch or early stopping, or the text of an error such as a loss that is not finite); ``to_target`` with
        :data:`MEASURES`, None when the target was not reached; ``spent``, the same of all that was trained;
        ``images_per_second`` of the training steps; ``best_val_accuracy`` and ``best_epoch``; ``curve`` by epoch.
        Seconds are as :class:`TrainingClock` tells them; those of features that are computed once count as training.

    Raises:
        Interrupted: Ctrl-C or SIGTERM.
    """
    firsts = {1, recipe.train.epochs + 1}
    limits = {"max_epochs": max_epochs, "max_seconds": max_seconds}
    begin = time.perf_counter()
    clock = TrainingClock(target, first_epochs=firsts, on_epoch_end=say, **limits)
    stopped_by = _train_until_stopped(recipe, dataset, run, clock)
    wall = time.perf_counter() - begin
    features = _feature_seconds(recipe, run)
    spent = {
        "training_seconds": round(clock.training_seconds + features, 3),
        "start_seconds": round(clock.start_seconds - features, 3),
        "validation_seconds": round(clock.validation_seconds, 3),
        "wall_seconds": round(wall, 3),
        "epochs": len(clock.curve),
        "steps": clock.steps,
    }
    batch, _ = plan(recipe, dataset)
    best = max(clock.curve, key=lambda row: row["val_accuracy"], default=None)
    return {
        "seed": recipe.train.seed,
        "reached": stopped_by == "target",
        "stopped_by": stopped_by,
        "to_target": spent if stopped_by == "target" else None,
        "spent": spent,
        "images_per_second": round(batch * clock.steps_per_second, 1) if clock.steps_per_second else None,
        "best_val_accuracy": best and best["val_accuracy"],
        "best_epoch": best and best["epoch"],
        "curve": clock.curve,
    }


def _train_until_stopped(recipe: Recipe, dataset: FaceDataset, run: RunFolder, clock: TrainingClock) -> str:
    try:
        result = train(recipe, dataset, run, command="fer-keras benchmark --time-to", observer=clock)
    except Stopped as stop:
        return stop.reason
    except TrainingError as error:
        return str(error)
    if result.signal is not None:
        raise Interrupted(result.signal)
    return "recipe"


def _feature_seconds(recipe: Recipe, run: RunFolder) -> float:
    """Seconds that went into features of a frozen base, as the run has noted them."""
    if not recipe.caches_features:
        return 0.0
    if run.run_json.is_file():
        noted = json.loads(run.run_json.read_text(encoding="utf-8")).get("cached_features")
        if noted:
            return noted["seconds"]
    found = load_checkpoint(run.scratch, dump_recipe(recipe))
    return found[1].feature_seconds if found else 0.0


def input_seconds_per_batch(recipe: Recipe, dataset: FaceDataset) -> float | None:
    """Mean seconds that the input pipeline takes for one batch when nothing else runs; None with cached features.

    It is drained alone, after a warm-up. During training it works beside the steps, so it costs at most this much of
    each step on a busy machine; a training that waits for its input has steps that are hardly longer than this.
    """
    if recipe.caches_features:
        return None
    batches = train_batches(recipe, dataset, 0, INPUT_WARM_UP + INPUT_BATCHES)
    laps, last = [], time.perf_counter()
    for _ in batches:
        now = time.perf_counter()
        laps.append(now - last)
        last = now
    return round(statistics.fmean(laps[INPUT_WARM_UP:]), 6)
