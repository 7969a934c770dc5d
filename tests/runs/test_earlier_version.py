"""Runs in ``earlier_version`` were written before modules moved and orders were hashed; they must stay usable."""

import csv
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.export.run_export import export_run
from fer_keras.models import MODELS, build_model
from fer_keras.recipe.model import SECTIONS, TransferModel
from fer_keras.recipe.recipe import load_yaml_file, make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.train import train

WRITTEN = Path(__file__).with_name("earlier_version")


@pytest.fixture
def finished(tmp_path) -> RunFolder:
    return RunFolder.open(shutil.copytree(WRITTEN / "finished", tmp_path / "finished"))


def history(path: Path) -> list[dict]:
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_finished_run_is_loaded_scored_and_exported(finished, tiny_dataset):
    metrics = evaluate_run(finished, tiny_dataset, "validation")
    best = max(float(row["val_accuracy"]) for row in history(finished.history))
    assert metrics["accuracy"] == pytest.approx(best, abs=1e-6)
    assert metrics["trained_on_sha256"] == tiny_dataset.sha256
    report = export_run(finished, ("tflite",), dataset=tiny_dataset)
    assert report["exports"]["tflite"]["passed"]
    RunFolder.open(finished.path)


def test_an_interrupted_run_ends_as_it_would_have_ended_then(finished, tiny_dataset, tmp_path):
    run = RunFolder(shutil.copytree(WRITTEN / "interrupted", tmp_path / "run"))
    assert train(make_recipe(load_yaml_file(run.recipe)), tiny_dataset, run).finished
    for ours, theirs in zip(history(run.history), history(finished.history), strict=True):
        for name in ("learning_rate", "loss", "val_loss"):
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-3), name
    for ours, theirs in zip(load_run_model(run).get_weights(), load_run_model(finished).get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_names_no_module_but_that_of_registered_layers(name, tmp_path):
    """Where a class is imported from may change; under which name it is registered may not."""
    options = {"weights": "none", "input_size": 48} if issubclass(SECTIONS[name], TransferModel) else {}
    model = build_model(make_recipe({"model": {"name": name, **options}}).model, 7)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        text = archive.read("config.json").decode()
    assert set(re.findall(r"fer_keras\.[a-z_.]+", text)) <= {"fer_keras.models.layers"}
