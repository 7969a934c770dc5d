"""What people see while a run trains: a bar with time left, and one line per epoch."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fer_keras.errors import printable
from fer_keras.training.callbacks import Observer

if TYPE_CHECKING:
    from fer_keras.runs.run_folder import RunFolder
    from fer_keras.training.train import TrainingResult


def _drawing(method):
    """Let a method that draws go on where the terminal is gone."""

    @functools.wraps(method)
    def draw(*arguments):
        with contextlib.suppress(OSError):
            method(*arguments)

    return draw


class ProgressObserver(Observer):
    """Draws on stderr; without a terminal only the line per epoch is printed.

    A terminal that is gone, as after a lost connection, ends the drawing and not the training.
    """

    def __init__(self, epochs: int, done: int = 0):
        self.console = Console(stderr=True, highlight=False)
        self.epochs, self.done, self.task = epochs, done, None
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}% {task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=self.console,
            disable=not self.console.is_terminal,
            speed_estimate_period=600,
        )

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *exc):
        with contextlib.suppress(OSError):
            self.bar.stop()

    @_drawing
    def on_step(self, epoch, step, steps, logs):
        position = (epoch - 1) * steps + step
        if self.task is None:
            self.task = self.bar.add_task("", total=self.epochs * steps, completed=position - 1, note="")
        note = f"loss {logs['loss']:.3f} accuracy {logs['accuracy']:.3f}"
        self.bar.update(self.task, completed=position, description=f"epoch {epoch}/{self.epochs}", note=note)

    @_drawing
    def on_epoch(self, row, best):
        train, validation = (f"{row[f'{key}loss']:.4f}, {row[f'{key}accuracy']:.2%}" for key in ("", "val_"))
        self.bar.console.print(  # at most 80 columns
            f"epoch {row['epoch']:>3}/{self.epochs}  loss {train}  val {validation}  "
            f"{row['seconds']:.0f} s  {time.strftime('%H:%M')}" + ("  [bold]best[/bold]" if best else "")
        )

    @_drawing
    def on_view(self, teacher, done, views):
        if done < views:
            self.bar.console.print(f"teacher {teacher}: view {done + 1} of {views}  {time.strftime('%H:%M:%S')}")

    @_drawing
    def on_warning(self, text):
        self.bar.console.print(f"[yellow]{text}[/yellow]")


def stop(result: TrainingResult, run: RunFolder, again: str) -> NoReturn:
    """End the command after a signal: say how far it came, and the command that goes on."""
    progress = result.progress
    text = f"Stopped after epoch {progress.epoch}, step {progress.step}; nothing is lost.\nGo on with:  {again}"
    if not run.recipe.exists():
        text = "Stopped before the first step; nothing was written. Give the same command again."
    with contextlib.suppress(OSError):  # a terminal that is gone
        click.echo(text, err=True)
    sys.exit(128 + (result.signal or 0))


def print_table(title: str, rows: list[tuple[str, str]], *, stderr: bool = False) -> None:
    """Print names and values as a small table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text("\n".join(map(printable, value.split("\n")))))  # names are no markup
    console = Console(stderr=stderr, highlight=False)
    if title:
        console.print(title, style="italic", markup=False)
    console.print(table)
