"""``fer-keras prune``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from ..options import data_option, echo_json, import_tensorflow, json_option, show_notices


@click.command("prune")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--sparsity", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Fraction of zeros.")
@click.option("--epochs", type=click.IntRange(1, 10_000), default=3, show_default=True, help="Of fine-tuning.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Default: a tenth of the run's.")
@click.option(
    "--scope",
    type=click.Choice(["global", "layer"]),
    default="global",
    show_default=True,
    help="The smallest weights of all layers together, or of each layer.",
)
@click.option("--ends", is_flag=True, help="Prune the first and the last layer too.")
@data_option
@click.option("--name", help="Name of the new run folder. Default: run, sparsity, time.")
@click.option("--output", type=click.Path(path_type=Path), default="saved_models", show_default=True, help="Where.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="NEW", help="Go on with an interrupted pruning.")
@json_option
@click.pass_context
def command(ctx, run, sparsity, epochs, learning_rate, scope, ends, data, name, output, resume, as_json):
    """Fine-tune a finished run while pruning it (Zhu & Gupta 2017), into a new run folder.

    A few more of the smallest weights become zero every few steps of the first half and stay zero. Says what it cost
    (validation accuracy) and saved (bytes of the files, packed), in pruning.json too.

    \b
    fer-keras prune saved_models/RUN --sparsity 0.8 --epochs 3 --data fer2013.csv --name RUN-80
    fer-keras prune saved_models/RUN --resume saved_models/RUN-80
    """
    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import load_data, read_recipe

    if (sparsity is None) == (resume is None):
        raise click.UsageError("Give either --sparsity for a new run or --resume.")
    parent = RunFolder.open(run)
    import_tensorflow(ctx)
    if resume is None:
        recipe, target = _new_run(parent, sparsity, epochs, learning_rate, scope, ends, name, output)
    else:
        target = RunFolder(resume)
        recipe = read_recipe(target)
    dataset = load_data(recipe, data)
    _check_faces(target, dataset)
    if not target.model.exists() or target.scratch.exists():
        _train(parent, recipe, dataset, target)
    _report(parent, target, dataset, recipe, as_json)


def _new_run(parent, sparsity, epochs, learning_rate, scope, ends, name, output):
    from fer_keras.errors import InputError, RunFolderError
    from fer_keras.pruning.run import make_pruning_recipe
    from fer_keras.recipe.pruning import PruningSection
    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import read_recipe

    section = PruningSection(sparsity=sparsity, scope=scope, first_layer=ends, last_layer=ends)
    recipe = make_pruning_recipe(read_recipe(parent), section, epochs=epochs, learning_rate=learning_rate)
    name = name or f"{parent.path.resolve().name}-{100 * sparsity:g}-{time.strftime('%Y%m%d-%H%M%S')}"
    if Path(name).name != name or name.startswith("."):
        raise InputError("--name must be a plain folder name", received=repr(name), hint="Use --output for the place")
    if (output / name).exists():
        raise RunFolderError(f"run folder {output / name} exists already", hint="Give another --name, or --resume it")
    return recipe, RunFolder(output / name)


def _check_faces(target, dataset) -> None:
    """A pruning that goes on does so on the faces that it was begun with."""
    from fer_keras.errors import DataError
    from fer_keras.evaluation.prediction import read_run_json

    expected = read_run_json(target).get("dataset", {}).get("sha256", dataset.sha256)
    if expected != dataset.sha256:
        raise DataError(
            "these are not the faces that the pruning was begun with",
            allowed=f"sha256 {expected[:16]}",
            received=f"{dataset.sha256[:16]} from {dataset.source}",
            hint="Give the original file with --data",
        )


def _train(parent, recipe, dataset, target) -> None:
    from fer_keras.pruning.run import prune_run

    from ..progress import ProgressObserver

    command = shlex.join(["fer-keras", *sys.argv[1:]])
    with ProgressObserver(recipe.epochs) as observer:
        result = prune_run(parent, recipe, dataset, target, command=command, observer=observer)
    if result.finished:
        return
    click.echo(
        f"Stopped after epoch {result.progress.epoch}, step {result.progress.step}; nothing is lost.\n"
        f"Go on with:  fer-keras prune {shlex.quote(str(parent.path))} --resume {shlex.quote(str(target.path))}",
        err=True,
    )
    sys.exit(128 + result.signal)


def _report(parent, target, dataset, recipe, as_json: bool) -> None:
    from fer_keras.pruning.run import report_pruning

    report = report_pruning(parent, target, dataset, recipe)
    if as_json:
        echo_json({"run": str(target.path), **report})
        return
    _print_layers(report)
    _print_sides(report)
    click.echo(f"\nrun folder  {target.path}")
    show_notices(report["notices"])


def _table(title: str, *columns: str):
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column(columns[0], style="bold")
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def _print_layers(report: dict) -> None:
    from rich.console import Console

    table = _table("Zeros per layer", "layer", "weights", "before", "after")
    before, after = report["before"]["sparsity"], report["after"]["sparsity"]
    rows = [(new["layer"], old, new) for old, new in zip(before["layers"], after["layers"], strict=True)]
    rows += [(f"all {kind}", before[kind], after[kind]) for kind in ("kernels", "parameters")]
    for name, old, new in rows:
        table.add_row(name, f"{new['weights']:,}", f"{old['sparsity']:.1%}", f"{new['sparsity']:.1%}")
    Console(highlight=False).print(table)


def _print_sides(report: dict) -> None:
    from rich.console import Console

    table = _table("\nBefore and after", "", "before", "after", "ratio")
    sides = report["before"], report["after"]
    table.add_row("validation accuracy", *(f"{side['accuracy']:.2%}" for side in sides), f"p {report['p_value']:.1g}")
    intervals = (" to ".join(f"{100 * value:.2f}" for value in side["accuracy_ci95"]) for side in sides)
    table.add_row(f"  95 %, n {report['n']:,}", *intervals)
    for name, first in sides[0]["bytes"].items():
        second = sides[1]["bytes"][name]
        for kind in ("raw", "gzip"):
            values = first[kind], second[kind]
            title = name.removesuffix(".tflite").replace("model_", "TFLite ").replace("weights_", "weights ")
            sizes = (f"{value / 1000:,.1f} kB" for value in values)
            table.add_row(f"{title}, {kind}", *sizes, f"{values[0] / values[1]:.2f}")
    Console(highlight=False).print(table)
