"""Training state on disk: one atomic file, from which a run goes on bit for bit. Backend-neutral."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..atomic_files import atomic_path
from ..errors import ConfigError, TrainingError
from ..recipe.recipe import make_recipe
from ..recipe.strict_yaml import parse_yaml
from .optimization import inner_optimizer

LATEST, PREVIOUS, BEST = "latest.npz", "previous.npz", "best.npz"
# Between checkpoints within an epoch, or within the computation of features: what a kill costs at most.
CHECKPOINT_SECONDS = 120.0


@dataclass
class Progress:
    """Where a run stands: everything that is not a variable.

    Attributes:
        epoch: finished epochs.
        step: finished steps of the epoch after those.
        partial: sums over those steps, for the history row of the interrupted epoch.
        best_epoch: epoch (from 1) of the best monitored value, 0 before the first.
        best_value: that value.
        waited: epochs since then, for early stopping.
        plateau_waited: epochs since the last improvement or rate cut.
        rate_scale: product of all rate cuts.
        seconds: training time so far, validation included.
        fine_tuning: whether the second phase has begun.
        phase_start: epochs before the present phase.
        feature_seconds: the part of ``seconds`` that went into cached features.
        rows: the history.
        averaged: what came of the mean of the last epochs, see :mod:`fer_keras.training.averaging`.
        shuffle: how the order of the faces is drawn, see :func:`fer_keras.training.input_pipeline.make_train_dataset`.
        average: how weights are averaged, ``warmed`` or ``plain``, see :mod:`fer_keras.training.weight_average`.
    """

    # Strict, so that a damaged number is no other number; NaN is what a diverged run has in its history.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")
    epoch: int = 0
    step: int = 0
    partial: dict = field(default_factory=dict)
    best_epoch: int = 0
    best_value: float | None = None
    waited: int = 0
    plateau_waited: int = 0
    rate_scale: float = 1.0
    seconds: float = 0.0
    fine_tuning: bool = False
    phase_start: int = 0
    feature_seconds: float = 0.0
    rows: list = field(default_factory=list)
    averaged: dict = field(default_factory=dict)
    shuffle: str = "hashed"
    average: str = "warmed"


# How runs were trained before a way of training had a name in their checkpoints: they end as they began.
_EARLIER = {"shuffle": "unhashed", "average": "plain"}
_PROGRESS = TypeAdapter(Progress)
_TEXT = TypeAdapter(str)


def is_better(monitor: str, value: float, best: float | None) -> bool:
    """Whether a value of what is monitored is better than the best one; one that is not a number never is."""
    sign = 1 if monitor == "val_accuracy" else -1
    return math.isfinite(value) and (best is None or sign * value > sign * best)


def _variables(model: keras.Model) -> list:
    """Weights, batch-norm statistics, dropout seeds, then the optimizer's (moments, averages, step)."""
    return [*model.variables, *model.optimizer.variables]


def capture(model: keras.Model) -> list[np.ndarray]:
    """Copy all variables of a compiled model to memory."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    return [keras.ops.convert_to_numpy(variable).copy() for variable in _variables(model)]


def restore(model: keras.Model, values: list[np.ndarray]) -> None:
    """Put :func:`capture`'s copy back.

    Raises:
        TrainingError: the values belong to another model or optimizer.
    """
    variables = _variables(model)
    expected = [tuple(v.shape) for v in variables]
    if expected != [v.shape for v in values]:
        raise TrainingError(
            "the checkpoint does not fit the recipe's model and optimizer",
            hint="Resume with the recipe.yaml of the run, unchanged",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within the block the model holds the moving average of its weights; afterwards the exact weights again.

    Keras' SwapEMAWeights swaps by adding and subtracting, which changes the weights by rounding; a resumed run
    would then not be the same run.
    """
    optimizer = inner_optimizer(model.optimizer)
    if not optimizer.use_ema or int(keras.ops.convert_to_numpy(optimizer.iterations)) == 0:
        yield
        return
    trainable = model.trainable_variables
    own = [keras.ops.convert_to_numpy(v).copy() for v in trainable]
    for variable, average in zip(trainable, optimizer._model_variables_moving_average, strict=True):
        variable.assign(keras.ops.convert_to_numpy(average))
    try:
        yield
    finally:
        for variable, value in zip(trainable, own, strict=True):
            variable.assign(value)


