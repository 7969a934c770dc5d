"""Train one recipe into one run folder; interruptible after any step and resumable bit for bit."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass

import keras

from .callbacks import Observer, RunCallback, StopSignals
from .checkpoints import Progress, load_best, load_checkpoint, restore
from .config import Recipe, dump_recipe
from .datasets.faces import FaceDataset
from .devices import accelerators, precision, resolve_precision, strategy_scope
from .errors import DataError, TrainingError
from .history import COLUMNS
from .input_pipeline import make_eval_dataset, make_train_dataset, steps_per_epoch
from .models import build_model, count_macs
from .optimization import compile_model
from .plotting import plot_curves, save_figure
from .run_folder import RunFolder, atomic_path, write_json, write_text
from .run_record import describe_dataset, git_commit, hardware, now, versions


@dataclass(frozen=True)
class TrainingResult:
    """How a call of :func:`train` ended.

    Attributes:
        finished: False when a signal stopped it; the run can be resumed.
        signal: number of that signal, or None.
        progress: epochs, best value, seconds.
    """

    finished: bool
    signal: int | None
    progress: Progress


def plan(recipe: Recipe, dataset: FaceDataset) -> tuple[int, int]:
    """Return (batch size, steps per epoch) for this recipe on these faces.

    Raises:
        DataError: no training or validation face.
    """
    for name in ("train", "validation"):
        if not len(dataset.splits[name]):
            raise DataError(f"the {name} split is empty", hint="Training needs train and validation faces")
    batch = min(recipe.train.batch_size, len(dataset.splits["train"]))
    return batch, steps_per_epoch(len(dataset.splits["train"]), batch)


def prepare_model(recipe: Recipe, dataset: FaceDataset) -> keras.Model:
    """Build and compile the recipe's model, seeded, on every visible accelerator."""
    keras.utils.set_random_seed(recipe.train.seed)
    if recipe.train.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    _, steps = plan(recipe, dataset)
    with precision(resolve_precision(recipe.train.precision)), strategy_scope():
        model = build_model(recipe.model, len(dataset.classes))
        compile_model(model, recipe.train, steps)
    return model


def describe_run(recipe: Recipe, dataset: FaceDataset, model: keras.Model, command: str) -> dict:
    """What is known of a run before its first step; the beginning of ``run.json``."""
    batch, steps = plan(recipe, dataset)
    return {
        "model": recipe.model.name,
        "classes": list(dataset.classes),
        "dataset": describe_dataset(dataset),
        "seed": recipe.train.seed,
        "parameters": int(model.count_params()),
        "trainable_parameters": int(sum(keras.ops.size(v) for v in model.trainable_variables)),
        "macs": count_macs(model),
        "batch_size": batch,
        "steps_per_epoch": steps,
        "precision": resolve_precision(recipe.train.precision),
        "backend": keras.backend.backend(),
        "hardware": hardware(accelerators()),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
        "started": now(),
    }


def train(
    recipe: Recipe, dataset: FaceDataset, run: RunFolder, *, command: str = "", observer: Observer | None = None
) -> TrainingResult:
    """Train, or go on training, until the recipe's last epoch, early stopping or a signal.

    Args:
        recipe: the resolved recipe; for a resumed run the one in its folder.
        dataset: faces with train and validation splits.
        run: an empty new folder, or one with checkpoints.
        command: recorded in ``run.json``.
        observer: told how the run goes on.

    Raises:
        TrainingError: the loss is not finite, or a checkpoint does not fit.
        RunFolderError: the folder cannot be written.
    """
    observer = observer or Observer()
    model, text = prepare_model(recipe, dataset), dump_recipe(recipe)
    progress = _load_state(model, run, text, observer)
    if not run.run_json.exists():
        write_text(run.recipe, text)
        write_json(run.run_json, describe_run(recipe, dataset, model, command))
    with StopSignals() as signals:
        _fit_segments(recipe, dataset, run, model, progress, text, observer, signals)
    if signals.received is not None and not _is_over(recipe, progress):
        return TrainingResult(False, signals.received, progress)
    _finish(recipe, dataset, run, model, progress)
    return TrainingResult(True, None, progress)


