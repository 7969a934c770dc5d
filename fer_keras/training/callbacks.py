"""What happens between steps and epochs: rates, validation, best weights, checkpoints, stopping."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import keras

from ..errors import TrainingError
from ..recipe.train import TrainSection
from ..runs.run_folder import RunFolder
from . import checkpoints
from .checkpoints import Progress, averaged_weights, capture, is_better, save_best, save_checkpoint

METRICS = ("loss", "accuracy")


class Observer:
    """Told how a run goes on; the command line draws progress from it. Every method may be left as it is."""

    def on_step(self, epoch: int, step: int, steps: int, logs: dict) -> None:
        """``step`` of ``steps`` of ``epoch`` (from 1) is done."""

    def on_epoch(self, row: dict, best: bool) -> None:
        """An epoch is done; ``row`` goes to history.csv."""

    def on_view(self, teacher: str, done: int, views: int) -> None:
        """``teacher`` has answered ``done`` of ``views`` augmented epochs, before the first step."""

    def on_warning(self, text: str) -> None:
        """Something a person should know."""


class LoggingObserver(Observer):
    """Logs what a person should know, for programs that have no observer of their own."""

    def on_warning(self, text: str) -> None:
        logging.getLogger("fer_keras").warning(text)


# Of the signals that end a process; the last is what a closed terminal or a lost connection sends, and Windows lacks.
_SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]


class StoppedBeforeStart(Exception):  # noqa: N818  somebody's wish
    """A signal came before the run had a folder; ``number`` is that of the signal."""

    def __init__(self, number: int):
        super().__init__(f"stopped by signal {number} before the first step")
        self.number = number


class StopSignals:
    """Within the block, Ctrl-C, SIGTERM and SIGHUP only set ``received``; a second signal stops at once.

    SIGHUP stays ignored where it is, as ``nohup`` wants it.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict = {}

    def _note(self, number, frame):
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number

    def check(self) -> None:
        """End what goes on before the first step.

        Raises:
            StoppedBeforeStart: a signal has come.
        """
        if self.received is not None:
            raise StoppedBeforeStart(self.received)

    def __enter__(self):
        for number in _SIGNALS:
            if number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) == signal.SIG_IGN:
                continue
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:  # not in the main thread: the caller's own handling stays
                break
        return self

    def __exit__(self, *exc):
        for number, handler in self._before.items():
            signal.signal(number, handler)


