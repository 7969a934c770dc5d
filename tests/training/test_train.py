import csv
import dataclasses
import io
import json
import signal
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from interrupted_runs import StopAt, weights

from fer_keras.datasets.copies.duplicates import face_digests
from fer_keras.errors import DataError, TrainingError
from fer_keras.recipe.recipe import apply_overrides, dump_recipe, make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.callbacks import Observer
from fer_keras.training.checkpoints import Progress, averaged_weights, capture, load_checkpoint, save_checkpoint
from fer_keras.training.train import prepare_model, train

BASE = {
    "model": {"name": "cnn", "width": 8, "dropout": 0.3},
    "augmentation": {"rotation_range": 10.0, "horizontal_flip": True},
    "train": {"epochs": 3, "batch_size": 7, "deterministic": True, "ema": 0.9, "label_smoothing": 0.1},
}


def recipe(*overrides):
    return make_recipe(apply_overrides(BASE, overrides))


def history(run):
    with open(run.history, newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def whole(tiny_dataset, tmp_path_factory):
    run = RunFolder.create(tmp_path_factory.mktemp("runs") / "whole")
    result = train(recipe(), tiny_dataset, run, command="fer-keras train")
    assert result.finished
    return run


def test_a_finished_run_holds_what_the_contract_lists(whole, tiny_dataset):
    names = {path.name for path in whole.path.iterdir()}
    files = {"recipe.yaml", "run.json", "history.csv", "model.keras", "training_faces.npy", "curves.png"}
    assert names == {*files, "manifest.json"}
    digests = np.load(whole.training_faces)
    assert set(digests) == set(face_digests(tiny_dataset.splits["train"].images))
    whole.verify()
    record = json.loads(whole.run_json.read_text())
    assert record["dataset"]["sha256"] == tiny_dataset.sha256
    assert record["epochs_run"] == 3
    assert record["command"] == "fer-keras train"
    assert record["parameters"] == keras.models.load_model(whole.model, compile=False).count_params()
    for key in ("versions", "hardware", "backend", "seed", "git_commit", "macs", "training_seconds"):
        assert key in record


def test_the_history_has_one_row_per_epoch(whole):
    rows = history(whole)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert list(rows[0]) == ["epoch", "seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert float(rows[2]["learning_rate"]) < float(rows[0]["learning_rate"])


def test_the_saved_model_is_the_best_one_without_its_optimizer(whole, tiny_dataset):
    model = keras.models.load_model(whole.model)
    assert getattr(model, "optimizer", None) is None
    split = tiny_dataset.splits["validation"]
    accuracy = np.mean(model.predict(split.images, verbose=0).argmax(axis=1) == split.labels)
    assert accuracy == pytest.approx(max(float(row["val_accuracy"]) for row in history(whole)))


@pytest.mark.parametrize(
    ("epoch", "step", "number"), [(2, 2, signal.SIGINT), (2, 6, signal.SIGTERM), (1, 1, signal.SIGINT)]
)
def test_an_interrupted_and_resumed_run_is_the_same_run(whole, tiny_dataset, tmp_path, epoch, step, number):
    run = RunFolder.create(tmp_path / "run")
    stopped = train(recipe(), tiny_dataset, run, observer=StopAt(epoch, step, number))
    assert not stopped.finished
    assert stopped.signal == number
    assert not run.model.exists()
    assert train(recipe(), tiny_dataset, run).finished
    for ours, theirs in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(history(run), history(whole), strict=True):
        for key in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            assert float(ours[key]) == pytest.approx(float(theirs[key]), rel=1e-5)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(whole, tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    train(recipe(), tiny_dataset, run, observer=StopAt(3, 2))
    latest = run.scratch / "latest.npz"
    latest.write_bytes(latest.read_bytes()[:2000])
    warnings = []

    class Listen(Observer):
        def on_warning(self, text):
            warnings.append(text)

    assert train(recipe(), tiny_dataset, run, observer=Listen()).finished
    assert "damaged" in warnings[0]
    for ours, theirs in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_checkpoint_is_resumed_after_the_schema_has_gained_a_key(tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    train(recipe(), tiny_dataset, run, observer=StopAt(1, 2))
    values, progress, _ = load_checkpoint(run.scratch, dump_recipe(recipe()))
    older = "".join(line for line in dump_recipe(recipe()).splitlines(True) if "random_erasing" not in line)
    assert older != dump_recipe(recipe())
    save_checkpoint(run.scratch, values, progress, older)
    assert train(recipe(), tiny_dataset, run).finished


def test_a_checkpoint_of_the_earlier_order_ends_in_it(whole, tiny_dataset, tmp_path, monkeypatch):
    """Checkpoints that name no order were written before orders were hashed."""
    record = json.loads(whole.run_json.read_text())
    assert record["shuffle"] == "hashed"

    class Unhashed(Progress):
        def __init__(self, **state):
            super().__init__(**{"shuffle": "unhashed"} | state)

    earlier = RunFolder.create(tmp_path / "earlier")
    monkeypatch.setattr("fer_keras.training.train.Progress", Unhashed)
    train(recipe(), tiny_dataset, earlier)
    monkeypatch.undo()
    run = RunFolder.create(tmp_path / "run")
    monkeypatch.setattr("fer_keras.training.train.Progress", Unhashed)
    train(recipe(), tiny_dataset, run, observer=StopAt(2, 2))
    monkeypatch.undo()
    forget_the_order(run.scratch / "latest.npz")
    assert train(recipe(), tiny_dataset, run).finished
    assert all((one == other).all() for one, other in zip(weights(run), weights(earlier), strict=True))
    assert not all((one == other).all() for one, other in zip(weights(run), weights(whole), strict=True))


def forget_the_order(checkpoint):
    """Make a checkpoint look like one that was written before ``shuffle`` was part of it."""
    with np.load(checkpoint) as archive:
        arrays = dict(archive)
    meta = json.loads(arrays["meta"].tobytes())
    assert meta["progress"].pop("shuffle") == "unhashed"
    np.savez(checkpoint, **arrays | {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)})


def test_a_checkpoint_is_not_resumed_under_another_recipe(tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    train(recipe(), tiny_dataset, run, observer=StopAt(1, 2))
    with pytest.raises(TrainingError, match="another recipe"):
        train(recipe("train.learning_rate=0.5"), tiny_dataset, run)


def test_one_optimizer_step_per_batch(tiny_dataset, tmp_path):
    """The second silent trap, end to end: three epochs of six batches are eighteen steps."""
    seen = []

    class Count(Observer):
        def on_step(self, epoch, step, steps, logs):
            seen.append((epoch, step, steps))

    train(recipe("train.ema=0"), tiny_dataset, RunFolder.create(tmp_path / "run"), observer=Count())
    assert seen == [(epoch, step, 6) for epoch in (1, 2, 3) for step in range(1, 7)]


def test_a_second_fit_does_not_start_from_averaged_weights(tiny_dataset):
    """The third silent trap: ``fit`` ends by overwriting the weights with their average."""
    model = prepare_model(recipe(), tiny_dataset)
    split = tiny_dataset.splits["train"]
    targets = np.eye(7, dtype=np.float32)[split.labels]
    states = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: states.append(capture(model)))
    model.fit(split.images.astype(np.float32), targets, epochs=1, verbose=0, callbacks=[keep])
    overwritten = capture(model)
    assert any(not np.array_equal(a, b) for a, b in zip(states[0], overwritten, strict=True)), "Keras changed this"


def test_averaged_weights_come_and_go_exactly(tiny_dataset):
    model = prepare_model(recipe(), tiny_dataset)
    split = tiny_dataset.splits["train"]
    for _ in range(3):
        model.train_on_batch(split.images.astype(np.float32), np.eye(7, dtype=np.float32)[split.labels])
    before = capture(model)
    with averaged_weights(model):
        during = capture(model)
    after = capture(model)
    assert any(not np.array_equal(a, b) for a, b in zip(before, during, strict=True))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_saved_file_has_no_optimizer_in_it(whole):
    """The fourth silent trap: ``include_optimizer=False`` is ignored for .keras files."""
    with zipfile.ZipFile(whole.model) as archive:
        content = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    assert "optimizer" not in content


def test_early_stopping_and_plateau(tiny_dataset, tmp_path):
    options = ("train.epochs=9", "train.learning_rate=1e-9", "train.schedule=plateau", "train.plateau_patience=1",
               "train.plateau_factor=0.5", "train.warmup_epochs=0", "train.early_stop_patience=3", "train.ema=0",
               "train.weight_decay=0")  # fmt: skip
    run = RunFolder.create(tmp_path / "run")
    result = train(recipe(*options, "train.monitor=val_accuracy"), tiny_dataset, run)
    rates = [float(row["learning_rate"]) for row in history(run)]
    assert result.progress.epoch < 9
    assert rates[-1] < rates[0]
    assert rates[-1] == pytest.approx(rates[0] * 0.5 ** (len(rates) - 1 - result.progress.best_epoch), rel=1e-5)


@pytest.mark.parametrize("options", [("train.optimizer=sgd", "train.imbalance=class_weights"),
                                     ("train.optimizer=muon", "augmentation.crop=40"),
                                     ("train.imbalance=balanced_sampling", "train.gradient_clip=1.0"),
                                     ("augmentation.mixup=0.2", "train.precision=mixed_bfloat16")])  # fmt: skip
def test_other_options_train_too(tiny_dataset, tmp_path, options):
    run = RunFolder.create(tmp_path / "run")
    assert train(recipe(*options, "train.epochs=1"), tiny_dataset, run).finished


def test_a_loss_that_is_not_finite_ends_the_run_with_advice(tiny_dataset, tmp_path):
    bad = recipe("train.optimizer=sgd", "train.learning_rate=1e30", "train.warmup_epochs=0", "train.ema=0")
    with pytest.raises(TrainingError, match=r"loss is .* Lower train\.learning_rate"):
        train(bad, tiny_dataset, RunFolder.create(tmp_path / "run"))


def test_a_validation_loss_that_is_no_number_is_never_the_best(tiny_dataset, tmp_path, monkeypatch):
    losses = iter([float("nan"), 1.5, 2.5])
    monkeypatch.setattr(
        "fer_keras.training.fitting._validation", lambda *_: lambda: {"loss": next(losses), "accuracy": 0.5}
    )
    run = RunFolder.create(tmp_path / "run")
    result = train(recipe("train.monitor=val_loss"), tiny_dataset, run)
    assert (result.progress.best_epoch, result.progress.best_value) == (2, 1.5)
    assert [row["val_loss"] for row in history(run)] == ["nan", "1.5", "2.5"]
    run.verify()


def test_a_run_without_any_finite_validation_loss_says_so(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "fer_keras.training.fitting._validation", lambda *_: lambda: {"loss": float("nan"), "accuracy": 0.5}
    )
    with pytest.raises(TrainingError, match=r"never a finite number.*train\.learning_rate"):
        train(recipe("train.monitor=val_loss"), tiny_dataset, RunFolder.create(tmp_path / "run"))


def test_soft_labels_are_learned_and_validated_alike(tiny_dataset, tmp_path):
    """A network that answers with the votes themselves has the same loss on both splits: their entropy."""
    votes = np.full(7, 0.1, np.float32) + 0.3 * np.eye(7, dtype=np.float32)
    splits = {k: dataclasses.replace(s, soft_labels=votes[s.labels]) for k, s in tiny_dataset.splits.items()}
    run = RunFolder.create(tmp_path / "run")
    train(recipe("train.epochs=1", "train.label_smoothing=0"), dataclasses.replace(tiny_dataset, splits=splits), run)
    hard = RunFolder.create(tmp_path / "hard")
    train(recipe("train.epochs=1", "train.label_smoothing=0"), tiny_dataset, hard)
    entropy = -(0.4 * np.log(0.4) + 0.6 * np.log(0.1))
    assert float(history(run)[0]["val_loss"]) >= entropy
    assert history(run)[0]["val_loss"] != history(hard)[0]["val_loss"]


def test_an_empty_split_is_refused(tiny_dataset, tmp_path):
    split = tiny_dataset.splits["validation"]
    none = dataclasses.replace(split, images=split.images[:0], labels=split.labels[:0], ids=split.ids[:0])
    empty = dataclasses.replace(tiny_dataset, splits={**tiny_dataset.splits, "validation": none})
    with pytest.raises(DataError, match="validation split is empty"):
        train(recipe(), empty, RunFolder.create(tmp_path / "run"))


@pytest.mark.slow
def test_several_devices_share_one_model(tiny_dataset):
    """MirroredStrategy over two logical CPUs gives a model that trains; stands in for two GPUs."""
    program = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from fer_keras.recipe.train import TrainSection
from fer_keras.devices import strategy_scope
from fer_keras.models import build_cnn
from fer_keras.training.optimization import compile_model
with strategy_scope(["CPU:0", "CPU:1"]):
    model = build_cnn(7, width=8)
    compile_model(model, TrainSection(ema=0.9), 2)
x = np.random.rand(16, 48, 48, 1).astype("float32") * 255
y = np.eye(7, dtype="float32")[np.arange(16) % 7]
before = model.get_weights()[0].copy()
model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(8), epochs=1, verbose=0)
assert np.abs(model.get_weights()[0] - before).max() > 0
print("trained")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert done.stdout.strip().endswith("trained"), done.stderr[-2000:]
