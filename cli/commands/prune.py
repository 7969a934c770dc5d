"""``fer-keras prune``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from ..options import (
    RunPath,
    data_option,
    echo_json,
    import_tensorflow,
    json_option,
    new_run_place,
    show_notices,
    waiting,
)


@click.command("prune")
@click.argument("run", type=RunPath(written=False))
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

    from ..run_data import check_same_faces, load_data, read_recipe

    if (sparsity is None) == (resume is None):
        raise click.UsageError("Give either --sparsity for a new run or --resume.")
    parent = RunFolder.open(run)
    import_tensorflow(ctx)
    if resume is None:
        recipe, target = _new_run(parent, sparsity, epochs, learning_rate, scope, ends, name, output)
    else:
        target = RunFolder(resume)
        recipe = read_recipe(target)
        target.settle()
    dataset = load_data(recipe, data)
    check_same_faces(target, dataset, "pruning was begun")
    if not target.is_finished:
        _train(parent, recipe, dataset, target)
    _report(parent, target, dataset, recipe, as_json)


def _new_run(parent, sparsity, epochs, learning_rate, scope, ends, name, output):
    from fer_keras.pruning.run import make_pruning_recipe
    from fer_keras.recipe.pruning import PruningSection
    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import read_recipe

    section = PruningSection(sparsity=sparsity, scope=scope, first_layer=ends, last_layer=ends)
    recipe = make_pruning_recipe(read_recipe(parent), section, epochs=epochs, learning_rate=learning_rate)
    name = name or f"{parent.path.resolve().name}-{100 * sparsity:g}-{time.strftime('%Y%m%d-%H%M%S')}"
    return recipe, RunFolder(new_run_place(output, name, "Give another --name, or --resume it"))


def _train(parent, recipe, dataset, target) -> None:
    from fer_keras.pruning.run import prune_run

    from ..progress import ProgressObserver, stop

    command = shlex.join(["fer-keras", *sys.argv[1:]])
    with ProgressObserver(recipe.epochs) as observer:
        result = prune_run(parent, recipe, dataset, target, command=command, observer=observer)
    if result.signal is not None:
        stop(
            result, target, f"fer-keras prune {shlex.quote(str(parent.path))} --resume {shlex.quote(str(target.path))}"
        )


def _report(parent, target, dataset, recipe, as_json: bool) -> None:
    from fer_keras.pruning.run import report_pruning

    from ..pruning_tables import print_layers, print_sides

    with waiting("Scoring both runs and writing their files"):
        report = report_pruning(parent, target, dataset, recipe)
    if as_json:
        echo_json({"run": str(target.path), **report})
        return
    print_layers(report)
    print_sides(report)
    click.echo(f"\nrun folder  {target.path}")
    show_notices(report["notices"])
