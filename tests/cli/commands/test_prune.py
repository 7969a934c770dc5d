"""``fer-keras prune``: from a finished run to a sparse one, its report and its files."""

import contextlib
import dataclasses
import io
import json

import keras
import numpy as np
import pytest
from fer_keras_cli import run_data
from fer_keras_cli.main import run as run_command
from fer_keras_cli.run_data import read_recipe

from fer_keras.errors import DataError, InputError
from fer_keras.pruning.run import REPORT, prune_run, report_pruning
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.pruning import describe_sparsity
from fer_keras.training.train import train

RECIPE = {"model": {"name": "cnn", "width": 8}, "train": {"epochs": 1, "batch_size": 7, "ema": 0.9}}


def model_of(run):
    return keras.models.load_model(run.model, compile=False)


@pytest.fixture(scope="module", autouse=True)
def _tiny_faces(tiny_dataset):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_data, "load_data", lambda recipe, data: tiny_dataset)
        yield


@pytest.fixture(scope="module")
def parent(tiny_dataset, tmp_path_factory):
    run = RunFolder.create(tmp_path_factory.mktemp("pruning") / "parent")
    assert train(make_recipe(RECIPE), tiny_dataset, run).finished
    return run


@pytest.fixture(scope="module")
def child(parent, tmp_path_factory):
    """Pruned at a rate of nothing, so that the weights that are left can be compared with the parent's."""
    output = tmp_path_factory.mktemp("pruned")
    options = ["--sparsity", "0.75", "--epochs", "1", "--learning-rate", "1e-12", "--output", str(output), "--json"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run_command(["prune", str(parent.path), "--name", "child", *options]) == 0
    run = RunFolder(output / "child")
    run.printed = printed.getvalue()
    return run


def test_a_pruned_run_has_its_parents_weights_or_zeros(parent, child):
    before, after = model_of(parent).get_layer("stage2_1_conv"), model_of(child).get_layer("stage2_1_conv")
    (before,), (after,) = before.get_weights(), after.get_weights()
    kept = after != 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(after[kept], before[kept], atol=1e-6)
    assert np.abs(before[~kept]).max() <= np.abs(before[kept]).min()


def test_a_pruned_run_is_a_run_that_names_its_parent(parent, child):
    RunFolder.open(child.path)
    record = json.loads(child.run_json.read_text())
    assert record["pruned_from"]["run"] == "parent"
    assert len(record["pruned_from"]["model_sha256"]) == 64
    assert record["epochs_run"] == 1


def test_the_report_counts_zeros_bytes_and_hits(child):
    printed = json.loads(child.printed)
    report = json.loads((child.path / REPORT).read_text())
    assert printed == {"run": str(child.path), **report}
    RunFolder.open(child.path)
    before, after = report["before"], report["after"]
    assert before["sparsity"]["kernels"]["zeros"] == 0
    assert after["sparsity"]["kernels"]["sparsity"] > 0.7
    assert report["n"] == 14
    assert after["accuracy_ci95"][0] <= after["accuracy"] <= after["accuracy_ci95"][1]
    for name in ("weights_float32", "model_float32.tflite", "model_int8.tflite"):
        assert after["bytes"][name]["gzip"] < 0.8 * before["bytes"][name]["gzip"], name
        assert after["bytes"][name]["raw"] == pytest.approx(before["bytes"][name]["raw"], rel=0.02), name


def test_the_report_wants_the_right_parent(parent, child, tiny_dataset):
    with pytest.raises(InputError, match="was not pruned from"):
        report_pruning(child, parent, tiny_dataset, read_recipe(child))


def test_other_classes_than_the_parents_are_refused(parent, child, tiny_dataset, tmp_path):
    renamed = dataclasses.replace(tiny_dataset, classes=("x", *tiny_dataset.classes[1:]))
    with pytest.raises(DataError, match="classes"):
        prune_run(parent, read_recipe(child), renamed, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_zeros_survive_the_conversion_to_tflite(child):
    from ai_edge_litert.interpreter import Interpreter

    from fer_keras.export.tflite.convert import convert_tflite

    model = model_of(child)
    interpreter = Interpreter(model_content=convert_tflite(model))
    interpreter.allocate_tensors()
    # Kernels are the only constants of rank 4; batch normalisation is folded into them, which keeps a zero.
    found = 0
    for detail in interpreter.get_tensor_details():
        if len(detail["shape"]) == 4 and detail["dtype"] is np.float32:
            try:
                values = interpreter.get_tensor(detail["index"])
            except ValueError:  # an activation, which has no value yet
                continue
            found += int((values == 0).sum()) if values.shape[1:3] in ((3, 3), (5, 5)) else 0
    assert found >= sum(row["zeros"] for row in describe_sparsity(model)["layers"]) > 0


def test_a_finished_pruning_is_reported_again(parent, child, capsys):
    assert run_command(["prune", str(parent.path), "--resume", str(child.path)]) == 0
    shown = capsys.readouterr().out
    for text in ("stage2_1_conv", "all kernels", "validation accuracy", "TFLite int8, gzip"):
        assert text in shown


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "either --sparsity for a new run or --resume"),
        (["--sparsity", "1"], 2, "--sparsity"),
        (["--sparsity", "0.5", "--name", "a/b"], 2, "plain folder name"),
        (["--sparsity", "0.5", "--name", "parent"], 1, "exists already"),
    ],
)
def test_wrong_options_are_refused_before_the_work(parent, options, code, message, capsys):
    assert run_command(["prune", str(parent.path), "--output", str(parent.path.parent), *options]) == code
    assert message in " ".join(capsys.readouterr().err.split())
