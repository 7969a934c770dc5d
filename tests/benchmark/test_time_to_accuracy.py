"""Time to accuracy: real trainings of a tiny network, what they leave behind, and the command line."""

import json
import signal
import tempfile

import pytest
from fer_keras_cli.main import run as fer_keras
from fer_keras_cli.time_to import print_report

from fer_keras.benchmark import timed_training
from fer_keras.benchmark.time_to_accuracy import MEASURES, summarise, time_to_accuracy
from fer_keras.benchmark.timed_training import measure_seed
from fer_keras.errors import InputError, TrainingError
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder

TINY = {"model": {"name": "simple_cnn", "head_units": 0}, "train": {"epochs": 4, "batch_size": 7}}
# Two of 14 validation faces belong to each class: whatever the network, it has as many right.
CERTAIN, OUT_OF_REACH = 0.14, 0.999


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Temporary folders are made here."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_two_seeds_are_trained_to_the_target(tiny_dataset, scratch, monkeypatch):
    said, trained, original = [], [], timed_training.train

    def noted(recipe, *args, **kwargs):
        trained.append(recipe.train.seed)
        return original(recipe, *args, **kwargs)

    monkeypatch.setattr(timed_training, "train", noted)
    recipes = {"tiny": (make_recipe(TINY), tiny_dataset)}
    (entry,) = time_to_accuracy(recipes, CERTAIN, seeds=(0, 3), say=said.append)
    assert [row["seed"] for row in entry["seeds"]] == [0, 3]
    assert entry["schedule"] == {"name": "cosine", "epochs": 4}
    assert entry["dataset"]["sha256"] == tiny_dataset.sha256
    assert entry["input_seconds_per_batch"] > 0
    for row in entry["seeds"]:
        assert row["reached"]
        assert row["to_target"]["epochs"] < 4
        assert row["to_target"]["steps"] == 6 * row["to_target"]["epochs"]
        parts = [row["spent"][name] for name in ("training_seconds", "start_seconds", "validation_seconds")]
        assert min(parts) > 0
        assert sum(parts) <= row["spent"]["wall_seconds"] + 0.01
        assert row["curve"][-1]["val_accuracy"] == row["best_val_accuracy"] >= CERTAIN
    assert trained == [0, 3]
    assert entry["summary"]["reached"] == 2
    assert entry["summary"]["training_seconds"]["sd"] is not None
    assert said[0].startswith("tiny, seed 0: epoch 1, val_accuracy 0.")
    assert list(scratch.glob("fer-keras-*")) == []  # TensorFlow has files of its own there


def test_not_reached_is_no_number_and_a_kept_run_can_go_on(tiny_dataset, tmp_path):
    recipes = {"seeds/tiny": (make_recipe(TINY), tiny_dataset)}
    (entry,) = time_to_accuracy(recipes, OUT_OF_REACH, max_epochs=1, keep=tmp_path / "kept")
    (row,) = entry["seeds"]
    assert (row["reached"], row["stopped_by"], row["to_target"]) == (False, "max_epochs", None)
    assert row["spent"]["epochs"] == 1
    assert row["best_val_accuracy"] < OUT_OF_REACH
    assert entry["summary"]["reached"] == 0
    assert all(entry["summary"][name] is None for name in MEASURES)
    kept = RunFolder(tmp_path / "kept" / "seeds-tiny-seed0")
    assert (kept.scratch / "latest.npz").is_file()


def test_ctrl_c_leaves_nothing_behind(tiny_dataset, scratch):
    recipes = {"tiny": (make_recipe(TINY), tiny_dataset)}
    with pytest.raises(KeyboardInterrupt):
        time_to_accuracy(recipes, OUT_OF_REACH, say=lambda text: signal.raise_signal(signal.SIGINT))
    assert list(scratch.glob("fer-keras-*")) == []  # TensorFlow has files of its own there


def test_a_loss_that_is_not_finite_does_not_cost_the_other_seeds(tiny_dataset, tmp_path, monkeypatch):
    def diverge(*args, **kwargs):
        raise TrainingError("the loss is nan at epoch 1, step 3")

    monkeypatch.setattr(timed_training, "train", diverge)
    row = measure_seed(make_recipe(TINY), tiny_dataset, RunFolder(tmp_path), CERTAIN)
    assert (row["reached"], row["to_target"]) == (False, None)
    assert "nan" in row["stopped_by"]
    assert row["best_val_accuracy"] is None


def test_the_mean_is_over_all_seeds_or_none():
    rows = [{"reached": True, "to_target": dict.fromkeys(MEASURES, value)} for value in (10.0, 14.0)]
    assert summarise(rows)["epochs"] == {"values": [10, 14], "mean": 12.0, "sd": 2.828}
    assert summarise(rows[:1])["epochs"] == {"values": [10], "mean": 10.0, "sd": None}
    partly = summarise([*rows, {"reached": False, "to_target": None}])
    assert (partly["runs"], partly["reached"], partly["epochs"]) == (3, 2, None)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"target": 0.0}, "target"),
        ({"target": 1.0}, "target"),
        ({"target": 62.0}, "target"),
        ({"target": float("nan")}, "target"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"seeds": (-1,)}, "seeds"),
        ({"max_epochs": 0}, "limit of epochs"),
        ({"max_seconds": 0.0}, "limit of seconds"),
        ({"recipes": {}}, "no recipe"),
    ],
)
def test_senseless_requests_are_refused(tiny_dataset, options, problem):
    request = {"recipes": {"tiny": (make_recipe(TINY), tiny_dataset)}, "target": 0.5, "max_epochs": 1, **options}
    with pytest.raises(InputError, match=problem):
        time_to_accuracy(**request)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "Give one or more run folders"),
        (["--seeds", "1"], "--seeds needs --time-to"),
        (["runs/a", "--max-epochs", "3"], "--max-epochs needs --time-to"),
        (["--time-to", "0.6", "cnn", "--batch", "4"], "--batch does not go with --time-to"),
        (["--time-to", "0.6"], "no recipe to train"),
        (["--time-to", "60", "cnn"], "above 0 and below 1"),
        (["--time-to", "0.6", "cnm"], "Did you mean 'cnn'"),
        (["--time-to", "0.6", "cnn", "--model", "cnn"], "given twice"),
        (["--time-to", "0.6", "cnn", "--seeds", "0,0"], "seeds make no sense"),
        (["--time-to", "0.6", "cnn", "--seeds", "x"], "whole numbers"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(words, problem, capsys):
    assert fer_keras(["benchmark", *words]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_prints_one_document_or_a_table(capsys, scratch, tiny_csv):
    words = ["benchmark", "--time-to", "0.99", "--model", "simple_cnn", "--data", tiny_csv, "--max-epochs", "1"]
    words += ["--set", "train.batch_size=14", "--set", "model.head_units=0"]
    assert fer_keras([*words, "--seeds", "0,1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["target"], report["seeds"], report["max_epochs"]) == (0.99, [0, 1], 1)
    assert report["recipes"][0]["seeds"][0]["to_target"] is None
    assert report["hardware"]["cores"] >= 1
    print_report(report)
    text = capsys.readouterr().out
    assert text.count("not reached") == 2 * 6
