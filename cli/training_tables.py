"""What ``fer-keras train`` prints before and after a training."""

from __future__ import annotations

import shlex

from .options import echo_json


def _fine_tuning(section) -> str:
    opened = "the whole base" if section.from_layer == "all" else f"the base from {section.from_layer} on"
    return f"then {section.epochs} epochs with {opened}, rate {section.learning_rate:g}"


def _start(section) -> str:
    return f"{section.source}{', all but the last layer frozen at first' if section.freeze else ''}"


def _distillation(section) -> str:
    return f"{section.teacher}: weight {section.weight:g}, temperature {section.temperature:g}, {section.views} views"


def print_start(recipe, dataset, run, model) -> None:
    """What will be trained on what, before the first step; on stderr."""
    from fer_keras.devices import accelerators, resolve_precision
    from fer_keras.models import count_macs
    from fer_keras.runs.run_record import hardware
    from fer_keras.training.balance import balance_sentence, describe_balance
    from fer_keras.training.fitting import plan

    from .progress import print_table

    batch, steps = plan(recipe, dataset)
    machine, train = hardware(accelerators()), recipe.train
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in dataset.splits.items())
    options = recipe.augmentation.model_dump(exclude_defaults=True)
    rows = [
        ("data", f"{dataset.name}: {sizes} (sha256 {dataset.sha256[:12]})"),
        *((change.name.replace("_", " "), change.sentence) for change in dataset.changes),
        ("model", f"{recipe.model.name}: {model.count_params():,} parameters, {count_macs(model) / 1e6:.1f} M MACs"),
        ("training", f"{train.epochs} epochs of {steps} steps of {batch}, seed {train.seed}"),
        (
            "optimizer",
            f"{train.optimizer}, rate {train.learning_rate:g}, {train.schedule}, decay {train.weight_decay:g}",
        ),
        ("regularisation", f"label smoothing {train.label_smoothing:g}, EMA {train.ema:g}"),
        *([("start", _start(recipe.start))] if recipe.start.source else []),
        *([("teacher", _distillation(recipe.distill))] if recipe.distill.teacher else []),
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


def print_end(run, progress, as_json: bool) -> None:
    """What came of it and what to do next; for machines the whole of ``run.json``."""
    from fer_keras.runs.records import read_run_json

    from .progress import print_table

    record = read_run_json(run)
    if as_json:
        echo_json({"run": str(run.path), **record})
        return
    rows = [
        ("best epoch", f"{progress.best_epoch} of {progress.epoch}, {record['monitor']} {progress.best_value:.4f}"),
        ("training time", _training_time(progress)),
        ("model", str(run.model)),
        ("curves", str(run.curves)),
        ("next", f"fer-keras evaluate {shlex.quote(str(run.path))} --split validation"),
        ("", f"fer-keras export {shlex.quote(str(run.path))} --format savedmodel,tflite"),
    ]
    notices = (*record["dataset"]["notices"], *record.get("notices", ()))
    print_table("Finished", [*rows, *(("NOTICE", text) for text in notices)])
