"""The phases of a run: first as the ``train`` section says, then, if wanted, with layers of the base opened.

The second phase follows the usual two steps of transfer learning (https://keras.io/guides/transfer_learning/): train
the head on the frozen base, then open the base at a low rate; batch normalisation stays in inference mode unless the
recipe says otherwise.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras

from ..atomic_files import atomic_path
from ..devices import scope_of
from ..models.transfer import find_backbone, find_body, first_open_layer, freeze
from ..recipe.recipe import Recipe
from ..recipe.train import TrainSection
from .checkpoints import BEST, Progress, load_best
from .optimization import compile_model, set_average

# The weights that fine-tuning began with: the best ones move on while it runs.
START = "fine_tune_start.npz"


def phase_section(recipe: Recipe, progress: Progress) -> TrainSection:
    """The ``train`` section of the present phase: fine-tuning has its own epochs and rate."""
    if not progress.fine_tuning:
        return recipe.train
    own = {"epochs": recipe.fine_tune.epochs, "learning_rate": recipe.fine_tune.learning_rate}
    return recipe.train.model_copy(update=own)


def phase_end(recipe: Recipe, progress: Progress) -> int:
    """The epoch, counted over the run, that the present phase ends with at the latest."""
    return progress.phase_start + phase_section(recipe, progress).epochs


def phase_is_over(recipe: Recipe, progress: Progress) -> bool:
    """Whether the present phase has reached its last epoch or early stopping."""
    return progress.epoch >= phase_end(recipe, progress) or 0 < recipe.train.early_stop_patience <= progress.waited


def run_is_over(recipe: Recipe, progress: Progress) -> bool:
    """Whether the last phase is over."""
    return phase_is_over(recipe, progress) and (progress.fine_tuning or not recipe.fine_tune.epochs)


def find_base(recipe: Recipe, model: keras.Model) -> keras.Model:
    """What fine-tuning opens: the base inside a transfer network, all but the last layer of another."""
    return find_body(model) if recipe.start.freeze else find_backbone(model)


def check_fine_tuning(recipe: Recipe, model: keras.Model) -> None:
    """Refuse a layer name that the base does not have before the first phase begins.

    Raises:
        ConfigError: naming the key and the nearest layer.
    """
    if recipe.fine_tune.epochs:
        first_open_layer(find_base(recipe, model), recipe.fine_tune.from_layer, "fine_tune.from_layer")


def open_base(recipe: Recipe, model: keras.Model, progress: Progress, steps: int) -> None:
    """Open the base as ``fine_tune`` says and compile again; the optimizer starts anew."""
    with scope_of(model):
        section = recipe.fine_tune
        freeze(
            find_base(recipe, model),
            section.from_layer,
            "fine_tune.from_layer",
            batch_norm_too=section.batch_norm == "frozen" and not recipe.has_random_base,
        )
        compile_model(model, phase_section(recipe, progress), steps, distill=recipe.distill)
        set_average(model, progress.average)


def begin_fine_tuning(recipe: Recipe, model: keras.Model, folder: Path, progress: Progress, steps: int) -> None:
    """Go from the first phase to the second, with the best weights of the first; ``progress`` is changed in place.

    Args:
        recipe: of the run.
        model: the whole network, compiled for the first phase.
        folder: of the checkpoints.
        progress: at the end of the first phase.
        steps: of an epoch.
    """
    if not (folder / START).exists() and (folder / BEST).exists():
        with atomic_path(folder / START) as scratch:
            shutil.copyfile(folder / BEST, scratch)
    load_best(folder, model, START)
    progress.fine_tuning, progress.phase_start = True, progress.epoch
    progress.waited = progress.plateau_waited = 0
    progress.rate_scale = 1.0
    open_base(recipe, model, progress, steps)
