"""Magnitude pruning while training: the smallest weights become zero, a few more every few steps, and stay zero.

Method: Zhu & Gupta 2017, "To prune, or not to prune" (arXiv:1710.01878). Backend-neutral. A mask is never stored: it is
where a kernel is not zero, so that a checkpoint of the weights is all that a resumed run needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from ..errors import TrainingError
from ..recipe.pruning import PruningSection
from ..recipe.recipe import Recipe
from .checkpoints import Progress
from .optimization import inner_optimizer

# Kernels of matrix products. Depthwise kernels, biases and normalisation hold few weights, each of which matters.
_KERNELS = {
    keras.layers.Conv2D: "kernel",
    keras.layers.Dense: "kernel",
    keras.layers.SeparableConv2D: "pointwise_kernel",
}


@dataclass(frozen=True)
class Kernel:
    """One tensor of weights that can be pruned.

    Attributes:
        name: of its layer; nested models come before it, as in ``base/conv1``.
        variable: the weights.
    """

    name: str
    variable: keras.Variable

    def values(self) -> np.ndarray:
        """A copy of the weights."""
        return keras.ops.convert_to_numpy(self.variable)


def find_kernels(model: keras.Model, section: PruningSection) -> list[Kernel]:
    """Trainable kernels of Conv2D, Dense and the pointwise part of SeparableConv2D, in forward order.

    Without ``first_layer`` and ``last_layer`` the two kernels at the ends are left out: they hold few weights, and the
    whole network depends on them.

    Raises:
        TrainingError: nothing is left.
    """
    kernels = list(_walk(model, ""))
    kept = kernels[0 if section.first_layer else 1 :]
    kept = kept if section.last_layer else kept[:-1]
    kept = [kernel for kernel in kept if kernel.variable.trainable]
    if not kept:
        raise TrainingError(
            f"model {model.name!r} has no kernel to prune",
            hint="Set pruning.first_layer=true and pruning.last_layer=true, or open the base (model.fine_tune_from)",
        )
    return kept


def _walk(model: keras.Model, prefix: str):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _walk(layer, f"{prefix}{layer.name}/")
        for kind, attribute in _KERNELS.items():
            if isinstance(layer, kind):
                yield Kernel(prefix + layer.name, getattr(layer, attribute))


def schedule_steps(section: PruningSection, total_steps: int) -> tuple[int, int]:
    """First and last step of the schedule, counted from 1 over the whole run; the last one is a step of the run."""
    last = max(1, round(section.end * total_steps))
    return min(max(1, round(section.begin * total_steps)), last), last


def sparsity_at(step: int, section: PruningSection, total_steps: int) -> float:
    """Fraction of zeros wanted after ``step`` steps: rises fast, then slowly (Zhu & Gupta 2017, equation 1)."""
    first, last = schedule_steps(section, total_steps)
    if step >= last:  # also where the schedule is one step long
        return section.sparsity
    if step < first:
        return 0.0
    left = 1 - (step - first) / (last - first)
    return section.sparsity + (section.initial_sparsity - section.sparsity) * left**3


def pruning_is_over(recipe: Recipe, progress: Progress, steps: int) -> bool:
    """Whether the schedule has ended with the epoch after ``progress.epoch``: earlier weights are not yet sparse.

    Args:
        recipe: of the run; always true without pruning.
        progress: before that epoch is counted.
        steps: of an epoch.
    """
    if not recipe.pruning.sparsity:
        return True
    _, last = schedule_steps(recipe.pruning, recipe.train.epochs * steps)
    return (progress.epoch + 1) * steps >= last


def make_masks(weights: Sequence[np.ndarray], sparsity: float, scope: str) -> list[np.ndarray]:
    """Choose the weights that stay: all but the smallest magnitudes.

    Args:
        weights: kernels of any shapes.
        sparsity: fraction to set to zero, rounded to whole weights.
        scope: ``layer`` prunes this fraction of each kernel, as in the paper; ``global`` of all kernels together, so
            that layers with large weights keep more of them.

    Returns:
        Boolean masks of the same shapes, True where a weight stays.
    """
    magnitudes = [np.abs(values).ravel() for values in weights]
    if scope == "layer":
        kept = [_largest(values, sparsity) for values in magnitudes]
    else:
        joined = _largest(np.concatenate(magnitudes), sparsity)
        kept = np.split(joined, np.cumsum([len(values) for values in magnitudes])[:-1])
    return [mask.reshape(values.shape) for mask, values in zip(kept, weights, strict=True)]


def _largest(magnitudes: np.ndarray, sparsity: float) -> np.ndarray:
    """(n,) bool; zeros are the smallest of all, so that a pruned weight stays pruned."""
    count = round(sparsity * len(magnitudes))
    kept = np.ones(len(magnitudes), bool)
    kept[np.argpartition(magnitudes, count - 1)[:count] if count else []] = False
    return kept


class PruningCallback(keras.callbacks.Callback):
    """Sets weights to zero after each optimizer step; must stand before the callbacks that look at the weights.

    The moving averages of the weights, where the optimizer keeps any, are masked too: they end up in the best model.

    Args:
        whole: compiled network; ``fit`` may work on its head only.
        section: of the recipe.
        total_steps: of the whole run.
        done_steps: before this call of ``fit``.
    """

    def __init__(self, whole: keras.Model, section: PruningSection, total_steps: int, done_steps: int = 0):
        super().__init__()
        self.whole, self.section, self.total_steps, self.step = whole, section, total_steps, done_steps
        self.kernels = find_kernels(whole, section)
        self._averages = _averages(whole, self.kernels)
        self._masks: list = []

    def on_train_begin(self, logs=None):
        self._set_masks([kernel.values() != 0 for kernel in self.kernels])

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        if self._is_due():
            wanted = sparsity_at(self.step, self.section, self.total_steps)
            # Masked first: the optimizer has just moved the zeros, and they must not come back.
            self._apply()
            self._set_masks(make_masks([kernel.values() for kernel in self.kernels], wanted, self.section.scope))
        self._apply()

    def _is_due(self) -> bool:
        first, last = schedule_steps(self.section, self.total_steps)
        return first <= self.step <= last and (self.step == last or (self.step - first) % self.section.frequency == 0)

    def _set_masks(self, masks: list[np.ndarray]) -> None:
        for kernel, mask in zip(self.kernels, masks, strict=True):
            if not mask.any():
                raise TrainingError(
                    f"pruning would leave no weight in layer {kernel.name}",
                    hint="Lower pruning.sparsity, or set pruning.scope=layer",
                )
        self._masks = [keras.ops.convert_to_tensor(mask) for mask in masks]

    def _apply(self) -> None:
        # Chosen, not multiplied: a product of zero and a negative weight is -0.0, which does not compress.
        for variables in ([kernel.variable for kernel in self.kernels], self._averages):
            for variable, mask in zip(variables, self._masks, strict=False):
                variable.assign(keras.ops.where(mask, variable, keras.ops.zeros_like(variable)))


def _averages(model: keras.Model, kernels: Sequence[Kernel]) -> list[keras.Variable]:
    """The moving averages of the kernels; none where the optimizer keeps none."""
    optimizer = inner_optimizer(model.optimizer)
    if not optimizer.use_ema:
        return []
    by_variable = {
        id(variable): average
        for variable, average in zip(model.trainable_variables, optimizer._model_variables_moving_average, strict=True)
    }
    return [by_variable[id(kernel.variable)] for kernel in kernels]


def describe_sparsity(model: keras.Model) -> dict:
    """Count the zeros of a network.

    Returns:
        ``layers`` (for each kernel that pruning knows, in forward order: ``layer, weights, zeros, sparsity``),
        ``kernels`` (the same keys but the name, of all of them) and ``parameters`` (of every variable of the network).
    """
    rows = [{"layer": kernel.name, **_count([kernel.values()])} for kernel in _walk(model, "")]
    return {
        "layers": rows,
        "kernels": _count([kernel.values() for kernel in _walk(model, "")]),
        "parameters": _count([np.asarray(values) for values in model.get_weights()]),
    }


def _count(arrays: Sequence[np.ndarray]) -> dict:
    weights = sum(values.size for values in arrays)
    zeros = int(sum((values == 0).sum() for values in arrays))
    return {"weights": weights, "zeros": zeros, "sparsity": zeros / weights if weights else 0.0}
