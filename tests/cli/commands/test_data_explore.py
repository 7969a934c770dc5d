"""``fer-keras data explore`` from a csv to the page."""

import json

import numpy as np
import pytest
from fer_keras_cli.main import run


@pytest.fixture
def csv(tmp_path):
    random = np.random.default_rng(3)
    lines = ["emotion,pixels,Usage"]
    for row, usage in enumerate(["Training", "PublicTest", "Training", "PrivateTest"] * 5):
        lines.append(f"{row % 7},{' '.join(map(str, random.integers(0, 256, 2304)))},{usage}")
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_explore_writes_once_and_replaces_on_request(csv, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["data", "explore", str(csv), "--out", str(out)]
    assert run([*arguments, "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["splits"]["train"]["n"] == 10
    assert numbers["out"] == str(out)
    assert f"{numbers['dataset_sha256']}" in (out / "index.html").read_text()
    assert run(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert run([*arguments, "--force", "--exact-only"]) == 0
    assert "index.html" in capsys.readouterr().out
    assert json.loads((out / "numbers.json").read_text())["copies"]["near_copy_elsewhere"] is None


def test_wrong_data_leave_nothing_behind(tmp_path, capsys):
    assert run(["data", "explore", str(tmp_path / "nowhere.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "nowhere.csv" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