def _is_over(recipe: Recipe, progress: Progress) -> bool:
    patience = recipe.train.early_stop_patience
    return progress.epoch >= recipe.train.epochs or 0 < patience <= progress.waited


def _load_state(model: keras.Model, run: RunFolder, text: str, observer: Observer) -> Progress:
    found = load_checkpoint(run.scratch, text)
    if found is None:
        return Progress()
    values, progress, warnings = found
    for warning in warnings:
        observer.on_warning(warning)
    restore(model, values)
    return progress


def _fit_segments(recipe, dataset, run, model, progress, text, observer, signals) -> None:
    """Call ``fit`` for the rest of an interrupted epoch, then for all others.

    Each ``fit`` ends by overwriting the weights with their average where averaging is on, so the state of
    the last epoch end is put back before the next begins.
    """
    _, steps = plan(recipe, dataset)
    evaluation = make_eval_dataset(
        dataset.splits["validation"], classes=len(dataset.classes), batch_size=recipe.evaluate.batch_size
    )
    while not _is_over(recipe, progress) and signals.received is None:
        callback = RunCallback(
            run,
            recipe.train,
            steps,
            progress,
            text,
            lambda: model.evaluate(evaluation, verbose=0, return_dict=True),
            observer,
            signals,
        )
        first, last = progress.epoch, (progress.epoch + 1 if progress.step else recipe.train.epochs)
        batches = _batches(recipe, dataset, first * steps + progress.step, last * steps)
        model.fit(
            batches,
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps - progress.step,
            callbacks=[callback],
            verbose=0,
        )
        if callback.state is None:
            raise TrainingError("training ended before its first epoch was complete")
        restore(model, callback.state)


def _batches(recipe: Recipe, dataset: FaceDataset, start: int, stop: int):
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
    )


def _finish(recipe: Recipe, dataset: FaceDataset, run: RunFolder, model: keras.Model, progress: Progress) -> None:
    """Write everything a finished run holds; the scratch folder goes last, so that a failure can be resumed."""
    import json

    load_best(run.scratch, model)
    _save_inference_copy(recipe, dataset, model, run)
    write_text(run.history, history_csv(progress.rows))
    title = f"{recipe.model.name} on {dataset.name}"
    save_figure(plot_curves(progress.rows, title, monitor=recipe.train.monitor), run.curves)
    record = json.loads(run.run_json.read_text(encoding="utf-8"))
    record |= {
        "finished": now(),
        "epochs_run": progress.epoch,
        "training_seconds": round(progress.seconds, 1),
        "monitor": recipe.train.monitor,
        "best_epoch": progress.best_epoch,
        "best_value": progress.best_value,
    }
    write_json(run.run_json, record)
    run.write_manifest()
    shutil.rmtree(run.scratch, ignore_errors=True)


def _save_inference_copy(recipe: Recipe, dataset: FaceDataset, model: keras.Model, run: RunFolder) -> None:
    """Save without the optimizer: ``include_optimizer=False`` is ignored for .keras, an uncompiled twin is not."""
    with precision(resolve_precision(recipe.train.precision)):
        twin = build_twin(recipe, len(dataset.classes))
    twin.set_weights(model.get_weights())
    with atomic_path(run.model) as scratch:
        twin.save(scratch)


def build_twin(recipe: Recipe, classes: int) -> keras.Model:
    """The recipe's network with fresh weights: pretrained ones are about to be replaced, so none are fetched."""
    section = recipe.model
    if hasattr(section, "weights"):
        section = section.model_copy(update={"weights": "none"})
    return build_model(section, classes)


def history_csv(rows: list[dict]) -> str:
    """The history as CSV text, one row per epoch."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
