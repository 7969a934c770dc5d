"""Train one recipe into one run folder; interruptible after any step and resumable bit for bit."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from ..atomic_files import atomic_path, write_json, write_text
from ..datasets.copies.duplicates import face_digests
from ..datasets.faces import FaceDataset, describe_dataset
from ..devices import accelerators, check_batch, precision, resolve_precision, strategy_scope
from ..errors import RunFolderError, TrainingError
from ..metrics.frames import make_frame
from ..models import build_model, count_macs
from ..models.saving import save_network
from ..models.transfer import WEIGHTS_LATER, find_body, freeze
from ..plotting.axes import draw_history
from ..plotting.results import plot_curves
from ..plotting.style import save_figure
from ..recipe.recipe import Recipe, dump_recipe
from ..runs.history import COLUMNS
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..runs.run_record import git_commit, hardware, now, versions
from .balance import describe_balance
from .callbacks import LoggingObserver, Observer, StoppedBeforeStart, StopSignals
from .checkpoints import Progress, load_best, load_checkpoint, restore
from .distillation import Teacher, ask_teacher
from .fitting import FitOptions, fit_phases, plan
from .fused_normalization import fuse_batch_norms, gains_from_fusing
from .optimization import compile_model, set_average
from .phases import check_fine_tuning, open_base, run_is_over
from .pruning import describe_sparsity
from .small_data import chance_notice, steps_notice, suit_to_faces
from .starting import begin, find_start, learned_faces

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


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

    def to_frame(self) -> pandas.DataFrame:
        """One row for each epoch, with the columns of ``history.csv``.

        Raises:
            InputError: pandas is not installed.
        """
        return make_frame(self.progress.rows, "epoch")

    def plot(self, ax: Axes | None = None, *, metric: str = "accuracy") -> Axes:
        """Draw a metric over the epochs, train and validation.

        Args:
            ax: where to; a new figure by default.
            metric: ``accuracy`` or ``loss``.
        """
        return draw_history(self.progress.rows, ax, metric=metric)


def prepare_model(recipe: Recipe, dataset: FaceDataset) -> keras.Model:
    """Build and compile the recipe's model, seeded, on every visible accelerator."""
    keras.utils.set_random_seed(recipe.train.seed)
    if recipe.train.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    batch, steps = plan(recipe, dataset)
    check_batch(batch)
    with precision(resolve_precision(recipe.train.precision)), strategy_scope():
        if recipe.start.source is None:
            model = build_model(recipe.model, len(dataset.classes), dataset.image_size)
        else:
            model = build_twin(recipe, len(dataset.classes), dataset.image_size)
        check_fine_tuning(recipe, model)
        if gains_from_fusing() and recipe.trains_batch_norm:
            model = fuse_batch_norms(model)
        if recipe.start.freeze:
            freeze(find_body(model), None)
        compile_model(model, recipe.train, steps, distill=recipe.distill)
    return model


def describe_run(recipe: Recipe, dataset: FaceDataset, model: keras.Model, command: str) -> dict:
    """What is known of a run before its first step; the beginning of ``run.json``."""
    batch, steps = plan(recipe, dataset)
    return {
        "model": recipe.model.name,
        "classes": list(dataset.classes),
        "image_size": dataset.image_size,
        "dataset": describe_dataset(dataset),
        "balance": describe_balance(dataset.splits["train"].labels, dataset.classes, recipe),
        "notices": [*recipe.notices, *steps_notice(recipe, dataset)],
        "seed": recipe.train.seed,
        "parameters": int(model.count_params()),
        "trainable_parameters": int(sum(keras.ops.size(v) for v in model.trainable_variables)),
        "macs": count_macs(model),
        "batch_size": batch,
        "steps_per_epoch": steps,
        "shuffle": Progress().shuffle,
        "average": Progress().average,
        "precision": resolve_precision(recipe.train.precision),
        "backend": keras.backend.backend(),
        "hardware": hardware(accelerators()),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
        "started": now(),
    }


