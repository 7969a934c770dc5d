"""``fer-keras train --folds``: what is printed of a cross-validation."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path

import click

from .options import echo_json, show_notices


def train_folds(recipe, dataset, folds: int, name: str | None, output: Path, as_json: bool) -> None:
    """Train every fold into ``output/name`` and print scores and the pooled confusion matrix."""
    from fer_keras.datasets.folds import make_folds
    from fer_keras.training.cross_validation import cross_validate
    from fer_keras.training.train import TrainingResult

    from .progress import ProgressObserver, stop

    parts = make_folds(dataset, folds, seed=recipe.data.split_seed, group_by=recipe.data.group_by)
    place = output / (name or f"{recipe.model.name}-{dataset.name}-folds{folds}")
    command = shlex.join(["fer-keras", *sys.argv[1:]])
    with ExitStack() as stack:

        def make_observer(fold: int) -> ProgressObserver:
            stack.close()  # the bar of the fold before
            click.echo(f"fold {fold} of {folds}", err=True)
            return stack.enter_context(ProgressObserver(recipe.epochs))

        found = cross_validate(recipe, parts, place, command=command, make_observer=make_observer)
    if isinstance(found, TrainingResult):
        from fer_keras.runs.run_folder import RunFolder

        stop(found, RunFolder(place), f"{command}   (with --name {shlex.quote(place.name)})")
    summary = found.summary()
    if as_json:
        echo_json({"folder": str(place), **summary})
        return
    _print(summary, place)


def _print(summary: dict, place: Path) -> None:
    from .progress import print_table

    show_notices(summary["notices"])
    pooled, rows = summary["pooled"], []
    for row in summary["folds"]:
        rows.append(
            (f"fold {row['fold']}", f"accuracy {row['accuracy']:.4f}  macro-F1 {row['macro_f1']:.4f}  n {row['n']:,}")
        )
    for name in ("accuracy", "macro_f1", "balanced_accuracy"):
        rows.append((f"{name.replace('_', ' ')}, mean ± sd", "{mean:.4f} ± {sd:.4f}".format(**summary[name])))
    low, high = pooled["accuracy_ci95"]
    rows.append(
        ("all faces", f"accuracy {pooled['accuracy']:.4f}  (95 % {low:.4f} to {high:.4f}, n = {pooled['n']:,})")
    )
    print_table(f"{place.name}: {len(summary['folds'])} folds", rows)
    _print_matrix(summary)
    print_table("", [("folder", str(place))])


def _print_matrix(summary: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("true \\ predicted", box=None, padding=(0, 2, 0, 0))
    for name in summary["classes"]:
        table.add_column(name.replace("[", "\\["), justify="right")
    for name, counts in zip(summary["classes"], summary["confusion_matrix"], strict=True):
        table.add_row(name.replace("[", "\\["), *(f"{count:,}" for count in counts))
    Console(highlight=False).print(table)
