"""``fer-keras train``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from fer_keras.recipe.model import SECTIONS
from fer_keras.recipe.named_recipes import SHORT_KEYS

from ..options import (
    data_option,
    ferplus_option,
    import_tensorflow,
    json_option,
    labels_option,
    new_run_place,
    set_option,
    split_names,
    tree_options,
)


@click.command("train")
@click.option(
    "--model",
    help=f"Network to train with the recipe of its name: {', '.join(SECTIONS)}.",
)
@click.option("--recipe", help="Recipe by name or path, instead of --model.")
@click.option(
    "--from",
    "start",
    metavar="RUN|NAME|FILE.keras",
    help="Begin with what a finished run has learned, such as cnn_small-fer2013 of the package; a new last layer where "
    "the classes differ. Default recipe: own_faces.",
)
@data_option
@tree_options
@labels_option
@ferplus_option
@click.option("--train-without-leaks", is_flag=True, help="Drop training faces that validation or test hold too.")
@set_option
@click.option(
    "--teacher", metavar="RUN", help="Learn from the answers of a finished run too: --set distill.teacher=RUN."
)
@click.option("--epochs", type=click.IntRange(1, 10_000), help="Same as --set train.epochs=N.")
@click.option("--batch-size", type=click.IntRange(1, 65_536), help="Same as --set train.batch_size=N.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Same as --set train.learning_rate=X.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same as --set train.seed=N.")
@click.option(
    "--folds",
    type=int,
    metavar="K",
    help="Cross-validation: a run for each of K folds, copies of one face and the faces of one person in one fold; "
    "mean, sd and one confusion matrix of all faces. The same command and --name go on where it was stopped.",
)
@click.option("--tensorboard", type=click.Path(path_type=Path), metavar="DIR", help="Write curves for TensorBoard.")
@click.option("--mlflow", metavar="EXPERIMENT", help="Log to MLflow, at MLFLOW_TRACKING_URI.")
@click.option("--name", help="Name of the run folder. Default: model, data, time.")
@click.option("--output", type=click.Path(path_type=Path), default="saved_models", show_default=True, help="Where.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with an interrupted run.")
@json_option
@click.pass_context
def command(ctx, model, recipe, start, data, overrides, folds, name, output, resume, as_json, **shorthand):
    """Train a network into a new run folder.

    \b
    fer-keras train --model cnn --data fer2013.csv
    fer-keras train --recipe quickstart --data synthetic
    fer-keras train --model cnn --data fer2013.csv --labels ferplus --set data.ferplus_mode=soft
    fer-keras train --from cnn_small-fer2013 --data my_faces
    fer-keras train --model cnn_small --data fer2013.csv --teacher saved_models/cnn-fer2013
    fer-keras train --resume saved_models/RUN
    """
    from fer_keras.recipe.named_recipes import named_data
    from fer_keras.runs.recipes import OWN_FACES, start_recipe

    from ..run_data import check_same_faces, load_data

    logged = {key: shorthand.pop(key) for key in ("tensorboard", "mlflow")}
    shorthand["classes"] = list(split_names(shorthand["classes"])) or None
    if resume is not None:
        _refuse_with_resume(model=model, recipe=recipe, start=start, set=overrides, folds=folds, name=name, **shorthand)
        resolved, run = _reopen(resume)
        with run.lock(patience=0):
            import_tensorflow(ctx)
            dataset = load_data(resolved, data)
            check_same_faces(run, dataset, "run was started")
            _train(resolved, dataset, run, as_json, logged)
        return
    recipe = OWN_FACES if start is not None and model is None and recipe is None else recipe
    overrides = (*overrides, *_as_overrides(data=data, **shorthand))
    resolved = start_recipe(named_data(model, recipe), start, overrides, where=f"recipe {recipe or model}")
    import_tensorflow(ctx)
    dataset = load_data(resolved, data)
    if folds is not None and any(logged.values()):
        raise click.UsageError("--tensorboard and --mlflow log one run, not --folds")
    if folds is not None:
        from ..folds import train_folds

        train_folds(resolved, dataset, folds, name, output, as_json)
        return
    _train(_suited(resolved, dataset), dataset, _place(resolved, dataset, name, output), as_json, logged)


def _suited(recipe, dataset):
    """The recipe as :func:`train` would make it suit few faces: the start table shows it."""
    from fer_keras.training.small_data import suit_to_faces

    recipe, changes = suit_to_faces(recipe, dataset)
    for change in changes:
        click.echo(f"few faces: {change}", err=True)
    return recipe


def _as_overrides(**options) -> tuple[str, ...]:
    """Options that are short for ``--set``; a flag that is not given changes nothing."""
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    return tuple(f"{SHORT_KEYS[name]}={_yaml(value)}" for name, value in given.items())


def _yaml(value) -> str:
    import yaml

    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("...").strip()


def _refuse_with_resume(**options) -> None:
    from fer_keras.errors import InputError

    options["from"] = options.pop("start")
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value not in (None, False, ())]
    if given:
        raise InputError(
            f"{given[0]} does not go with --resume", hint="A resumed run keeps its own recipe; start a new run instead"
        )


def _reopen(path: Path):
    from fer_keras.errors import RunFolderError
    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import read_recipe

    run = RunFolder(path)
    if not run.recipe.is_file():
        raise RunFolderError(f"{path} is no run folder (no recipe.yaml in it)", hint="Give the folder of the run")
    run.settle()
    if run.is_finished:
        run.drop_scratch()
        raise RunFolderError(f"run {path} is finished", hint=f"Evaluate it: fer-keras evaluate {path}")
    return read_recipe(run), run


def _place(recipe, dataset, name, output):
    from fer_keras.runs.run_folder import RunFolder

    name = name or f"{recipe.model.name}-{dataset.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    place = new_run_place(output, name, "Use --resume to go on with it, or --name for another")
    return RunFolder(place)


def _train(recipe, dataset, run, as_json: bool, logged: dict) -> None:
    from fer_keras.training.loggers import finish_loggers, open_loggers
    from fer_keras.training.train import prepare_model, train

    from ..progress import ProgressObserver, stop
    from ..training_tables import print_end, print_start

    command = shlex.join(["fer-keras", *sys.argv[1:]])
    model = prepare_model(recipe, dataset)
    print_start(recipe, dataset, run, model)
    with open_loggers(run.path.name, **logged) as loggers:
        callbacks = [callback for logger in loggers for callback in logger.callbacks]
        with ProgressObserver(recipe.epochs) as observer:
            result = train(recipe, dataset, run, command=command, observer=observer, model=model, callbacks=callbacks)
        if result.finished:
            finish_loggers(loggers, run, recipe, dataset)
    if result.signal is not None:
        stop(result, run, f"fer-keras train --resume {shlex.quote(str(run.path))}")
    print_end(run, result.progress, as_json)
