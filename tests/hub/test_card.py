"""The model card of a run: front matter that a YAML reader takes, and the numbers of the run folder."""

import json
from pathlib import Path

import pytest
import yaml
from fer_keras_cli.main import run as run_cli

from fer_keras.hub.card import make_card
from fer_keras.inference.model_files import PACKAGED_RUNS, packaged_models
from fer_keras.runs.run_folder import RunFolder

RUNS = Path(__file__).resolve().parents[2] / "saved_models"


@pytest.mark.parametrize("name", PACKAGED_RUNS)
def test_the_card_says_what_was_measured(name):
    run = RunFolder.open(RUNS / name)
    text = make_card(run, license_name="cc-by-nc-4.0")
    _, front, body = text.split("---\n", 2)
    front = yaml.safe_load(front)
    assert (front["library_name"], front["pipeline_tag"], front["license"]) == (
        *("keras", "image-classification"),
        "cc-by-nc-4.0",
    )
    metrics = json.loads((run.evaluation("test") / "metrics.json").read_text(encoding="utf-8"))
    results = {part["dataset"]["split"]: part for part in front["model-index"][0]["results"]}
    assert results["test"]["metrics"][0]["value"] == round(metrics["accuracy"], 4)
    assert results["test"]["dataset"]["revision"] == metrics["dataset_sha256"]
    assert f"{100 * metrics['accuracy']:.2f} %" in body
    assert f"{100 * metrics['deduplicated']['accuracy']:.2f} % (n = 2,889)" in body
    assert "the split that chose the epoch" in body
    assert "exports/model_dynamic.tflite" in body
    assert "apparent" in body
    assert "model_float32.tflite" not in body  # no file that is not there


def test_the_card_goes_to_a_file(tmp_path, capsys):
    assert run_cli(["card", str(RUNS / PACKAGED_RUNS[0]), "--output", str(tmp_path / "README.md")]) == 0
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("---\nlibrary_name: keras\n")


def test_the_models_of_the_package_are_listed_with_their_files(capsys):
    assert [row["name"] for row in packaged_models()] == list(PACKAGED_RUNS)
    assert run_cli(["models", "--json"]) == 0
    for row in json.loads(capsys.readouterr().out):
        assert Path(row["file"]).stat().st_size == row["bytes"]
        assert json.loads(Path(row["contract"]).read_text(encoding="utf-8"))["classes"] == row["classes"]
        assert Path(row["labels"]).read_text(encoding="utf-8").splitlines() == row["classes"]
    assert run_cli(["models"]) == 0
    assert "cnn_small-fer2013: 0.46 MB, the default, 7 classes" in capsys.readouterr().out
