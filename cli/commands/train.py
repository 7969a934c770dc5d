"""``fer-keras train``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from ..options import (
    data_option,
    echo_json,
    ferplus_option,
    import_tensorflow,
    json_option,
    labels_option,
    on_bad_option,
    set_option,
)


@click.command("train")
@click.option(
    "--model",
    help="Network to train with the recipe of its name: "
    "cnn, cnn_small, scratch_cnn, simple_cnn, vgg10, mini_xception, mobilenetv2, vgg16, resnet50, mobilenetv3small, "
    "efficientnetv2b0.",
)
@click.option("--recipe", help="Recipe by name or path, instead of --model.")
@data_option
@on_bad_option
@labels_option
@ferplus_option
@click.option("--train-without-leaks", is_flag=True, help="Drop training faces that validation or test hold too.")
@set_option
@click.option("--epochs", type=click.IntRange(1, 10_000), help="Same as --set train.epochs=N.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same as --set train.seed=N.")
@click.option("--name", help="Name of the run folder. Default: model, data, time.")
@click.option("--output", type=click.Path(path_type=Path), default="saved_models", show_default=True, help="Where.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with an interrupted run.")
@json_option
@click.pass_context
def command(ctx, model, recipe, data, overrides, name, output, resume, as_json, **shorthand):
    """Train a network into a new run folder.

    \b
    fer-keras train --model cnn --data fer2013.csv
    fer-keras train --recipe quickstart --data synthetic
    fer-keras train --model cnn --data fer2013.csv --labels ferplus --set data.ferplus_mode=soft
    fer-keras train --resume saved_models/RUN
    """
    if resume is not None:
        _refuse_with_resume(model=model, recipe=recipe, set=overrides, name=name, **shorthand)
        resolved, run = _reopen(resume)
    else:
        resolved, run = _resolve(model, recipe, (*overrides, *_as_overrides(data=data, **shorthand))), None
    import_tensorflow(ctx)
    dataset = _load(resolved, data, resume)
    run = run or _create(resolved, dataset, name, output)
    _train(resolved, dataset, run, as_json)


RECIPE_KEYS = {
    "data": "data.source",
    "on_bad": "data.on_bad",
    "labels": "data.labels",
    "ferplus": "data.ferplus",
    "train_without_leaks": "data.train_without_leaks",
    "epochs": "train.epochs",
    "seed": "train.seed",
}


def _as_overrides(**options) -> tuple[str, ...]:
    """Options that are short for ``--set``; a flag that is not given changes nothing."""
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    return tuple(f"{RECIPE_KEYS[name]}={_yaml(value)}" for name, value in given.items())


def _yaml(value) -> str:
    import yaml

    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("...").strip()


def _resolve(model, recipe, overrides):
    from ..recipe_files import resolve_recipe

    return resolve_recipe(model, recipe, overrides)


def _refuse_with_resume(**options) -> None:
    from fer_keras.errors import InputError

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
    if run.model.exists() and not run.scratch.exists():
        raise RunFolderError(f"run {path} is finished", hint=f"Evaluate it: fer-keras evaluate {path}")
    return read_recipe(run), run


def _load(recipe, data: str | None, resume: Path | None):
    """Load the faces and, for a resumed run, make sure that they are the same ones."""
    import json

    from fer_keras.errors import DataError
    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import load_data

    dataset = load_data(recipe, data)
    if resume is not None and RunFolder(resume).run_json.is_file():
        expected = json.loads(RunFolder(resume).run_json.read_text(encoding="utf-8"))["dataset"]["sha256"]
        if expected != dataset.sha256:
            raise DataError(
                "these are not the faces that the run was started with",
                allowed=f"sha256 {expected[:16]}",
                received=f"{dataset.sha256[:16]} from {dataset.source}",
                hint="Give the original file with --data",
            )
    return dataset


def _create(recipe, dataset, name, output):
    from fer_keras.errors import InputError
    from fer_keras.runs.run_folder import RunFolder

    name = name or f"{recipe.model.name}-{dataset.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if Path(name).name != name or name.startswith("."):
        raise InputError("--name must be a plain folder name", received=repr(name), hint="Use --output for the place")
    return RunFolder.create(output / name)


def _train(recipe, dataset, run, as_json: bool) -> None:
    from fer_keras.training.train import train

    from ..progress import ProgressObserver

    command = shlex.join(["fer-keras", *sys.argv[1:]])
    try:
        _print_start(recipe, dataset, run)
        with ProgressObserver(recipe.epochs) as observer:
            result = train(recipe, dataset, run, command=command, observer=observer)
    except BaseException:
        run.discard_unstarted()
        raise
    if not result.finished:
        click.echo(
            f"Stopped after epoch {result.progress.epoch}, step {result.progress.step}; nothing is lost.\n"
            f"Go on with:  fer-keras train --resume {shlex.quote(str(run.path))}",
            err=True,
        )
        sys.exit(128 + result.signal)
    _print_end(run, result.progress, as_json)


def _fine_tuning(section) -> str:
    opened = "the whole base" if section.from_layer == "all" else f"the base from {section.from_layer} on"
    return f"then {section.epochs} epochs with {opened}, rate {section.learning_rate:g}"


def _print_start(recipe, dataset, run) -> None:
    from fer_keras.devices import accelerators, resolve_precision
    from fer_keras.models import count_macs
    from fer_keras.runs.run_record import hardware
    from fer_keras.training.balance import balance_sentence, describe_balance
    from fer_keras.training.fitting import plan
    from fer_keras.training.train import build_twin

    from ..progress import print_table

    twin, (batch, steps) = build_twin(recipe, len(dataset.classes), dataset.image_size), plan(recipe, dataset)
    machine, train = hardware(accelerators()), recipe.train
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in dataset.splits.items())
    options = recipe.augmentation.model_dump(exclude_defaults=True)
    rows = [
        ("data", f"{dataset.name}: {sizes} (sha256 {dataset.sha256[:12]})"),
        *((change.name.replace("_", " "), change.sentence) for change in dataset.changes),
        ("model", f"{recipe.model.name}: {twin.count_params():,} parameters, {count_macs(twin) / 1e6:.1f} M MACs"),
        ("training", f"{train.epochs} epochs of {steps} steps of {batch}, seed {train.seed}"),
        (
            "optimizer",
            f"{train.optimizer}, rate {train.learning_rate:g}, {train.schedule}, decay {train.weight_decay:g}",
        ),
        ("regularisation", f"label smoothing {train.label_smoothing:g}, EMA {train.ema:g}"),
        *([("fine-tuning", _fine_tuning(recipe.fine_tune))] if recipe.fine_tune.epochs else []),
        ("imbalance", balance_sentence(describe_balance(dataset.splits["train"].labels, dataset.classes, recipe))),
        ("augmentation", ", ".join(f"{key} {value}" for key, value in options.items()) or "none"),
        (
            "device",
            f"{', '.join(machine['gpus']) or machine['cpu']}, {machine['cores']} cores, "
            f"{resolve_precision(train.precision)}",
        ),
        ("run folder", str(run.path)),
    ]
    print_table("fer-keras train", rows, stderr=True)


def _training_time(progress) -> str:
    epochs = progress.seconds - progress.feature_seconds
    features = f", {progress.feature_seconds:.0f} s for features" if progress.feature_seconds else ""
    return f"{progress.seconds:.0f} s ({epochs / progress.epoch:.1f} s per epoch{features})"


def _print_end(run, progress, as_json: bool) -> None:
    import json

    from ..progress import print_table

    record = json.loads(run.run_json.read_text(encoding="utf-8"))
    if as_json:
        echo_json({"run": str(run.path), **record})
        return
    rows = [
        ("best epoch", f"{progress.best_epoch} of {progress.epoch}, {record['monitor']} {progress.best_value:.4f}"),
        ("training time", _training_time(progress)),
        ("model", str(run.model)),
        ("curves", str(run.curves)),
        ("next", f"fer-keras evaluate {shlex.quote(str(run.path))} --split test"),
        ("", f"fer-keras export {shlex.quote(str(run.path))} --format savedmodel,tflite"),
    ]
    print_table("Finished", [*rows, *(("NOTICE", text) for text in record["dataset"]["notices"])])
