"""What is interrupted: every kind of command that writes into a run or the cache, with the networks left out.

A stand-in answers for the network, pictures are a few bytes; reading, checking and writing are the project's own. So
one try takes milliseconds, and every operation can be tried.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from fer_keras.atomic_files import atomic_path, write_json, write_text
from fer_keras.datasets.faces import FaceDataset, Split, describe_dataset, fingerprint
from fer_keras.emotions import FER7
from fer_keras.runs.run_folder import RunFolder

NAME = "run"


def make_dataset() -> FaceDataset:
    """A few faces of noise in each split."""
    rng, splits = np.random.default_rng(0), {}
    for name, n in (("train", 14), ("validation", 14), ("test", 14)):
        images = rng.integers(0, 256, (n, 48, 48, 1), dtype=np.uint8)
        splits[name] = Split(images, np.arange(n) % 7, np.array([f"{name} {i}" for i in range(n)]))
    return FaceDataset("tiny", FER7, splits, "made for the test", fingerprint(splits, FER7))


DATASET = make_dataset()
LOGITS = np.random.default_rng(1).normal(size=(14, 7)).astype(np.float32)


def make_run(path: Path, text: str = "first weights") -> RunFolder:
    """A finished run with a model of a few bytes."""
    run = RunFolder.create(path)
    write_text(run.recipe, "model: {name: cnn_small}\n")
    write_text(run.model, text)
    record = {"model": "cnn_small", "seed": 0, "classes": list(FER7), "dataset": describe_dataset(DATASET)}
    write_json(run.run_json, record)
    run.write_manifest()
    return run


def _picture(figure, path) -> None:
    with atomic_path(Path(path)) as scratch:
        scratch.write_bytes(b"picture")


def patch_everything() -> None:
    """Put stand-ins where networks, pictures and the terminal are; the process is a child that does nothing else."""
    from fer_keras.evaluation import evaluate
    from fer_keras.evaluation.calibration import calibrate
    from fer_keras.evaluation.calibration import report as calibration_report

    evaluate.load_for_scoring = lambda run, dataset, split: (dataset.splits[split], _record(run), None)
    evaluate.predict_views = calibrate.predict_views = lambda *_, **__: [LOGITS]
    evaluate.write_report = _write_report
    evaluate.now = calibrate.now = _unlike_before
    calibrate.load_run_model = lambda run: None
    calibrate.check_outputs = lambda model, dataset: None
    calibration_report.save_figure = _picture
    calibration_report.plot_reliability = calibration_report.plot_coverage = lambda *_, **__: None
    _patch_export()
    _patch_measures()
    _patch_ensemble()
    _patch_training()


def _unlike_before() -> str:
    """Every result differs from the one before it, so that a mixture of two is seen."""
    return str(time.time_ns())


def _record(run: RunFolder) -> dict:
    return json.loads(run.run_json.read_text())


def _write_report(folder, name, rows, classes, y_prob, metrics, calibrated) -> None:
    write_json(folder / "metrics.json", metrics)
    write_text(folder / "predictions.csv", f"id\n{metrics['date']}\n")
    _picture(None, folder / "confusion_matrix.png")


def _patch_export() -> None:
    from fer_keras.export import run_export

    def write_formats(model, contract, folder, names, faces=None):
        write_text(folder / "labels.txt", "\n".join(contract["classes"]))
        (folder / "savedmodel" / "variables").mkdir(parents=True)
        write_text(folder / "savedmodel" / "variables" / "data", _unlike_before())
        return {"savedmodel": folder / "savedmodel"}

    run_export._load_model = lambda run: SimpleNamespace(input_shape=(None, 48, 48, 1))
    run_export.choose_faces = lambda *_: []
    run_export.write_formats = write_formats
    run_export._prove = lambda *_: {"savedmodel": {"file": "savedmodel", "passed": True, "images": "none"}}


def _patch_measures() -> None:
    from fer_keras.benchmark import latency
    from fer_keras.evaluation.robustness import measure, report

    chances = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    measure.load_for_scoring = lambda run, dataset, split: (dataset.splits[split], _record(run), None)
    measure.predict_probabilities = lambda *_, **__: chances
    measure.now = latency.now = _unlike_before
    report.save_figure = _picture
    report.plot_robustness = lambda *_: None
    latency._work = lambda kind, targets, *_: [100.0 if kind == "memory" else [0.001, 0.002] for _ in targets]
    latency.hardware = lambda gpus: {}


def _patch_ensemble() -> None:
    from fer_keras.ensemble import run as ensemble

    model = SimpleNamespace(input_shape=(None, 48, 48, 1), count_params=lambda: 2)
    ensemble.build_ensemble = lambda members: model
    ensemble.save_network = lambda model, path: write_text(path, "both weights")
    ensemble.load_run_model = lambda run: SimpleNamespace(input_shape=(None, 48, 48, 1))
    ensemble.count_macs = lambda model: 1
    ensemble.hardware = lambda gpus: {}
    ensemble.accelerators = lambda: []
    ensemble.git_commit = lambda: None


def _patch_training() -> None:
    from fer_keras_cli import options, run_data, training_tables
    from fer_keras_cli.commands import prune as prune_command
    from fer_keras_cli.commands import train as train_command

    from fer_keras.pruning import run as pruning
    from fer_keras.training import train

    for command in (train_command, prune_command, options):
        command.import_tensorflow = lambda ctx: None
    run_data.load_data = lambda recipe, data: DATASET
    training_tables.print_start = training_tables.print_end = lambda *_: None
    prune_command._report = lambda *_: None
    train.prepare_model = pruning.prepare_model = lambda recipe, dataset: SimpleNamespace(variables=[])
    train.describe_run = pruning.describe_run = _describe_run
    train.fit_phases = _fit
    train.restore = lambda model, values: None
    train.plot_curves = lambda *_, **__: None
    train.save_figure = _picture
    train._save_inference_copy = _save_model
    pruning.load_run_model = lambda run: None
    pruning.check_outputs = pruning._take_weights = pruning.find_kernels = lambda *_: None
    pruning.capture = lambda model: [np.zeros(3, np.float32)]
    train.describe_sparsity = lambda model: {}


def _describe_run(recipe, dataset, model, command) -> dict:
    return {"model": recipe.model.name, "classes": list(FER7), "dataset": describe_dataset(dataset), "notices": []}


def _fit(recipe, dataset, run, model, progress, text, observer, signals, teacher=None) -> None:
    """Two epochs, each with its checkpoint; what the run began with can be read from its last weights."""
    from fer_keras.training.checkpoints import BEST, LATEST, PREVIOUS, save_checkpoint, write_values

    begun = (run.scratch / LATEST).exists() or (run.scratch / PREVIOUS).exists()
    model.began = "a checkpoint" if begun else "random weights"
    while progress.epoch < recipe.train.epochs:
        progress.epoch += 1
        row = dict.fromkeys(("seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"), 0.5)
        progress.rows.append({"epoch": progress.epoch, **row})
        progress.best_epoch, progress.best_value = progress.epoch, 0.5
        write_values(run.scratch / BEST, [], {})
        save_checkpoint(run.scratch, [np.zeros(3, np.float32)], progress, text)


def _save_model(recipe, dataset, model, run) -> None:
    with atomic_path(run.model) as scratch:
        scratch.write_text(f"trained from {model.began}")


@dataclass(frozen=True)
class Job:
    """One command, what is there before it, and what must be true after it was interrupted.

    Attributes:
        name: of the command.
        prepare: fills an empty folder.
        do: runs the command; raises, or returns its exit code, when it fails.
        check: raises when something was lost; called after an interruption, and again after ``do`` was repeated.
        makes_run: whether the run is new: it is not begun again when it is whole.
    """

    name: str
    prepare: Callable[[Path], None]
    do: Callable[[Path], int | None]
    check: Callable[[Path, bool], None]
    makes_run: bool = False


def _evaluate(root: Path) -> None:
    from fer_keras.evaluation.evaluate import evaluate_run

    evaluate_run(RunFolder.open(root / NAME), DATASET, "validation")


def _calibrate(root: Path) -> None:
    from fer_keras.evaluation.calibration.calibrate import calibrate_run

    calibrate_run(RunFolder.open(root / NAME), DATASET)


def _export(root: Path) -> None:
    from fer_keras.export.run_export import export_run

    export_run(RunFolder.open(root / NAME), ("savedmodel",), dataset=DATASET)


def _robustness(root: Path) -> None:
    from fer_keras.evaluation.robustness.corruptions import CORRUPTIONS
    from fer_keras.evaluation.robustness.measure import measure_robustness

    measure_robustness(RunFolder.open(root / NAME), DATASET, "validation", corruptions=CORRUPTIONS[:1])


def _benchmark(root: Path) -> None:
    from fer_keras.benchmark.latency import benchmark_runs

    benchmark_runs([RunFolder.open(root / NAME)], batches=(1,), threads=(1,))


def _prepare(root: Path) -> None:
    from fer_keras import load_faces

    load_faces(root / "pictures", cache_dir=root / NAME)


def _ask_teacher(root: Path) -> None:
    from fer_keras.training.distillation import _cached

    for view in range(2):
        found = _cached(root / NAME / f"view-{view:04d}.npy", lambda: LOGITS)
        np.testing.assert_array_equal(found, LOGITS.astype(np.float16))


def _ensemble(root: Path) -> None:
    from fer_keras.ensemble.run import Member, write_ensemble

    members = [Member(RunFolder.open(root / name), _record(RunFolder(root / name)), None) for name in ("a", "b")]
    target = RunFolder(root / NAME)
    write_ensemble(members, target if hasattr(target, "appear") else RunFolder.create(target.path))


def _command(*words: object) -> int:
    from fer_keras_cli.main import run

    return run([str(word) for word in words])


def _train(root: Path) -> int:
    place, options = root / NAME, ("--data", "synthetic", "--epochs", 2, "--set", "train.early_stop_patience=0")
    if place.exists():
        return _command("train", "--resume", place)
    return _command("train", "--model", "cnn_small", *options, "--name", NAME, "--output", root)


def _prune(root: Path) -> int:
    if (root / NAME).exists():
        return _command("train", "--resume", root / NAME)
    return _command("prune", root / "parent", "--sparsity", 0.5, "--name", NAME, "--output", root)


def _check_run(root: Path, done: bool) -> None:
    """The run opens, all of it, with results that belong together."""
    run = RunFolder.open(root / NAME)
    run.verify()
    assert run.model.read_text() == "first weights", "the model"
    calibration, evaluation = run.calibration, run.evaluation("validation")
    for path in (calibration, evaluation / "metrics.json", run.exports / "parity.json"):
        assert path.is_file(), f"{path.name} has vanished"
    date = json.loads((evaluation / "metrics.json").read_text())["date"]
    assert (evaluation / "predictions.csv").read_text() == f"id\n{date}\n", "two evaluations are mixed"


def _check_measured(root: Path, done: bool) -> None:
    _check_run(root, done)
    robust = RunFolder(root / NAME).evaluation("validation") / "robustness.json"
    for path in (robust, root / NAME / "benchmark.json"):
        assert json.loads(path.read_text())["date"], path.name


def _check_cache(root: Path, done: bool) -> None:
    """What lies under its own name is whole; the names of what is being made begin with a point."""
    for path in (root / NAME).glob("*.npy"):
        np.testing.assert_array_equal(np.load(path), LOGITS.astype(np.float16))
    for folder in (root / NAME).glob("[!.]*"):
        assert not folder.is_dir() or (folder / "prepared.json").is_file(), f"{folder.name} is not whole"


def _check_new(root: Path, done: bool) -> None:
    """The name is free, or its run can be gone on with; in the end the run is whole."""
    if done:
        RunFolder.open(root / NAME).verify()
    elif (root / NAME).exists():
        assert (root / NAME / "recipe.yaml").is_file(), "neither resumable nor free"


def _check_pruned(root: Path, done: bool) -> None:
    _check_new(root, done)
    if done:
        found = (root / NAME / "model.keras").read_text()
        assert found == "trained from a checkpoint", found


def _with_results(root: Path) -> None:
    make_run(root / NAME)
    _evaluate(root)
    _calibrate(root)
    _export(root)


def _with_measures(root: Path) -> None:
    _with_results(root)
    _robustness(root)
    _benchmark(root)


def _pictures(root: Path) -> None:
    for number, image in enumerate(DATASET.splits["train"].images):
        folder = root / "pictures" / ("happy", "sad")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")


def _parent(root: Path) -> None:
    make_run(root / "parent")


def _members(root: Path) -> None:
    make_run(root / "a")
    make_run(root / "b", "second weights")


def find_left_over(root: Path) -> list[str]:
    """Hidden files that nobody needs any more once the command has ended well."""
    run = root / NAME
    found = [path.name for path in run.iterdir() if path.name.startswith(".")] if run.exists() else []
    return sorted(name for name in found if not name.endswith(".lock"))  # a lock stays where a cache is


JOBS = (
    Job("evaluate", _with_results, _evaluate, _check_run),
    Job("calibrate", _with_results, _calibrate, _check_run),
    Job("export", _with_results, _export, _check_run),
    Job("robustness", _with_measures, _robustness, _check_measured),
    Job("benchmark", _with_measures, _benchmark, _check_measured),
    Job("prepare", _pictures, _prepare, _check_cache),
    Job("teacher", lambda root: None, _ask_teacher, _check_cache),
    Job("ensemble", _members, _ensemble, _check_new, makes_run=True),
    Job("train", lambda root: None, _train, _check_new, makes_run=True),
    Job("prune", _parent, _prune, _check_pruned, makes_run=True),
)


def copy_prepared(prepared: Path) -> Path:
    """A copy of a prepared folder for one try."""
    target = Path(tempfile.mkdtemp(prefix="fault-")) / "runs"
    shutil.copytree(prepared, target)
    return target
