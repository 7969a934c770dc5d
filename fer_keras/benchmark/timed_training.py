"""One training that ends at a validation score: its clock, what it took, and what its input takes by itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection

from ..datasets.faces import FaceDataset
from ..errors import TrainingError
from ..recipe.recipe import Recipe, dump_recipe
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..training.callbacks import Observer
from ..training.checkpoints import load_checkpoint
from ..training.fitting import plan, train_batches
from ..training.small_data import suit_to_faces
from ..training.train import train

# Batches of the input pipeline that are timed, after some that fill its buffers.
INPUT_WARM_UP, INPUT_BATCHES = 5, 30


class Interrupted(Exception):  # noqa: N818  no error, but somebody's wish
    """A signal ended a training; ``number`` is the signal's."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


class Stopped(Exception):  # noqa: N818  the way out of a training that went well
    """Leaves :func:`fer_keras.training.train.train` at the end of an epoch or step; ``reason`` says why."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class TrainingClock(Observer):
    """Adds up the time of one training by what it was spent on.

    Attributes:
        start_seconds: from the construction of this object to the end of the first step, and the same at the first
            epoch of each further phase: building, tracing and compiling, features that are computed once, one step.
        training_seconds: all other steps, from the end of one step (or epoch) to the end of the next: waiting for the
            batch included.
        validation_seconds: from the last step of an epoch to its end: validation, best weights and checkpoint.
        steps: finished.
        curve: one dict per finished epoch: ``epoch``, ``steps``, ``training_seconds`` so far, ``val_accuracy``.

    Args:
        target: validation accuracy, 0 to 1, at which the training is left.
        first_epochs: numbers of the epochs, from 1, in which a phase begins.
        max_epochs: the training is left after as many, at the latest.
        max_seconds: the training is left when ``training_seconds`` get there.
        on_epoch_end: told the newest element of ``curve``.
        now: the clock, in seconds.
    """

    def __init__(
        self,
        target: float,
        *,
        first_epochs: Collection[int] = (1,),
        max_epochs: int | None = None,
        max_seconds: float | None = None,
        on_epoch_end: Callable[[dict], None] = lambda row: None,
        now: Callable[[], float] = time.perf_counter,
    ):
        self.target, self.first_epochs = target, first_epochs
        self.max_epochs, self.max_seconds = max_epochs, max_seconds
        self.on_epoch_end, self._now = on_epoch_end, now
        self.start_seconds = self.training_seconds = self.validation_seconds = 0.0
        self.steps, self._timed_steps = 0, 0
        self.curve: list[dict] = []
        self._last = now()

    @property
    def steps_per_second(self) -> float | None:
        """Of the steps that ``training_seconds`` are of; None before there is one."""
        return self._timed_steps / self.training_seconds if self.training_seconds > 0 else None

    def _lap(self) -> float:
        now = self._now()
        elapsed, self._last = now - self._last, now
        return elapsed

    def on_step(self, epoch, step, steps, logs):
        self.steps += 1
        if step == 1 and epoch in self.first_epochs:
            self.start_seconds += self._lap()
            return
        self.training_seconds += self._lap()
        self._timed_steps += 1
        if self.max_seconds is not None and self.training_seconds >= self.max_seconds:
            raise Stopped("max_seconds")

    def on_epoch(self, row, best):
        self.validation_seconds += self._lap()
        score = float(row["val_accuracy"])
        self.curve.append(
            {
                "epoch": row["epoch"],
                "steps": self.steps,
                "training_seconds": round(self.training_seconds, 3),
                "val_accuracy": score,
            }
        )
        self.on_epoch_end(self.curve[-1])
        if score >= self.target:
            raise Stopped("target")
        if self.max_epochs is not None and row["epoch"] >= self.max_epochs:
            raise Stopped("max_epochs")
        self._lap()  # what the listener took is nobody's


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
        :data:`.MEASURES`, None when the target was not reached; ``spent``, the same of all that was trained;
        ``images_per_second`` of the training steps; ``best_val_accuracy`` and ``best_epoch``; ``curve`` by epoch.
        Seconds are as :class:`TrainingClock` tells them; those of features that are computed once count as training.

    Raises:
        Interrupted: Ctrl-C or SIGTERM.
    """
    recipe, _ = suit_to_faces(recipe, dataset)
    firsts = {1, recipe.train.epochs + 1}
    begin = time.perf_counter()
    clock = TrainingClock(target, first_epochs=firsts, max_epochs=max_epochs, max_seconds=max_seconds, on_epoch_end=say)
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
    noted = read_run_json(run).get("cached_features")
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
