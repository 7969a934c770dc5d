"""Measuring the files of a run: turns, bookkeeping, and once for real."""

import json

import numpy as np
import pytest
from fer_keras_cli.main import run as fer_keras

from fer_keras.benchmark import latency as benchmark
from fer_keras.benchmark.latency import ALL_THREADS, benchmark_runs, find_targets
from fer_keras.errors import FerKerasError, InputError
from fer_keras.export.parity.latency_worker import MIN_CALLS, WARM_UP, take_turns
from fer_keras.runs.run_folder import RunFolder


@pytest.fixture
def finished(tmp_path):
    """A run folder whose files are only looked at, not loaded."""
    run = RunFolder.create(tmp_path / "first")
    run.recipe.write_text("model: {name: cnn}\n")
    run.run_json.write_text(json.dumps({"classes": ["a", "b"], "image_size": 64}))
    run.model.write_bytes(b"k" * 10)
    (run.exports / "savedmodel").mkdir(parents=True)
    (run.exports / "savedmodel" / "saved_model.pb").write_bytes(b"s" * 7)
    (run.exports / "savedmodel" / "fingerprint.pb").write_bytes(b"s" * 3)
    (run.exports / "model_float32.tflite").write_bytes(b"t" * 5)
    run.write_manifest()
    return run


@pytest.fixture
def no_work(monkeypatch):
    """Children that answer at once: the time is 2 ms except for every tenth call, the memory 100 MB."""
    asked = []

    def answer(mode, targets, batch, threads, seconds):
        asked.append((mode, len(targets), batch, threads))
        return [100.04] * len(targets) if mode == "memory" else [[0.002] * 85 + [0.004] * 15] * len(targets)

    monkeypatch.setattr(benchmark, "_work", answer)
    return asked


def test_all_files_take_turns_and_each_round_begins_with_another_one():
    order = []
    calls = [lambda name=name: order.append(name) or np.zeros(1) for name in "abc"]
    times = take_turns(calls, 0.0)
    assert [len(column) for column in times] == [MIN_CALLS] * 3
    assert min(min(column) for column in times) > 0
    rounds = ["".join(order[i : i + 3]) for i in range(0, len(order), 3)][WARM_UP:]
    assert rounds[:4] == ["abc", "bca", "cab", "abc"]


def test_the_files_of_a_run_are_found(finished):
    assert [target.format for target in find_targets(finished)] == [
        *("keras", "keras_eager", "savedmodel", "tflite_float32")
    ]
    assert {target.image_size for target in find_targets(finished)} == {64}


def test_rows_and_the_file_in_the_run(finished, no_work):
    report = benchmark_runs([finished], batches=(1, 32), threads=(1, ALL_THREADS))
    assert no_work[:4] == [("memory", 1, 32, ALL_THREADS)] * 4
    assert no_work[4:] == [("time", 4, batch, threads) for batch in (1, 32) for threads in (1, ALL_THREADS)]
    assert len(report["rows"]) == 16
    row = report["rows"][6]
    assert (row["run"], row["format"], row["batch"], row["threads"]) == ("first", "savedmodel", 1, ALL_THREADS)
    assert (row["median_ms"], row["p90_ms"], row["bytes"], row["peak_memory_mb"]) == (2.0, 4.0, 10, 100.0)
    assert report["rows"][-1]["faces_per_second"] == 16000
    stored = json.loads((finished.path / "benchmark.json").read_text())
    assert stored["rows"] == report["rows"]
    assert stored["hardware"]["cores"] >= 1
    RunFolder.open(finished.path)  # the manifest knows the new file


def test_each_run_gets_its_own_rows(finished, no_work, tmp_path):
    other = RunFolder.create(tmp_path / "second")
    for name in ("recipe", "run_json", "model"):
        getattr(other, name).write_bytes(getattr(finished, name).read_bytes())
    benchmark_runs([finished, other], batches=(1,), threads=(1,))
    for run, rows in ((finished, 4), (other, 2)):
        stored = json.loads((run.path / "benchmark.json").read_text())
        assert {row["run"] for row in stored["rows"]} == {run.path.name}
        assert len(stored["rows"]) == rows
        assert stored["alternating_with"] == ["first", "second"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"batches": (0,)}, "batch size"),
        ({"batches": ()}, "batch size"),
        ({"threads": (-1,)}, "threads"),
        ({"seconds": 0}, "measuring time"),
    ],
)
def test_senseless_numbers_are_refused(finished, options, problem):
    with pytest.raises(InputError, match=problem):
        benchmark_runs([finished], **options)
    with pytest.raises(InputError, match="different names"):
        benchmark_runs([finished, finished])


@pytest.mark.slow
def test_a_damaged_file_ends_with_its_reason(finished):
    with pytest.raises(FerKerasError, match=r"measurement failed.*model\.keras"):
        benchmark_runs([finished], batches=(1,), threads=(1,), seconds=0.1)
    assert not (finished.path / "benchmark.json").exists()


@pytest.mark.slow
def test_a_real_run_is_measured(tmp_path, tiny_dataset, capsys):
    from fer_keras.export.run_export import export_run
    from fer_keras.recipe.recipe import make_recipe
    from fer_keras.training.train import train

    run = RunFolder.create(tmp_path / "real")
    recipe = make_recipe({"model": {"name": "cnn", "width": 8}, "train": {"epochs": 1, "batch_size": 14}})
    assert train(recipe, tiny_dataset, run).finished
    export_run(run, ("tflite",), images=tiny_dataset.splits["validation"].images)
    assert fer_keras(["benchmark", str(run.path), "--batch", "2", "--threads", "1", "--seconds", "0.2", "--json"]) == 0
    rows = {row["format"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert set(rows) == {"keras", "keras_eager", "tflite_float32"}
    assert rows["keras"]["median_ms"] < rows["keras_eager"]["median_ms"] / 2  # the reference is compiled
    assert rows["tflite_float32"]["median_ms"] < rows["keras"]["median_ms"]
    assert rows["tflite_float32"]["peak_memory_mb"] < rows["keras"]["peak_memory_mb"]  # no TensorFlow in it
    assert rows["keras"]["bytes"] == run.model.stat().st_size
