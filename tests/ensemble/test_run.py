"""Runs made of runs: their probabilities are the mean, and every command takes them."""

import json

import keras
import numpy as np
import pytest
from fer_keras_cli.main import run as fer_keras

from fer_keras.datasets.faces import describe_dataset
from fer_keras.emotions import FER7
from fer_keras.errors import ConfigError, InputError
from fer_keras.evaluation.calibration.calibrate import calibrate_run
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.export import export_run
from fer_keras.inference import Predictor
from fer_keras.metrics.scores import softmax
from fer_keras.models import build_model
from fer_keras.recipe.recipe import load_yaml_file, make_recipe
from fer_keras.runs.run_folder import RunFolder

FACES = np.random.default_rng(0).integers(0, 256, (9, 48, 48, 1), dtype=np.uint8)


@pytest.fixture
def make_run(tiny_dataset, tmp_path):
    """Make the folder of a small network with random weights of a seed, as if trained on the tiny data set."""

    def make(name: str, seed: int, *, side: int = 48, classes=FER7, network: str = "cnn_small", dataset=tiny_dataset):
        keras.utils.set_random_seed(seed)
        options = {"stem": 8, "filters": (8, 8, 8)} if network == "cnn_small" else {"width": 8}
        recipe = make_recipe({"model": {"name": network, **options}, "data": {"image_size": side}})
        run = RunFolder.create(tmp_path / name)
        build_model(recipe.model, len(classes), side).save(run.model)
        run.recipe.write_text(f"data: {{image_size: {side}}}\n")
        record = {"model": network, "seed": seed, "classes": list(classes), "dataset": describe_dataset(dataset)}
        run.run_json.write_text(json.dumps(record))
        run.write_manifest()
        return run

    return make


def probabilities(run: RunFolder) -> np.ndarray:
    return softmax(load_run_model(run).predict(FACES, verbose=0).astype(np.float64))


def ensemble(*words: object) -> int:
    return fer_keras(["ensemble", *map(str, words)])


def test_the_answer_is_the_mean_of_the_members_probabilities(make_run, tmp_path):
    runs = [make_run("a", 0), make_run("b", 1), make_run("c", 2, network="cnn")]
    assert ensemble(*(run.path for run in runs), "--name", "all", "--output", tmp_path) == 0
    together = RunFolder.open(tmp_path / "all")
    expected = np.mean([probabilities(run) for run in runs], axis=0)
    np.testing.assert_allclose(probabilities(together), expected, atol=1e-6)
    record = json.loads(together.run_json.read_text())
    assert [member["run"] for member in record["members"]] == ["a", "b", "c"]
    assert record["parameters"] == sum(load_run_model(run).count_params() for run in runs)
    assert record["macs"] > 0
    assert record["notices"] == []


def test_it_is_scored_exported_predicted_with_and_compared_like_any_other(make_run, tiny_dataset, tmp_path):
    runs = [make_run("a", 0), make_run("b", 1)]
    assert ensemble(*(run.path for run in runs), "--name", "all", "--output", tmp_path) == 0
    together = RunFolder.open(tmp_path / "all")
    metrics = evaluate_run(together, tiny_dataset, "validation")
    assert metrics["trained_on_sha256"] == tiny_dataset.sha256
    assert metrics["deduplicated"]["n"] == 14
    report = export_run(together, ("tflite", "savedmodel"), images=FACES)
    assert all(entry["passed"] for entry in report["exports"].values())
    rows = Predictor(together.path, detector="none").classify(FACES)
    np.testing.assert_allclose(rows, probabilities(together), atol=1e-5)
    evaluate_run(runs[0], tiny_dataset, "validation")
    words = ["compare", *map(str, (together.path, runs[0].path)), "--split", "validation"]
    assert fer_keras([*words, "--output", str(tmp_path / "comparison")]) == 0
    recipe = make_recipe(load_yaml_file(together.recipe))
    with pytest.raises(ConfigError, match="ensemble: it is made of finished runs and cannot be built"):
        build_model(recipe.model, 7)


def test_an_ensemble_can_be_a_member(make_run, tmp_path):
    runs = [make_run("a", 0), make_run("b", 1), make_run("c", 2)]
    assert ensemble(runs[0].path, runs[1].path, "--name", "two", "--output", tmp_path) == 0
    assert ensemble(tmp_path / "two", runs[2].path, "--name", "nested", "--output", tmp_path) == 0
    a, b, c = map(probabilities, runs)
    np.testing.assert_allclose(probabilities(RunFolder(tmp_path / "nested")), ((a + b) / 2 + c) / 2, atol=1e-6)


def test_calibrated_members_are_divided_by_their_temperature(make_run, tiny_dataset, tmp_path, capsys):
    runs = [make_run("a", 0), make_run("b", 1)]
    words = (runs[0].path, runs[1].path, "--calibrated", "--name", "warm", "--output", tmp_path)
    assert ensemble(*words) == InputError.exit_code
    assert "a has no calibration" in capsys.readouterr().err
    temperatures = [calibrate_run(run, tiny_dataset).temperature for run in runs]
    assert ensemble(*words) == 0
    logits = [load_run_model(run).predict(FACES, verbose=0).astype(np.float64) for run in runs]
    expected = np.mean([softmax(z / t) for z, t in zip(logits, temperatures, strict=True)], axis=0)
    np.testing.assert_allclose(probabilities(RunFolder(tmp_path / "warm")), expected, atol=1e-5)
    record = json.loads((tmp_path / "warm" / "run.json").read_text())
    assert [member["temperature"] for member in record["members"]] == temperatures


def test_members_that_do_not_go_together_are_refused_by_name(make_run, tmp_path, capsys):
    a, small = make_run("a", 0), make_run("small", 1, side=32)
    five = make_run("five", 2, classes=FER7[:5])
    for words, said in (
        ((a.path,), "at least two runs"),
        ((a.path, a.path), "a is given twice"),
        ((a.path, small.path), r"small has another side of faces than a"),
        ((a.path, five.path), "five has another list of classes than a"),
    ):
        assert ensemble(*words, "--name", "none", "--output", tmp_path) == InputError.exit_code
        assert said in capsys.readouterr().err
        assert not (tmp_path / "none").exists()


def test_members_of_other_data_are_said_to_be_so(make_run, tiny_dataset, tmp_path):
    import dataclasses

    other = make_run("b", 1, dataset=dataclasses.replace(tiny_dataset, sha256="0" * 64))
    assert ensemble(make_run("a", 0).path, other.path, "--name", "mixed", "--output", tmp_path) == 0
    record = json.loads((tmp_path / "mixed" / "run.json").read_text())
    assert "dataset" not in record
    assert record["notices"] == ["the members were not trained on the same data"]
    metrics = evaluate_run(RunFolder.open(tmp_path / "mixed"), tiny_dataset, "test")
    assert metrics["deduplicated"]["reason"].startswith("nobody knows")
