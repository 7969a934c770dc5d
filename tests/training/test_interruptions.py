"""Starts that die, second trainings in one folder, kills within an epoch, damaged checkpoints."""

import io
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from fer_keras_cli.main import run as fer_keras
from fer_keras_cli.progress import ProgressObserver
from interrupted_runs import StopAt, weights

from fer_keras.atomic_files import write_json, write_text
from fer_keras.errors import RunFolderError, TrainingError
from fer_keras.recipe.recipe import dump_recipe, make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training import checkpoints
from fer_keras.training import train as training
from fer_keras.training.callbacks import Observer, StopSignals
from fer_keras.training.checkpoints import Progress, load_checkpoint, save_checkpoint
from fer_keras.training.train import train

RECIPE = make_recipe(
    {
        "model": {"name": "cnn", "width": 8, "dropout": 0.3},
        "augmentation": {"rotation_range": 10.0},
        "train": {"epochs": 2, "batch_size": 7, "deterministic": True, "ema": 0.9},
    }
)


class Killed(BaseException):
    """The end of the process, as far as a test can have it."""


@pytest.fixture(scope="module")
def whole(tiny_dataset, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("runs") / "whole")
    assert train(RECIPE, tiny_dataset, run).finished
    return run


def assert_same_weights(run, whole):
    for ours, theirs in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_is_killed_within_a_long_epoch_goes_on_within_it(whole, tiny_dataset, tmp_path, monkeypatch):
    class KilledAt(Observer):
        def on_step(self, epoch, step, steps, logs):
            if (epoch, step) == (2, 4):
                raise Killed

    run = RunFolder(tmp_path / "run")
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(Killed):
        train(RECIPE, tiny_dataset, run, observer=KilledAt())
    _, progress, _ = load_checkpoint(run.scratch, dump_recipe(RECIPE))
    assert (progress.epoch, progress.step) == (1, 3)
    assert train(RECIPE, tiny_dataset, run).finished
    assert_same_weights(run, whole)


