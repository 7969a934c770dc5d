"""Calls of ``fit``: through the phases of a run, from where it was interrupted."""

from __future__ import annotations

import time

from ..datasets.faces import FaceDataset
from ..devices import shared_steps, whole_batches
from ..errors import DataError, TrainingError
from ..recipe.recipe import Recipe
from .balance import select_faces
from .callbacks import RunCallback
from .checkpoints import restore
from .input_pipeline import make_eval_dataset, make_train_dataset, steps_per_epoch
from .phases import begin_fine_tuning, phase_end, phase_is_over, phase_section, run_is_over
from .pruning import PruningCallback, pruning_is_over
from .trainee import Trainee, make_head_trainee, open_to_any_size


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


def fit_phases(recipe, dataset, run, model, progress, text, observer, signals) -> None:
    """Go through the phases; within one, call ``fit`` for the rest of an interrupted epoch, then for all others.

    Args:
        recipe: of the run.
        dataset: faces.
        run: folder with checkpoints.
        model: the whole network, compiled and in the state of ``progress``.
        progress: where to go on from; changed in place.
        text: the recipe as stored in checkpoints.
        observer: told how the run goes on.
        signals: looked at after each step; one ends this call.

    Raises:
        TrainingError: the loss is not finite.
    """
    _, steps = plan(recipe, dataset)
    trainee = None
    while not run_is_over(recipe, progress) and signals.received is None:
        if phase_is_over(recipe, progress):
            begin_fine_tuning(recipe, model, run.scratch, progress, steps)
            trainee = None
        trainee = trainee or _make_trainee(recipe, dataset, run, model, progress, signals)
        if trainee is not None:
            _fit_segment(recipe, trainee, run, model, progress, text, observer, signals)


def _make_trainee(recipe, dataset, run, model, progress, signals) -> Trainee | None:
    """The network and its images, or its head and features; None when a signal came meanwhile."""
    if recipe.augmentation.crop:
        return Trainee(open_to_crops(recipe, dataset, model, phase_section(recipe, progress)), dataset)
    if progress.fine_tuning or not recipe.caches_features:
        return Trainee(model, dataset)
    begin, (batch, steps) = time.perf_counter(), plan(recipe, dataset)
    trainee = make_head_trainee(
        model,
        dataset,
        recipe.train,
        steps=steps,
        batch_size=batch,
        mirror=recipe.augmentation.horizontal_flip,
        stopped=lambda: signals.received is not None,
        folder=run.path,
    )
    seconds = time.perf_counter() - begin
    progress.seconds, progress.feature_seconds = progress.seconds + seconds, progress.feature_seconds + seconds
    return trainee


def open_to_crops(recipe: Recipe, dataset: FaceDataset, model, section):
    """The network as it trains on the crops of a recipe that has them; compiled with ``section``."""
    side = recipe.augmentation.crop_side(dataset.image_size)
    return open_to_any_size(model, side, section, plan(recipe, dataset)[1])


def _fit_segment(recipe, trainee, run, model, progress, text, observer, signals) -> None:
    """Call ``fit`` once.

    It ends by overwriting the weights with their average where averaging is on, so the state of the last epoch end is
    put back before the next call.
    """
    _, steps = plan(recipe, trainee.dataset)
    evaluation = make_eval_dataset(
        trainee.dataset.splits["validation"],
        classes=len(trainee.dataset.classes),
        batch_size=recipe.evaluate.batch_size,
        soft=True,
    )
    callback = RunCallback(
        model,
        run,
        phase_section(recipe, progress),
        steps,
        progress,
        text,
        lambda: _evaluate(trainee.model, evaluation),
        observer,
        signals,
        eligible=lambda: pruning_is_over(recipe, progress, steps),
    )
    first, last = progress.epoch, (progress.epoch + 1 if progress.step else phase_end(recipe, progress))
    begin, end = first * steps + progress.step, last * steps
    with shared_steps():
        trainee.model.fit(
            train_batches(recipe, trainee.dataset, begin, end, mirrored=trainee.mirrored, shuffle=progress.shuffle),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps - progress.step,
            callbacks=[*_pruning(recipe, model, progress, steps), callback],
            verbose=0,
        )
    if callback.state is None:
        raise TrainingError("training ended before its first epoch was complete")
    restore(model, callback.state)


def _evaluate(model, faces) -> dict[str, float]:
    with whole_batches():
        return model.evaluate(faces, verbose=0, return_dict=True)


def _pruning(recipe: Recipe, model, progress, steps: int) -> list[PruningCallback]:
    """What sets weights to zero, where the recipe wants it; first of all callbacks, for the others look at weights."""
    if not recipe.pruning.sparsity:
        return []
    done = progress.epoch * steps + progress.step
    return [PruningCallback(model, recipe.pruning, recipe.train.epochs * steps, done)]


def train_batches(recipe: Recipe, dataset: FaceDataset, start: int, stop: int, *, mirrored=None, shuffle="hashed"):
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
    )