class RunCallback(keras.callbacks.Callback):
    """Runs one segment of ``fit`` and keeps :class:`Progress` true.

    Args:
        whole: the network whose state is kept; ``fit`` may work on its head only.
        run: where checkpoints go.
        train: the section of the present phase.
        steps: steps of a whole epoch.
        progress: state to go on from; changed in place.
        recipe_text: stored in each checkpoint, so that it is never resumed under another recipe.
        validate: returns ``loss`` and ``accuracy`` on the validation split.
        observer: told about every step and epoch.
        signals: looked at after each step.
        eligible: whether the weights of the epoch that ends may be the best ones.
    """

    def __init__(
        self,
        whole: keras.Model,
        run: RunFolder,
        train: TrainSection,
        steps: int,
        progress: Progress,
        recipe_text: str,
        validate: Callable[[], dict],
        observer: Observer,
        signals: StopSignals,
        eligible: Callable[[], bool] = lambda: True,
    ):
        super().__init__()
        self.eligible = eligible
        self.whole, self.run, self.train, self.steps, self.progress = whole, run, train, steps, progress
        self.recipe_text, self.validate, self.observer, self.signals = recipe_text, validate, observer, signals
        self.state: list | None = None
        self.ended = False
        self._clock = self._saved = 0.0

    def on_train_begin(self, logs=None):
        self._clock, self._saved = time.perf_counter(), time.monotonic()

    def _lap(self) -> float:
        now = time.perf_counter()
        elapsed, self._clock = now - self._clock, now
        self.progress.seconds += elapsed
        return elapsed

    def on_epoch_begin(self, epoch, logs=None):
        if self.train.schedule != "cosine":
            self.model.optimizer.learning_rate = self._epoch_rate()

    def _epoch_rate(self) -> float:
        """Linear warm-up by whole epochs, then the base rate times all cuts."""
        done = (self.progress.epoch - self.progress.phase_start + 1) / (self.train.warmup_epochs + 1)
        return self.train.learning_rate * min(1.0, done) * self.progress.rate_scale

    def on_train_batch_end(self, batch, logs=None):
        step = self.progress.step + batch + 1
        means = {name: float(logs[name]) for name in METRICS}
        if not math.isfinite(means["loss"]):
            raise TrainingError(
                f"the loss is {means['loss']} at epoch {self.progress.epoch + 1}, step {step}",
                hint="Lower train.learning_rate or set train.gradient_clip=1.0",
            )
        if self.signals.received is None:  # else saving comes first: the terminal may be gone
            self.observer.on_step(self.progress.epoch + 1, step, self.steps, means)
        if step < self.steps and self.signals.received is not None:
            self._interrupt(step, batch + 1, means)
        elif step < self.steps and time.monotonic() - self._saved >= checkpoints.CHECKPOINT_SECONDS:
            self._save(self._within_epoch(step, batch + 1, means))

    def _sums(self, steps: int, means: dict) -> dict:
        """Add the means over the last ``steps`` steps to the sums from before an interruption."""
        return {name: self.progress.partial.get(name, 0.0) + steps * means[name] for name in METRICS}

    def _within_epoch(self, step: int, since_start: int, means: dict) -> Progress:
        """What a run that goes on from this step must know."""
        elapsed = time.perf_counter() - self._clock
        partial = self._sums(since_start, means)
        partial["seconds"] = self.progress.partial.get("seconds", 0.0) + elapsed
        return replace(self.progress, partial=partial, step=step, seconds=self.progress.seconds + elapsed)

    def _interrupt(self, step: int, since_start: int, means: dict) -> None:
        stopped = self._within_epoch(step, since_start, means)
        self.progress.partial, self.progress.step = stopped.partial, stopped.step
        self.progress.seconds = stopped.seconds
        self._save(self.progress)
        self._end()

    def _save(self, progress: Progress) -> None:
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.state = capture(self.whole)
        save_checkpoint(self.run.scratch, self.state, progress, self.recipe_text)
        self._saved = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if self.signals.received is not None and self.model.stop_training:
            return
        row = self._finish_epoch(logs)
        logs |= {name: row[name] for name in ("val_loss", "val_accuracy")}  # for the callbacks behind this one
        self._save(self.progress)
        self.observer.on_epoch(row, self.progress.best_epoch == self.progress.epoch)
        if self.signals.received is not None or self._exhausted():
            self._end()

    def _end(self) -> None:
        self.ended = self.model.stop_training = True

    def _exhausted(self) -> bool:
        return 0 < self.train.early_stop_patience <= self.progress.waited

    def _finish_epoch(self, logs: dict) -> dict:
        progress = self.progress
        sums = self._sums(self.steps - progress.step, {name: float(logs[name]) for name in METRICS})
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        with averaged_weights(self.whole):
            scores = self.validate()
            self._keep_best(scores)
        progress.epoch, progress.step = progress.epoch + 1, 0
        seconds = progress.partial.get("seconds", 0.0) + self._lap()
        progress.partial = {}
        row = {
            "epoch": progress.epoch,
            "seconds": round(seconds, 3),
            "learning_rate": rate,
            **{name: sums[name] / self.steps for name in METRICS},
            **{f"val_{name}": float(scores[name]) for name in METRICS},
        }
        progress.rows.append(row)
        return row

    def _keep_best(self, scores: dict) -> None:
        if not self.eligible():
            return
        progress, value = self.progress, float(scores[self.train.monitor.removeprefix("val_")])
        if is_better(self.train.monitor, value, progress.best_value):
            save_best(self.run.scratch, self.whole)
            progress.best_epoch, progress.best_value = progress.epoch + 1, value
            progress.waited = progress.plateau_waited = 0
            return
        progress.waited += 1
        progress.plateau_waited += 1
        if self.train.schedule == "plateau" and progress.plateau_waited >= self.train.plateau_patience:
            progress.rate_scale *= self.train.plateau_factor
            progress.plateau_waited = 0