def train(
    recipe: Recipe,
    dataset: FaceDataset,
    run: RunFolder | Path | str,
    *,
    command: str = "",
    observer: Observer | None = None,
    model: keras.Model | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
) -> TrainingResult:
    """Train, or go on training, until the recipe's last epoch, early stopping or a signal.

    Args:
        recipe: the resolved recipe, which is made to suit few faces, see :mod:`.small_data`; for a resumed run the one
            in its folder.
        dataset: faces with train and validation splits.
        run: a folder, or its path, that is not there yet, empty, or has checkpoints. A new one appears with its recipe
            in it, just before the first step: a start that dies before leaves the name free.
        command: recorded in ``run.json``.
        observer: told how the run goes on; by default what a person should know is logged.
        callbacks: of Keras, called by ``fit`` after the run's own, so that ``logs`` have ``val_loss`` and
            ``val_accuracy`` at the end of an epoch. One that sets ``stop_training`` ends the run, which is finished
            then; what they keep is theirs, and a resumed run begins with new ones.
        verbose: of ``fit``: 1 shows a bar, in notebooks too, 2 one line an epoch.
        model: what :func:`prepare_model` has just made of recipe and dataset, by a caller that shows it first.

    Raises:
        TrainingError: the loss is not finite, or a checkpoint does not fit.
        RunFolderError: the folder cannot be written, or another process trains in it.

    Example:
        import keras

        stopping = keras.callbacks.EarlyStopping("val_loss", patience=5)
        result = fer_keras.train(own, dataset, "saved_models/mine", callbacks=[stopping], verbose=2)
        result.plot()
        fer_keras.train(small, dataset, "saved_models/small")
    """
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    options = FitOptions(observer or LoggingObserver(), tuple(callbacks), verbose)
    lock = run.lock(patience=0) if run.path.exists() else contextlib.nullcontext()
    with StopSignals() as signals, lock:
        run.settle()
        try:
            return _train(recipe, dataset, run, command, options, signals, model)
        except StoppedBeforeStart as stop:
            return TrainingResult(False, stop.number, Progress())


def _train(recipe, dataset, run, command, options, signals, model) -> TrainingResult:
    observer = options.observer
    if not run.recipe.is_file():  # what was begun goes on with the recipe that it has
        recipe, changes = suit_to_faces(recipe, dataset)
        model = None if changes else model  # one made for other batches has another schedule
        for change in changes:
            observer.on_warning(change)
    teacher = ask_teacher(recipe, dataset, run, observer.on_view, signals.check)
    model, text = model or prepare_model(recipe, dataset), dump_recipe(recipe)
    for notice in (*recipe.notices, *([] if run.recipe.is_file() else steps_notice(recipe, dataset))):
        observer.on_warning(notice)
    progress, started_from = _load_state(recipe, dataset, model, run, text, observer)
    with _begun(run, text, lambda: _with_origin(describe_run(recipe, dataset, model, command), started_from), signals):
        if teacher is not None:
            _note_teacher(run, teacher)
        fit_phases(recipe, dataset, run, model, progress, text, options, signals, teacher)
        if signals.received is not None and not run_is_over(recipe, progress):
            return TrainingResult(False, signals.received, progress)
        _finish(recipe, dataset, run, model, progress)
    return TrainingResult(True, None, progress)


@contextlib.contextmanager
def _begun(run: RunFolder, text: str, describe: Callable[[], dict], signals: StopSignals) -> Iterator[None]:
    """Hold the lock of a folder that has recipe and record; a new one goes again if its first steps fail."""
    new = not run.path.exists()
    if not run.run_json.exists():
        signals.check()
        with run.begin() as draft:
            write_json(draft.run_json, describe())
            write_text(draft.recipe, text)
    with run.lock(patience=0):
        try:
            yield
        except BaseException:
            if new:
                run.discard_unstarted()
            raise


def _with_origin(record: dict, started_from: dict | None) -> dict:
    """Add what a run starts from, and what must be said of it."""
    if started_from is None:
        return record
    return record | {"started_from": started_from, "notices": [*record["notices"], *started_from["notices"]]}


def _note_teacher(run: RunFolder, teacher: Teacher) -> None:
    """Record the teacher before the first step; a resumed run must have the one that it began with.

    Raises:
        TrainingError: another one.
    """
    record = read_run_json(run)
    known = record.setdefault("distilled_from", teacher.description)
    if known["model_sha256"] != teacher.description["model_sha256"]:
        raise TrainingError(
            f"the teacher {known['run']} is not the one that this run began with",
            allowed=f"model.keras with sha256 {known['model_sha256'][:12]}",
            received=teacher.description["model_sha256"][:12],
            hint="Restore the teacher, or start a new run",
        )
    record["notices"] = list(dict.fromkeys([*record["notices"], *known["notices"]]))
    write_json(run.run_json, record)


