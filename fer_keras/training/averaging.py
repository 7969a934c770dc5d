"""The mean of the weights over the last part of a run (Izmailov et al. 2018, arXiv:1803.05407).

The weights of each epoch end in that part, whose rate stays constant, enter one mean. It has no statistics of batch
normalisation of its own: these are measured on an epoch of training pictures, when the run is over. Then the mean and
the best epoch are compared on the validation split, and the better of the two becomes the model. Backend-neutral.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np

from ..errors import TrainingError
from ..recipe.recipe import Recipe
from ..recipe.train import TrainSection
from .checkpoints import Progress, is_better, read_values, save_best, write_values

_FILE = "average-{:05d}.npz"
# A checkpoint may be the one before the last, which goes on from the mean before the last.
_KEPT = 3


class TailAverage(keras.callbacks.Callback):
    """Adds the weights of each epoch end to the mean, in a file per epoch beside the checkpoints.

    Args:
        whole: the network; ``fit`` may work on a part of it.
        train: the section with ``average_last``.
        folder: of the checkpoints.
    """

    def __init__(self, whole: keras.Model, train: TrainSection, folder: Path):
        super().__init__()
        self.whole, self.begins, self.folder = whole, train.falling_epochs, folder

    def on_epoch_end(self, epoch, logs=None):
        if self.model.stop_training or epoch < self.begins:  # interrupted within the epoch, or before the last part
            return
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        values = [
            keras.ops.convert_to_numpy(variable).astype(np.float64) for variable in self.whole.trainable_variables
        ]
        count = epoch + 1 - self.begins
        if count > 1:
            mean, _ = _read_mean(self.folder, epoch)
            values = [old + (new - old) / count for old, new in zip(mean, values, strict=True)]
        write_values(self.folder / _FILE.format(epoch + 1), values, {"count": count})
        (self.folder / _FILE.format(epoch + 1 - _KEPT)).unlink(missing_ok=True)


def _read_mean(folder: Path, epoch: int) -> tuple[list[np.ndarray], dict]:
    try:
        return read_values(folder / _FILE.format(epoch))
    except ValueError as error:
        raise TrainingError(f"the mean of the weights in {folder} cannot be read: {error}") from error


def settle_average(
    recipe: Recipe,
    folder: Path,
    model: keras.Model,
    trained: keras.Model,
    progress: Progress,
    batches: Iterable,
    validate: Callable[[], dict],
) -> None:
    """Score the mean and make it the best weights if it is; ``progress`` says what came of it.

    Args:
        recipe: of a run whose last epoch is over.
        folder: of the checkpoints.
        model: the whole network; afterwards it holds the mean.
        trained: what ``fit`` works on, which shares its layers.
        progress: changed in place.
        batches: training batches, pictures first, that the statistics of batch normalisation are measured on.
        validate: returns ``loss`` and ``accuracy`` on the validation split.

    Raises:
        TrainingError: the file of the mean is missing or damaged.
    """
    mean, meta = _read_mean(folder, progress.epoch)
    for variable, weights in zip(model.trainable_variables, mean, strict=True):
        variable.assign(weights.astype(np.float32))
    for pictures, *_ in batches:
        trained(keras.ops.convert_to_tensor(np.asarray(pictures)), training=True)
    scores = validate()
    value = float(scores[recipe.train.monitor.removeprefix("val_")])
    chosen = is_better(recipe.train.monitor, value, progress.best_value)
    progress.averaged = {
        "epochs": meta["count"],
        "value": value,
        "best_epoch_value": progress.best_value,
        "chosen": chosen,
    }
    if chosen:
        save_best(folder, model)
        progress.best_epoch, progress.best_value = progress.epoch, value
