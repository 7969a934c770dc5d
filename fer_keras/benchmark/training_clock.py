"""Where the time of a training goes, as seen from its steps and epochs; stops it at a validation score or a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from ..training.callbacks import Observer


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
