"""``fer-keras timeline`` from a CSV file to the page."""

import json
import subprocess
import sys

import pytest
from fer_keras_cli.main import run


@pytest.fixture
def results(tmp_path):
    lines = ["file,frame,timestamp,face,uncertain,p_happy,p_sad"]
    lines += [
        f"v.mp4,{at},{at / 10},0,False,{0.9 if at < 600 else 0.2},{0.1 if at < 600 else 0.8}" for at in range(900)
    ]
    path = tmp_path / "results.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_timeline_writes_once_and_replaces_on_request(results, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["timeline", str(results), "--output", str(out)]
    assert run([*arguments, "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert [row["dominant"] for row in numbers["minutes"]] == ["happy", "sad"]
    assert {path.name for path in out.iterdir()} == {
        "index.html",
        "timeline.png",
        "timeline.json",
        "summary_per_minute.csv",
    }
    assert run(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert run([*arguments, "--force"]) == 0
    assert "appeared mostly happy" in capsys.readouterr().out


def test_a_wrong_table_leaves_nothing_behind(results, tmp_path, capsys):
    results.write_text(results.read_text().replace("v.mp4,5,0.5", "v.mp4,5,x"))
    assert run(["timeline", str(results), "--output", str(tmp_path / "out")]) == 2
    assert "line 7: unusable timestamp" in capsys.readouterr().err
    assert run(["timeline", str(results), "--output", str(tmp_path / "out"), "--face", "-1"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_it_imports_neither_tensorflow_nor_keras(results, tmp_path):
    program = (
        "import sys; from fer_keras_cli.main import run; "
        f"code = run(['timeline', {str(results)!r}, '--output', {str(tmp_path / 'out')!r}]); "
        "sys.exit(code or sum(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0