def _load_state(
    recipe, dataset, model: keras.Model, run: RunFolder, text: str, observer: Observer
) -> tuple[Progress, dict | None]:
    """Return where the run stands and, if it begins only now, what it starts from; the model holds its weights."""
    found = load_checkpoint(run.scratch, text)
    if found is None:
        _refuse_lost_weights(run)
        return Progress(), begin(recipe, dataset, run, model)
    values, progress, warnings = found
    for warning in warnings:
        observer.on_warning(warning)
    if progress.fine_tuning:
        open_base(recipe, model, progress, plan(recipe, dataset)[1])
    set_average(model, progress.average)
    restore(model, values)
    return progress, None


def _refuse_lost_weights(run: RunFolder) -> None:
    """A pruning begins with the weights of another run, in its first checkpoint.

    Raises:
        TrainingError: there is no checkpoint.
    """
    if "pruned_from" in read_run_json(run):
        raise TrainingError(
            f"{run.path} has no checkpoint, and a pruning does not begin with random weights",
            hint="Start it again: fer-keras prune RUN --sparsity S",
        )


def _finish(recipe: Recipe, dataset: FaceDataset, run: RunFolder, model: keras.Model, progress: Progress) -> None:
    """Write everything a finished run holds; the scratch folder goes last, so that a failure can be resumed."""
    load_best(run.scratch, model)
    record = read_run_json(run)
    taught = f", distilled from {record['distilled_from']['run']}" if "distilled_from" in record else ""
    counts = ", ".join(f"{name} n = {len(dataset.splits[name]):,}" for name in ("train", "validation"))
    title = f"{recipe.model.name} on {dataset.name}{taught}\n{counts}; seed {recipe.train.seed}"
    label = "train, augmented faces" if recipe.augmentation.is_active else "train"
    record |= {
        "notices": [*record.get("notices", ()), *chance_notice(progress.rows, recipe, dataset)],
        "finished": now(),
        "epochs_run": progress.epoch,
        "training_seconds": round(progress.seconds, 1),
        "monitor": recipe.train.monitor,
        "best_epoch": progress.best_epoch,
        "best_value": progress.best_value,
        **({"averaged": progress.averaged} if progress.averaged else {}),
        **_describe_phases(recipe, model, progress),
        **({"sparsity": describe_sparsity(model)} if recipe.pruning.sparsity else {}),
    }
    with run.publish() as stage:
        _save_inference_copy(recipe, dataset, model, stage)
        write_text(stage.history, history_csv(progress.rows))
        with atomic_path(stage.training_faces) as scratch:
            np.save(scratch, _learned_faces(recipe, dataset, run))
        figure = plot_curves(progress.rows, title, monitor=recipe.train.monitor, train_label=label)
        save_figure(figure, stage.curves)
        write_json(stage.run_json, record)
    run.drop_scratch()


def _learned_faces(recipe: Recipe, dataset: FaceDataset, run: RunFolder) -> np.ndarray:
    """Digests of all faces that went into the weights, also before this run, as far as that is known."""
    own = face_digests(dataset.splits["train"].images)
    earlier = None
    if recipe.start.source is not None:
        with contextlib.suppress(RunFolderError):  # it may be gone by now
            earlier = learned_faces(find_start(recipe.start.source, run.path.parent))
    return np.unique(own if earlier is None else np.concatenate([own, earlier]))


def _describe_phases(recipe: Recipe, model: keras.Model, progress: Progress) -> dict:
    """What ``run.json`` says of transfer learning; nothing for networks trained from scratch."""
    facts: dict = {}
    if recipe.caches_features:
        facts["cached_features"] = {"seconds": round(progress.feature_seconds, 3)}
    if progress.fine_tuning:
        opened = int(sum(keras.ops.size(v) for v in model.trainable_variables))
        facts["fine_tune"] = {"began_after_epoch": progress.phase_start, "trainable_parameters": opened}
    return facts


def _save_inference_copy(recipe: Recipe, dataset: FaceDataset, model: keras.Model, stage: RunFolder) -> None:
    """Save without the optimizer: ``include_optimizer=False`` is ignored for .keras, an uncompiled twin is not."""
    with precision(resolve_precision(recipe.train.precision)):
        twin = build_twin(recipe, len(dataset.classes), dataset.image_size)
    twin.set_weights(model.get_weights())
    save_network(twin, stage.model)


def build_twin(recipe: Recipe, classes: int, image_size: int = 48) -> keras.Model:
    """The recipe's network with fresh weights: pretrained ones are about to be replaced, so none are fetched."""
    section = recipe.model
    if hasattr(section, "weights"):
        section = section.model_copy(update={"weights": WEIGHTS_LATER})
    return build_model(section, classes, image_size)


def history_csv(rows: list[dict]) -> str:
    """The history as CSV text, one row per epoch."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
