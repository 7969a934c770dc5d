"""``fer-keras evaluate --robustness``: table, JSON, files, and the option that does not go with it."""

import json

import numpy as np
import pytest
from fer_keras_cli.main import run
from fer_keras_cli.robustness import print_robustness
from robustness_run import CENTRES, make_run

from fer_keras.runs.run_folder import RunFolder


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A small fer2013.csv whose brightness tells the class, and a run that reads it."""
    folder = tmp_path_factory.mktemp("work")
    rng, lines = np.random.default_rng(0), ["emotion,pixels,Usage"]
    for usage in ("Training", "PublicTest", "PrivateTest"):
        for row in range(14):
            pixels = np.clip(rng.normal(CENTRES[row % 7], 20, 2304), 0, 255).astype(int)
            lines.append(f"{row % 7},{' '.join(map(str, pixels))},{usage}")
    (folder / "fer2013.csv").write_text("\n".join(lines) + "\n")
    make_run(folder / "a_run")
    return folder


@pytest.fixture(autouse=True)
def _there(workplace, monkeypatch):
    monkeypatch.chdir(workplace)


def test_table_and_json_say_the_same(workplace, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["evaluate", "a_run", "--data", "fer2013.csv", "--robustness", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    folder = workplace / "a_run/evaluation/validation"
    stored = json.loads((folder / "robustness.json").read_text())
    assert printed == {"run": "a_run", "report": "a_run/evaluation/validation", **stored}
    assert not (folder / "metrics.json").exists()
    print_robustness(stored, folder)
    table = capsys.readouterr().out
    assert "validation, n = 14, TTA none" in table
    lines = [line.split() for line in table.splitlines()]
    (gamma,) = [line for line in lines if line[:1] == ["Gamma"]]
    entry = printed["corruptions"][1]["severities"][0]
    assert entry["value"] == 0.4
    drop, low, high = (f"{100 * value:.1f}" for value in (entry["accuracy_drop"], *entry["accuracy_drop_ci95"]))
    assert gamma[-4:] == [drop, low, "to", high]
    assert sum("to" in line for line in lines) == 30
    RunFolder.open(workplace / "a_run")


def test_second_opinion_does_not_go_with_it(capsys):
    assert run(["evaluate", "a_run", "--robustness", "--second-opinion", "ferplus"]) == 2
    assert "--second-opinion does not go with --robustness" in capsys.readouterr().err
