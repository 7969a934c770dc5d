"""What people see: nothing is wider than a terminal of 80 columns, and no long wait is silent."""

import json
import re
from pathlib import Path

import click
import pytest
from fer_keras_cli import options
from fer_keras_cli.commands import benchmark
from fer_keras_cli.export_tables import print_report as print_exports
from fer_keras_cli.main import run as run_cli
from fer_keras_cli.progress import ProgressObserver, print_table
from fer_keras_cli.robustness import print_robustness
from fer_keras_cli.time_to import print_report as print_times

from fer_keras.runs.named_runs import PACKAGED_RUNS
from fer_keras.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
RUN = RunFolder(ROOT / "saved_models" / "cnn_small-fer2013")
MACHINE = {"gpus": [], "cpu": "AMD EPYC 9654 96-Core Processor", "cores": 192}


@pytest.fixture
def screen(monkeypatch, capsys):
    """Return a function that gives the lines on a terminal of 80 columns, without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def lines():
        shown = capsys.readouterr()
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.out + shown.err).splitlines()

    return lines


def check_width(lines):
    assert lines
    assert [line for line in lines if len(line.rstrip()) > 80] == []


def times():
    measures = ("training_seconds", "epochs", "steps", "start_seconds", "validation_seconds", "wall_seconds")
    row = {"to_target": dict.fromkeys(measures, 1234.5), "reached": True, "images_per_second": 4321.0}
    row |= {"best_val_accuracy": 0.6512, "stopped_by": "the target", "spent": {"epochs": 9, "training_seconds": 99.0}}
    summary = {"runs": 3, "reached": 3} | {name: {"values": [1234.5, 1230.0, 1199.0]} for name in measures}
    recipe = {"name": "cnn_small_quick", "parameters": 1_446_367, "macs": 133.7e6, "batch_size": 128}
    recipe |= {"steps_per_epoch": 224, "schedule": {"name": "cosine", "epochs": 70}, "summary": summary}
    recipe |= {"input_seconds_per_batch": 0.0123, "seeds": [{"seed": seed, **row} for seed in range(3)]}
    return {"hardware": MACHINE, "date": "2026-11-29T07:00:00Z", "target": 0.62, "recipes": [recipe]}


def files():
    rows = [
        {"run": "cnn_small-fer2013-20261121-143059", "format": name, "batch": 32, "threads": 0, "median_ms": 123.456}
        | {"p90_ms": 234.567, "faces_per_second": 123456.0, "bytes": 12_345_678, "peak_memory_mb": 1234.0}
        for name in ("keras", "keras_compiled", "tflite_dynamic")
    ]
    return {"hardware": MACHINE, "date": "2026-11-29T07:00:00Z", "rows": rows}


def test_tables_fit_80_columns(screen):
    parity = json.loads((RUN.exports / "parity.json").read_text(encoding="utf-8"))
    print_exports(RUN, parity)
    robustness = RUN.evaluation("validation") / "robustness.json"
    print_robustness(json.loads(robustness.read_text(encoding="utf-8")), Path("saved_models/RUN/evaluation/validation"))
    print_times(times())
    benchmark._print_rows(files())
    print_table("a title that is longer than its table", [("name", "value " * 40)])
    lines = screen()
    check_width(lines)
    text = "\n".join(lines)
    assert "a title that is longer than its table" in lines
    assert "-0.11 (-0.47..+0.22)" in text  # nothing is cut short
    assert "exponent, below 1 is" in text
    assert "…" not in text


def test_the_line_of_an_epoch_fits_80_columns(screen):
    row = {"epoch": 123, "loss": 12.3456, "accuracy": 1.0, "val_loss": 12.3456, "val_accuracy": 1.0, "seconds": 1234.5}
    with ProgressObserver(150) as observer:
        observer.on_epoch(row, True)
    lines = screen()
    check_width(lines)
    (line,) = [line for line in lines if line.startswith("epoch")]
    assert re.fullmatch(
        r"epoch 123/150  loss 12\.3456, 100\.00%  val 12\.3456, 100\.00%  1234 s  \d\d:\d\d  best", line.rstrip()
    )


def test_comparing_fits_80_columns_and_says_that_it_works(screen, tmp_path):
    runs = [str(ROOT / "saved_models" / name) for name in PACKAGED_RUNS]
    assert run_cli(["compare", *runs, "--output", str(tmp_path)]) == 0
    lines = screen()
    check_width([line for line in lines if str(tmp_path) not in line])
    assert any("pair by pair" in line for line in lines)


def test_a_wait_is_a_line_that_stays_where_nobody_watches(capsys):
    with options.waiting("Scoring 3,589 faces"):
        click.echo("result")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("result\n", "Scoring 3,589 faces ...\n")


def test_a_wait_is_a_line_that_goes_away_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with pytest.raises(ValueError, match="x"), options.waiting("Scoring"):
        raise ValueError("x")
    assert capsys.readouterr().err == "Scoring ...\r\x1b[2K"
