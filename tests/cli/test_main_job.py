"""The main job through the command line: train, evaluate, export, on a small file of the challenge's layout."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fer_keras_cli.main import run

SMALL = ["--set", "model.width=8", "--set", "train.batch_size=14", "--set", "train.ema=0"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder outside the checkout with a fer2013.csv of noise whose brightness tells the class."""
    folder = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for usage, rows in (("Training", 70), ("PublicTest", 21), ("PrivateTest", 21)):
        for row in range(rows):
            pixels = np.clip(rng.normal(30 + 30 * (row % 7), 20, 2304), 0, 255).astype(int)
            lines.append(f"{row % 7},{' '.join(map(str, pixels))},{usage}")
    (folder / "fer2013.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def trained(workplace):
    before = os.getcwd()
    os.chdir(workplace)
    try:
        code = run(["train", "--model", "cnn", "--data", "fer2013.csv", "--epochs", "2", "--name", "first", *SMALL])
    finally:
        os.chdir(before)
    assert code == 0
    return workplace / "saved_models" / "first"


def test_train_writes_a_run_folder(trained):
    record = json.loads((trained / "run.json").read_text())
    assert record["model"] == "cnn"
    assert record["dataset"]["name"] == "fer2013"
    assert record["dataset"]["source"] == "fer2013.csv"
    assert (trained / "curves.png").stat().st_size > 10_000
    assert str(trained.parent.parent) not in (trained / "run.json").read_text()


def test_evaluate_prints_json_and_writes_the_report(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert run(["evaluate", str(trained), "--split", "test", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = json.loads((trained / "evaluation" / "test" / "metrics.json").read_text())
    assert printed["accuracy"] == stored["accuracy"]
    assert printed["n"] == 21
    assert {path.name for path in (trained / "evaluation" / "test").iterdir()} == {
        "metrics.json", "confusion_matrix.png", "confusion_matrix.csv", "predictions.csv",
        "classification_report.txt", "worst_mistakes.png",
    }  # fmt: skip


def test_flip_tta_is_reported_apart(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert run(["evaluate", str(trained), "--split", "validation", "--tta", "flip"]) == 0
    assert "TTA flip" in capsys.readouterr().out
    assert (trained / "evaluation" / "validation_flip_tta" / "metrics.json").is_file()
    assert not (trained / "evaluation" / "validation").exists()


def test_export_writes_both_files_with_their_proof(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert run(["export", str(trained)]) == 0
    assert "savedmodel" in capsys.readouterr().out
    exports = trained / "exports"
    assert {path.name for path in exports.iterdir()} == {
        "savedmodel",
        "model_float32.tflite",
        "labels.txt",
        "parity.json",
    }
    report = json.loads((exports / "parity.json").read_text())["exports"]
    for name in ("savedmodel", "tflite"):
        assert report[name]["passed"]
        assert report[name]["max_abs_probability_difference"] <= 1e-4


def test_a_changed_file_is_refused_by_name(trained, workplace, monkeypatch, capsys, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    (copy / "model.keras").write_bytes(b"PK other")
    monkeypatch.chdir(workplace)
    assert run(["evaluate", str(copy)]) == 1
    assert "model.keras differs from the manifest" in capsys.readouterr().err


def test_an_existing_run_is_not_overwritten(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    before = (trained / "manifest.json").read_bytes()
    assert run(["train", "--model", "cnn", "--data", "fer2013.csv", "--name", "first", *SMALL]) == 1
    assert "exists already" in capsys.readouterr().err
    assert run(["train", "--resume", str(trained)]) == 1
    assert "is finished" in capsys.readouterr().err
    assert (trained / "manifest.json").read_bytes() == before


def test_preview_draws_originals_and_copies(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    out = workplace / "grid.png"
    assert run(["data", "preview", "--data", "fer2013.csv", "--faces", "3", "--copies", "4", "--out", str(out)]) == 0
    assert "3 faces with 4 copies" in capsys.readouterr().out
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_ctrl_c_saves_and_resume_finishes(workplace):
    command = [sys.executable, "-m", "fer_keras_cli", "train"]
    arguments = ["--model", "cnn", "--data", "fer2013.csv", "--epochs", "400", "--name", "long", *SMALL]
    process = subprocess.Popen([*command, *arguments], cwd=workplace, stderr=subprocess.PIPE, text=True)
    latest = workplace / "saved_models" / "long" / "checkpoint" / "latest.npz"
    deadline = time.monotonic() + 120
    while not latest.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "fer-keras train --resume saved_models/long" in errors
    assert "Traceback" not in errors
    recipe = workplace / "saved_models" / "long" / "recipe.yaml"
    assert "epochs: 400" in recipe.read_text()
    other = subprocess.run(
        [*command, "--resume", "saved_models/long", "--data", "synthetic"],
        cwd=workplace,
        capture_output=True,
        text=True,
    )
    assert other.returncode == 2
    assert "not the faces that the run was started with" in other.stderr


def test_a_run_that_never_started_leaves_no_folder(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    arguments = ["--data", "fer2013.csv", "--name", "never", "--set", "model.weights=missing.h5"]
    assert run(["train", "--model", "mobilenetv2", *arguments]) == 2
    assert "missing.h5" in capsys.readouterr().err
    assert not (workplace / "saved_models" / "never").exists()
