"""Without FER2013 the synthetic faces are used, and nobody can miss it."""

import json

import pytest
from fer_keras_cli.main import run


@pytest.mark.slow
def test_the_fallback_says_so_and_names_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FER2013_PATH", raising=False)
    small = ["--set", "data.limit=70", "--set", "model.width=8", "--epochs", "1"]
    assert run(["train", "--model", "cnn", *small]) == 0
    captured = capsys.readouterr()
    assert "FER2013 was not found" in " ".join(captured.err.split())
    assert "results say nothing about real faces" in " ".join(captured.out.split())
    (run_folder,) = (tmp_path / "saved_models").iterdir()
    assert run_folder.name.startswith("cnn-synthetic-")
    assert json.loads((run_folder / "run.json").read_text())["dataset"]["notices"]


def test_a_named_file_that_is_missing_is_an_error_not_a_fallback(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER2013_PATH", str(tmp_path / "none.csv"))
    assert run(["train", "--model", "cnn"]) == 2
    assert "FER2013_PATH" in capsys.readouterr().err