def test_a_closed_terminal_saves_as_ctrl_c_does(whole, tiny_dataset, tmp_path):
    run = RunFolder(tmp_path / "run")
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        stopped = train(RECIPE, tiny_dataset, run, observer=StopAt(1, 3, signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (stopped.signal, stopped.progress.step) == (signal.SIGHUP, 3)
    assert train(RECIPE, tiny_dataset, run).finished
    assert_same_weights(run, whole)


def test_nohup_is_left_alone():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGHUP)
        assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_is_gone_ends_the_drawing_only(monkeypatch):
    def gone(*_, **__):
        raise OSError(5, "Input/output error")

    observer = ProgressObserver(2)
    monkeypatch.setattr(observer.bar, "add_task", gone)
    monkeypatch.setattr(observer.bar, "stop", gone)
    monkeypatch.setattr(observer.bar.console, "print", gone)
    with observer:
        observer.on_step(1, 1, 6, {"loss": 1.0, "accuracy": 0.5})
        observer.on_warning("text")


@pytest.mark.parametrize("place", ["prepare_model", "describe_run"])
def test_a_start_that_dies_leaves_the_name_free(tiny_dataset, tmp_path, monkeypatch, place):
    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training, place, die)
        with pytest.raises(Killed):
            train(RECIPE, tiny_dataset, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_signal_before_the_first_step_writes_nothing(tiny_dataset, tmp_path, monkeypatch):
    def signalled(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return original(*arguments)

    original = training.prepare_model
    monkeypatch.setattr(training, "prepare_model", signalled)
    stopped = train(RECIPE, tiny_dataset, RunFolder(tmp_path / "run"))
    assert (stopped.finished, stopped.signal) == (False, signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []


def test_the_first_steps_of_a_new_run_that_fail_leave_the_name_free(tiny_dataset, tmp_path):
    class Fails(Observer):
        def on_step(self, epoch, step, steps, logs):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        train(RECIPE, tiny_dataset, RunFolder(tmp_path / "run"), observer=Fails())
    assert list(tmp_path.iterdir()) == []


HOLD = "import sys, time; from pathlib import Path; from fer_keras.runs.lock import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(120)"


def test_a_second_training_in_one_folder_is_refused_and_the_first_named(tiny_dataset, tmp_path, capsys):
    run = RunFolder(tmp_path / "run")
    train(RECIPE, tiny_dataset, run, observer=StopAt(1, 2))
    before = (run.scratch / "latest.npz").read_bytes()
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=f"in use by process {first.pid}"):
            train(RECIPE, tiny_dataset, run)
        assert fer_keras(["train", "--resume", str(run.path)]) == 1
        assert f"in use by process {first.pid}" in capsys.readouterr().err
    finally:
        first.kill()
        first.wait()
    assert (run.scratch / "latest.npz").read_bytes() == before
    assert train(RECIPE, tiny_dataset, run).finished


def test_a_run_whose_checkpoints_were_being_removed_is_finished(whole, tmp_path, capsys):
    write_text(whole.scratch / "latest.npz", "the best weights beside it are gone")
    assert fer_keras(["train", "--resume", str(whole.path)]) == 1
    assert "is finished" in capsys.readouterr().err
    assert not whole.scratch.exists()
    RunFolder.open(whole.path).verify()


def test_a_pruning_without_its_checkpoint_does_not_begin_with_random_weights(tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    write_text(run.recipe, dump_recipe(RECIPE))
    write_json(run.run_json, {"pruned_from": {"run": "parent"}})
    with pytest.raises(TrainingError, match="does not begin with random weights"):
        train(RECIPE, tiny_dataset, run)


@pytest.fixture
def two_checkpoints(tmp_path):
    for epoch in (1, 2):
        save_checkpoint(tmp_path, [np.full(3, epoch, np.float32)], Progress(epoch=epoch), dump_recipe(RECIPE))
    return tmp_path


def rewrite(path, change):
    """Write a checkpoint anew with other meta data."""
    import json

    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(arrays["meta"].tobytes())
    change(meta)
    np.savez(path, **arrays | {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)})


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.pop("progress"),
        lambda meta: meta.pop("recipe"),
        lambda meta: meta.update(progress=[]),
        lambda meta: meta.update(recipe=7),
        lambda meta: meta["progress"].update(epoch="2"),
        lambda meta: meta["progress"].update(epoch=True),
        lambda meta: meta["progress"].update(rows=7),
        lambda meta: meta["progress"].update(surprise=7),
        lambda meta: meta["progress"].update(seconds=None),
    ],
)
def test_strange_meta_data_fall_back_to_the_checkpoint_before(two_checkpoints, change):
    rewrite(two_checkpoints / "latest.npz", change)
    values, progress, warnings = load_checkpoint(two_checkpoints, dump_recipe(RECIPE))
    assert (progress.epoch, values[0][0]) == (1, 1.0)
    assert "latest.npz is damaged" in warnings[0]


def test_any_changed_byte_gives_the_same_values_or_those_before(two_checkpoints):
    """Among them those that make zipfile raise NotImplementedError and RuntimeError."""
    latest = two_checkpoints / "latest.npz"
    content, fell_back = latest.read_bytes(), 0
    kinds = set()
    for at in range(0, len(content), 3):
        for bit in (1, 64):
            changed = bytearray(content)
            changed[at] ^= bit
            latest.write_bytes(changed)
            values, progress, warnings = load_checkpoint(two_checkpoints, dump_recipe(RECIPE))
            assert (values[0] == progress.epoch).all()
            assert len(warnings) == (progress.epoch == 1)
            fell_back += len(warnings)
            kinds |= {warning.partition("(")[2].partition(":")[0] for warning in warnings}
    assert fell_back > 100
    assert len(kinds) > 2


def test_a_compression_that_nobody_knows_is_damage(two_checkpoints):
    latest = two_checkpoints / "latest.npz"
    content = bytearray(latest.read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = archive.start_dir
    content[start + 10] = 99
    latest.write_bytes(content)
    _, progress, warnings = load_checkpoint(two_checkpoints, dump_recipe(RECIPE))
    assert progress.epoch == 1
    assert "NotImplementedError" in warnings[0]
