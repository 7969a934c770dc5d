"""The main job through the command line: train, evaluate, export, on a small file of the challenge's layout."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fer_keras_cli.main import run
from PIL import Image

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
        "classification_report.txt", "one_vs_rest.csv",
        "precision_recall.png", "roc.png", "worst_mistakes.png", "reliability.png", "coverage.png", "coverage.csv",
    }  # fmt: skip


def test_flip_tta_is_reported_apart(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    assert run(["evaluate", str(trained), "--split", "validation", "--tta", "flip"]) == 0
    assert "TTA flip" in capsys.readouterr().out
    assert (trained / "evaluation" / "validation_flip_tta" / "metrics.json").is_file()
    assert not (trained / "evaluation" / "validation").exists()


def test_calibrate_writes_what_evaluate_reports(trained, workplace, monkeypatch, capsys, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    monkeypatch.chdir(workplace)
    assert run(["calibrate", str(copy), "--target-precision", "0.99", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["temperature"] == json.loads((copy / "calibration.json").read_text())["temperature"]
    assert (printed["n"], printed["threshold"]) == (21, None)  # 21 faces cannot promise 99 %
    assert run(["evaluate", str(copy), "--split", "test"]) == 0
    assert "NLL / ECE, calibrated" in capsys.readouterr().out
    assert run(["calibrate", str(copy), "--target-precision", "80"]) == 2


def test_explain_names_broken_images_and_goes_on(trained, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((60, 40), 90, np.uint8)).save("face.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    assert run(["explain", str(trained), "face.png", "broken.jpg", "--class", "happy"]) == 0
    printed = capsys.readouterr()
    assert "map of happy" in printed.out
    assert "Left out: broken.jpg: damaged or truncated JPEG image" in printed.err
    assert (tmp_path / "explanation" / "001_face.png").is_file()
    assert run(["explain", str(trained), "face.png"]) == 1
    assert "explanation exists already" in capsys.readouterr().err
    assert run(["explain", str(trained), "face.png", "--class", "hapy", "--output", "other"]) == 2
    assert "Did you mean 'happy'" in capsys.readouterr().err


def test_export_writes_every_file_with_its_proof(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    # A network of a few seconds' training on a few faces: int8 may change more than half a point of them.
    options = ["--tolerance", "tflite_int8=100", "--tolerance", "tflite_dynamic=100", "--latency-seconds", "0"]
    assert run(["export", str(trained), "--edgetpu-report", *options]) == 0
    printed = capsys.readouterr().out
    assert "savedmodel" in printed
    assert "Edge TPU: the int8 file fits" in printed
    exports = trained / "exports"
    assert {path.name for path in exports.iterdir()} == {
        "savedmodel",
        *(f"model_{kind}.tflite" for kind in ("float32", "float16", "dynamic", "int8")),
        *("labels.txt", "contract.json", "parity.json"),
    }
    report = json.loads((exports / "parity.json").read_text())
    calibration = json.loads((trained / "calibration.json").read_text())
    assert report["temperature"] == calibration["temperature"]
    for name in ("savedmodel", "tflite"):
        assert report["exports"][name]["passed"]
        assert report["exports"][name]["max_abs_probability_difference"] <= 1e-4
    assert report["exports"]["tflite_int8"]["images"] == "validation"


def test_an_export_out_of_its_tolerance_ends_with_code_1(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    options = ["--format", "tflite", "--tolerance", "tflite=0", "--latency-seconds", "0", "--json"]
    assert run(["export", str(trained), *options]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["exports"]["tflite"]["passed"] is False
    assert "model_float32.tflite: a probability differs by" in printed.err
    assert not (trained / "exports" / "model_float32.tflite").exists()


def test_a_changed_file_is_refused_by_name(trained, workplace, monkeypatch, capsys, tmp_path):
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