def write_values(path: Path, values: list[np.ndarray], meta: dict) -> None:
    """Write arrays and plain data into one file, whole or not at all."""
    arrays = {f"v{index:05d}": value for index, value in enumerate(values)}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    with atomic_path(path) as scratch, open(scratch, "wb") as handle:
        # numpy names one more keyword, and mypy takes it that any of the arrays may be that one.
        np.savez(handle, **arrays)  # type: ignore[arg-type]


def read_values(path: Path) -> tuple[list[np.ndarray], dict]:
    """Read values and meta; the zip's checksums catch damage.

    Raises:
        ValueError: missing or damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            names = sorted(name for name in archive.files if name != "meta")
            values, meta = [archive[name] for name in names], json.loads(archive["meta"].tobytes())
    except MemoryError:
        raise
    except Exception as error:  # damaged archives raise at least seven unrelated types
        reason = str(error).strip().partition("\n")[0][:200]
        raise ValueError(f"{type(error).__name__}: {reason}") from error
    if not isinstance(meta, dict):
        raise ValueError("its meta data is no object")
    return values, meta


def _read_checkpoint(path: Path) -> tuple[list[np.ndarray], Progress, str]:
    """Values, progress and recipe of one checkpoint.

    Raises:
        ValueError: missing, damaged, or none of this project.
    """
    values, meta = read_values(path)
    try:
        progress = _PROGRESS.validate_json(json.dumps(_EARLIER | meta["progress"]))
        return values, progress, _TEXT.validate_python(meta["recipe"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"its meta data lacks {error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"its {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def save_checkpoint(folder: Path, values: list[np.ndarray], progress: Progress, recipe: str) -> None:
    """Write the newest state; the one before it is kept in case the disk damages the newest."""
    latest = folder / LATEST
    if latest.exists():
        latest.replace(folder / PREVIOUS)
    write_values(latest, values, {"progress": asdict(progress), "recipe": recipe})


def _say_the_same(one: str, other: str) -> bool:
    """Compare what two recipes mean: a key that a later version added has the value that keeps the old behaviour."""
    where = "recipe of a checkpoint"
    try:
        return one == other or make_recipe(parse_yaml(one, where)) == make_recipe(parse_yaml(other, where))
    except ConfigError:
        return False


def load_checkpoint(folder: Path, recipe: str) -> tuple[list[np.ndarray], Progress, list[str]] | None:
    """Return values, progress and warnings of the newest sound checkpoint, or None where there is none.

    Raises:
        TrainingError: it was written under another recipe, or every checkpoint is damaged.
    """
    warnings: list[str] = []
    for name in (LATEST, PREVIOUS):
        if not (folder / name).exists():
            continue
        try:
            values, progress, written = _read_checkpoint(folder / name)
        except ValueError as error:
            warnings.append(f"checkpoint {name} is damaged ({error}); trying the one before it")
            continue
        if not _say_the_same(written, recipe):
            raise TrainingError(
                "the checkpoint was written under another recipe", hint="Restore recipe.yaml, or start a new run"
            )
        return values, progress, warnings
    if warnings:
        raise TrainingError(f"no sound checkpoint in {folder}", hint="Start the run again under another name")
    return None


def save_best(folder: Path, model: keras.Model) -> None:
    """Keep the model's present weights (averaged ones, if the caller swapped them in) as the best so far."""
    write_values(folder / BEST, [keras.ops.convert_to_numpy(v) for v in model.variables], {})


def load_best(folder: Path, model: keras.Model, name: str = BEST) -> None:
    """Put the best weights, or another copy of them, into the model.

    Raises:
        TrainingError: no epoch had a finite value of what is monitored, so that none is the best; or the file is
            damaged.
    """
    if not (folder / name).exists():
        raise TrainingError(
            "no epoch can be the best one: the monitored value was never a finite number",
            hint="Lower train.learning_rate or set train.gradient_clip=1.0",
        )
    try:
        values, _ = read_values(folder / name)
    except ValueError as error:
        raise TrainingError(f"the best weights in {folder} cannot be read: {error}") from error
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
