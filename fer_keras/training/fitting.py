"""Calls of ``fit``: through the phases of a run, from where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import keras

from ..datasets.faces import FaceDataset
from ..devices import shared_steps, whole_batches
from ..errors import DataError, TrainingError
from ..recipe.recipe import Recipe
from . import checkpoints
from .averaging import TailAverage, settle_average
from .balance import select_faces
from .callbacks import Observer, RunCallback
from .checkpoints import Progress, restore
from .distillation import Teacher
from .feature_store import FeatureStore
from .input_pipeline import make_eval_dataset, make_train_dataset, steps_per_epoch
from .phases import begin_fine_tuning, phase_end, phase_is_over, phase_section, run_is_over
from .pruning import PruningCallback, pruning_is_over
from .trainee import Trainee, make_head_trainee, open_to_any_size


@dataclass(frozen=True)
class FitOptions:
    """What a caller wants of ``fit`` beside the training itself.

    Attributes:
        observer: told how the run goes on.
        callbacks: called after the run's own.
        verbose: of ``fit``.
    """

    observer: Observer = field(default_factory=Observer)
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    verbose: int = 0


def plan(recipe: Recipe, dataset: FaceDataset) -> tuple[int, int]:
    """Return (batch size, steps per epoch) for this recipe on these faces.

    Raises:
        DataError: no training or validation face.
    """
    for name in ("train", "validation"):
        if not len(dataset.splits[name]):
            raise DataError(f"the {name} split is empty", hint="Training needs train and validation faces")
    faces = len(select_faces(dataset.splits["train"].labels, recipe))
    batch = min(recipe.train.batch_size, faces)
    return batch, steps_per_epoch(faces, batch)


def fit_phases(recipe, dataset, run, model, progress, text, options, signals, teacher: Teacher | None = None) -> None:
    """Go through the phases; within one, call ``fit`` for the rest of an interrupted epoch, then for all others.

    Args:
        recipe: of the run.
        dataset: faces.
        run: folder with checkpoints.
        model: the whole network, compiled and in the state of ``progress``.
        progress: where to go on from; changed in place.
        text: the recipe as stored in checkpoints.
        options: what the caller wants beside.
        signals: looked at after each step; one ends this call.
        teacher: whose answers are learned as well, where the recipe names one.

    Raises:
        TrainingError: the loss is not finite.
    """
    _, steps = plan(recipe, dataset)
    make_trainee = partial(_make_trainee, recipe, dataset, run, model, progress, signals, teacher)
    trainee = None
    while not run_is_over(recipe, progress) and signals.received is None:
        if phase_is_over(recipe, progress):
            begin_fine_tuning(recipe, model, run.scratch, progress, steps)
            trainee = None
        trainee = trainee or make_trainee()
        if trainee is not None:
            stopped = _fit_segment(recipe, trainee, run, model, progress, text, options, signals)
            if stopped:
                return
    if recipe.train.average_last and run_is_over(recipe, progress):
        trainee = trainee or make_trainee()
        if trainee is not None:
            batches = _batches(recipe, trainee, progress, progress.epoch * steps, (progress.epoch + 1) * steps)
            settle_average(recipe, run.scratch, model, trainee.model, progress, batches, _validation(recipe, trainee))


def _make_trainee(recipe, dataset, run, model, progress, signals, teacher) -> Trainee | None:
    """The network and its images, or its head and features; None when a signal came meanwhile."""
    if recipe.augmentation.crop:
        twin = open_to_crops(recipe, dataset, model, phase_section(recipe, progress))
        return Trainee(twin, dataset, teacher=teacher)
    if progress.fine_tuning or not recipe.caches_features:
        return Trainee(model, dataset, teacher=teacher)
    batch, steps = plan(recipe, dataset)
    store = FeatureStore(run.scratch, checkpoints.CHECKPOINT_SECONDS)
    trainee = make_head_trainee(
        model,
        dataset,
        recipe.train,
        steps=steps,
        batch_size=batch,
        distill=recipe.distill,
        mirror=recipe.augmentation.horizontal_flip,
        store=store,
        stopped=lambda: signals.received is not None,
    )
    progress.seconds += max(0.0, store.seconds - progress.feature_seconds)
    progress.feature_seconds = max(store.seconds, progress.feature_seconds)
    return trainee and replace(trainee, teacher=teacher)


def open_to_crops(recipe: Recipe, dataset: FaceDataset, model, section):
    """The network as it trains on the crops of a recipe that has them; compiled with ``section``."""
    side = recipe.augmentation.crop_side(dataset.image_size)
    return open_to_any_size(model, side, section, plan(recipe, dataset)[1], recipe.distill)


def _fit_segment(recipe, trainee, run, model, progress, text, options, signals) -> bool:
    """Call ``fit`` once; return whether a callback of the caller has ended the run.

    It ends by overwriting the weights with their average where averaging is on, so the state of the last epoch end is
    put back before the next call.
    """
    _, steps = plan(recipe, trainee.dataset)
    callback = RunCallback(
        model,
        run,
        phase_section(recipe, progress),
        steps,
        progress,
        text,
        _validation(recipe, trainee),
        options.observer,
        signals,
        eligible=lambda: pruning_is_over(recipe, progress, steps),
    )
    first, last = progress.epoch, (progress.epoch + 1 if progress.step else phase_end(recipe, progress))
    with shared_steps():
        trainee.model.fit(
            _batches(recipe, trainee, progress, first * steps + progress.step, last * steps),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps - progress.step,
            callbacks=[*_changing_weights(recipe, model, progress, steps, run), callback, *options.callbacks],
            verbose=options.verbose,
            shuffle=False,  # of arrays; batches come in the order of the run
        )
    if callback.state is None:
        raise TrainingError("training ended before its first epoch was complete")
    restore(model, callback.state)
    return trainee.model.stop_training and not callback.ended


def _validation(recipe: Recipe, trainee: Trainee) -> Callable[[], dict[str, float]]:
    """Return the function that scores the network on the validation faces, with the loss that it learns by."""
    teacher = trainee.teacher
    faces = make_eval_dataset(
        trainee.dataset.splits["validation"],
        classes=len(trainee.dataset.classes),
        batch_size=recipe.evaluate.batch_size,
        soft=True,
        answers=None if teacher is None else teacher.softened(teacher.validation),
    )

    def validate() -> dict[str, float]:
        with whole_batches():
            return trainee.model.evaluate(faces, verbose=0, return_dict=True)

    return validate


def _batches(recipe: Recipe, trainee: Trainee, progress: Progress, start: int, stop: int):
    teacher = trainee.teacher
    answers = None if teacher is None else teacher.softened(teacher.logits)
    return train_batches(
        recipe, trainee.dataset, start, stop, mirrored=trainee.mirrored, shuffle=progress.shuffle, answers=answers
    )


def _changing_weights(recipe: Recipe, model, progress: Progress, steps: int, run) -> list[keras.callbacks.Callback]:
    """What sets weights to zero or averages them, where the recipe wants it; it comes before what looks at weights."""
    if recipe.pruning.sparsity:
        done = progress.epoch * steps + progress.step
        return [PruningCallback(model, recipe.pruning, recipe.train.epochs * steps, done)]
    return [TailAverage(model, recipe.train, run.scratch)] if recipe.train.average_last else []


def train_batches(
    recipe: Recipe, dataset: FaceDataset, start: int, stop: int, *, mirrored=None, shuffle="hashed", answers=None
):
    """The batches of steps ``start`` to ``stop`` of a run, see :func:`.make_train_dataset`."""
    batch, _ = plan(recipe, dataset)
    return make_train_dataset(
        dataset.splits["train"],
        classes=len(dataset.classes),
        augmentation=recipe.augmentation,
        batch_size=batch,
        seed=recipe.train.seed,
        start_step=start,
        stop_step=stop,
        imbalance=recipe.train.imbalance,
        selection=select_faces(dataset.splits["train"].labels, recipe),
        mirrored=mirrored,
        shuffle=shuffle,
        answers=answers,
    )
