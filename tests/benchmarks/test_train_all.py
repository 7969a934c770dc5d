"""The scripts in benchmarks/ that train all recipes: what they do next, the table they collect, the files they pack."""

import io
import json
import tarfile
from pathlib import Path

import pack_runs as pack
import publish_run as publish
import pytest
import results_table as table
import train_all
from fer_keras_cli.main import run as run_command

from fer_keras.atomic_files import write_json, write_text
from fer_keras.errors import ModelFileError, RunFolderError
from fer_keras.recipe.recipe import dump_recipe, make_recipe
from fer_keras.runs.run_folder import RunFolder

MACHINE = {"cpu": "Test CPU", "cores": 2, "memory_gib": 8.0, "gpus": []}
SHA256 = "a" * 64


@pytest.fixture
def driver(monkeypatch):
    """The script, with the commands that it gives noted in ``given`` and not run."""
    module = train_all
    monkeypatch.setattr(module, "given", [], raising=False)
    monkeypatch.setattr(module, "fer_keras", lambda *words: module.given.append(list(words)) or 0)
    return module


def write_metrics(run, place, accuracy, *, n=3589, votes=None):
    opinion = {"own": "fer2013", "other": "ferplus", "n": 3519, "ferplus": {"accuracy": votes}}
    metrics = {
        "n": n,
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.05,
        "deduplicated": {"n": 2889, "accuracy": accuracy - 0.02, "macro_f1": 0.5},
        "second_opinion": {"majority": opinion} if votes else None,
    }
    write_json(run.path / "evaluation" / place / "metrics.json", metrics)


@pytest.fixture
def make_run(tmp_path):
    """Return a function that writes a finished run of the contract; nothing is trained."""

    def make(name, seed, scores, *, seconds=600.0, model="cnn", machine=MACHINE, **metrics):
        run = RunFolder.create(tmp_path / "runs" / name)
        recipe = {"model": {"name": model}, "train": {"seed": seed}, "data": {"source": f"/somewhere/{name}.csv"}}
        write_text(run.recipe, dump_recipe(make_recipe(recipe)))
        write_text(run.model, f"weights of {name}")
        record = {"model": model, "seed": seed, "parameters": 1_167_527, "macs": 96_014_080, "epochs_run": 26}
        record |= {"dataset": {"name": "fer2013", "sha256": SHA256}, "hardware": machine, "backend": "tensorflow"}
        write_json(run.run_json, record | {"training_seconds": seconds, "precision": "float32"})
        for place, accuracy in scores.items():
            write_metrics(run, place, accuracy, **metrics)
        run.write_manifest()
        return run.path

    return make


def test_runs_that_differ_in_the_seed_make_one_row(make_run):
    first = make_run("cnn-seed0", 0, {"validation": 0.66, "test": 0.68}, votes=0.70)
    second = make_run("cnn-seed1", 1, {"validation": 0.68, "test": 0.69}, votes=0.72, seconds=660.0)
    other = make_run("scratch_cnn-seed0", 0, {"validation": 0.70}, model="scratch_cnn")
    rows = table.collect([first, second, other])
    assert [(row["name"], row["seeds"]) for row in rows] == [("scratch_cnn", [0]), ("cnn", [0, 1])]  # best first
    scores = rows[1]["scores"]
    assert scores["PublicTest"]["accuracy"] == {
        "mean": pytest.approx(0.67),
        "sd": pytest.approx(0.0141421, rel=1e-4),
        "values": [0.66, 0.68],
        "runs": 2,
    }
    assert scores["PrivateTest"]["deduplicated"]["mean"] == pytest.approx(0.665)
    assert scores["PrivateTest"]["deduplicated_n"] == 2889
    assert scores["PrivateTest"]["ferplus"]["mean"] == pytest.approx(0.71)
    assert scores["PrivateTest flip"]["accuracy"] is None
    assert rows[0]["scores"]["PublicTest"]["accuracy"]["sd"] is None
    assert rows[1]["training_seconds"]["mean"] == 630.0


def test_the_table_says_how_many_runs_a_score_is_of(make_run):
    paths = [
        make_run("cnn-seed0", 0, {"validation": 0.66, "test": 0.68}),
        make_run("cnn-seed1", 1, {"validation": 0.68}),
    ]
    heading, _, row, *_ = table.to_markdown(table.collect(paths)).splitlines()
    assert heading.count("|") == row.count("|")
    assert "| 66.00 and 68.00 % | - | 68.00 % (1 of 2 runs) |" in row
    assert "| 66.00 % (n 2,889) (1 of 2 runs) |" in row
    assert "Test CPU, 2 cores" in row


def test_the_table_goes_to_files(make_run, tmp_path):
    path = make_run("cnn-seed0", 0, {"validation": 0.66})
    rows = table.write_table([path], tmp_path / "out")
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == {"rows": rows}
    assert "cnn (fer2013)" in (tmp_path / "out" / "results.md").read_text()


def test_what_does_not_belong_into_one_table_is_refused(make_run, tmp_path):
    first = make_run("cnn-seed0", 0, {"validation": 0.66})
    with pytest.raises(RunFolderError, match="same recipe and seed"):
        table.collect([first, make_run("again-seed0", 0, {"validation": 0.67})])
    with pytest.raises(RunFolderError, match="different faces"):
        table.collect([first, make_run("cnn-seed2", 2, {"validation": 0.67}, n=100)])
    with pytest.raises(RunFolderError, match="no run folder"):
        table.collect([tmp_path])
    (first / "evaluation" / "validation" / "metrics.json").write_text("{}")
    with pytest.raises(ModelFileError):
        table.collect([first])


@pytest.fixture
def published(make_run, tmp_path):
    """A run with files of every kind, and a function that publishes it."""
    path = make_run("cnn-seed0", 0, {"validation": 0.66, "test": 0.67})
    for name in ("curves.png", "exports/model_int8.tflite", "exports/model.onnx", "exports/parity.json"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(name)
    (path / "evaluation" / "test" / "worst_mistakes.png").write_text("faces")
    record = json.loads((path / "run.json").read_text())
    command = "fer-keras train --data /home/me/fer2013.csv --set model.weights=/w/base.h5"
    write_json(
        path / "run.json", record | {"command": command, "page": "https://keras.io/api/layers", "unit": "ms/face"}
    )
    RunFolder(path).write_manifest()
    return path, lambda patterns: publish.publish_run(path, tmp_path / "published", getattr(publish, patterns))


def test_a_published_run_has_no_faces_large_files_or_paths_of_a_machine(published):
    path, publish = published
    run = RunFolder.open(publish("PUBLISHED"))
    names = {file.relative_to(run.path).as_posix() for file in run.files()}
    dropped = {"evaluation/test/worst_mistakes.png", "exports/model.onnx"}
    assert names == {file.relative_to(path).as_posix() for file in RunFolder(path).files()} - dropped
    record = json.loads(run.run_json.read_text())
    assert record["command"] == "fer-keras train --data fer2013.csv --set model.weights=base.h5"
    assert (record["page"], record["unit"]) == ("https://keras.io/api/layers", "ms/face")
    assert "source: cnn-seed0.csv" in run.recipe.read_text()
    run.run_json.write_text("{}")
    assert RunFolder.open(publish("PUBLISHED")).run_json.stat().st_size > 2  # published again, as a whole


def test_the_record_of_a_run_makes_the_row_of_the_run(published):
    path, publish = published
    record = publish("RECORD")
    assert not (record / "model.keras").exists()
    assert table.collect([record]) == table.collect([path])
    (record / "evaluation" / "test" / "metrics.json").write_text("{}")
    with pytest.raises(ModelFileError, match="differs"):
        table.collect([record])


def unpack(output, name):
    """Files of a packed run, from its parts put together."""
    data = b"".join(file.read_bytes() for file in sorted(output.glob(f"{name}.tar.gz*")))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive.getmembers()}


@pytest.mark.parametrize("limit", [100, 10_000_000])
def test_a_packed_run_is_whole_and_without_scratch(make_run, tmp_path, limit):
    path = make_run("cnn-seed0", 0, {"validation": 0.66})
    (path / "checkpoint").mkdir()
    (path / "checkpoint" / "latest.npz").write_bytes(b"optimizer")
    output = tmp_path / "packed"
    for _ in range(2):  # packing again replaces
        listed = pack.pack_runs([path], output, limit / 10**6)["cnn-seed0"]
    assert len(listed) == (1 if limit > 10_000 else -(-sum(part["bytes"] for part in listed) // limit))
    assert max(part["bytes"] for part in listed) <= limit
    assert sorted(file.name for file in output.iterdir()) == sorted([*(p["file"] for p in listed), "packed.json"])
    content = unpack(output, "cnn-seed0")
    assert {name.partition("/")[2] for name in content} == {
        *("recipe.yaml", "run.json", "model.keras", "manifest.json", "evaluation/validation/metrics.json")
    }
    assert all(data == (path.parent / name).read_bytes() for name, data in content.items())


def request(driver, tmp_path, *words):
    return driver.parse(["--data", "faces.csv", "--recipes", "cnn", "--output", str(tmp_path / "runs"), *words])


def test_a_run_is_begun_resumed_or_skipped(driver, make_run, tmp_path):
    options = request(driver, tmp_path)
    driver.train("cnn", 7, options)
    (begun,) = driver.given
    assert begun == [
        *("train", "--recipe", "cnn", "--data", "faces.csv", "--seed", "7"),
        *("--name", "cnn-seed7", "--output", str(tmp_path / "runs")),
    ]
    run = RunFolder.create(tmp_path / "runs" / "cnn-seed7")
    write_text(run.recipe, dump_recipe(driver.resolve_recipe(None, "cnn", ("train.seed=7", "data.source=other.csv"))))
    driver.train("cnn", 7, options)
    assert driver.given[1] == ["train", "--resume", str(run.path), "--data", "faces.csv"]
    write_text(run.model, "weights")
    run.write_manifest()
    assert driver.train("cnn", 7, options).path == run.path
    assert len(driver.given) == 2
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["cnn-seed7"]


def test_a_run_of_another_recipe_is_left_alone(driver, tmp_path, capsys):
    run = RunFolder.create(tmp_path / "runs" / "cnn-seed0")
    write_text(run.recipe, dump_recipe(driver.resolve_recipe(None, "cnn", ("train.epochs=3",))))
    assert driver.train("cnn", 0, request(driver, tmp_path)) is None
    assert "another recipe" in capsys.readouterr().out
    assert driver.given == []
    driver.train("cnn", 0, request(driver, tmp_path, "--set", "train.epochs=3"))
    assert driver.given[0][1] == "--resume"


def test_the_test_split_is_scored_once_and_only_on_demand(driver, make_run, tmp_path):
    run = RunFolder(make_run("cnn-seed0", 0, {"validation": 0.66, "test": 0.68}))
    assert driver.evaluate(run, request(driver, tmp_path))
    assert [words[3:6] for words in driver.given] == [["validation", "--tta", "flip"]]
    driver.given.clear()
    driver.evaluate(run, request(driver, tmp_path, "--score-test", "--ferplus", "votes.csv"))
    assert [words[3:6] for words in driver.given] == [["validation", "--tta", "flip"], ["test", "--tta", "flip"]]
    assert driver.given[0][-4:] == ["--ferplus", "votes.csv", "--second-opinion", "ferplus"]


def test_a_failed_run_does_not_stop_the_others(driver, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "fer_keras", lambda *words: driver.given.append(words) or 1)
    finished, failed = driver.work(request(driver, tmp_path, "--seeds", "0,1"))
    assert (finished, failed) == ([], ["cnn, seed 0", "cnn, seed 1"])


def test_a_wrong_recipe_is_refused_before_anything_is_trained(driver, capsys):
    with pytest.raises(SystemExit):
        driver.parse(["--data", "faces.csv", "--recipes", "cnn,cnm"])
    assert "Did you mean 'cnn'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_for_real_and_again_with_nothing_left_to_do(driver, monkeypatch, tmp_path, tiny_csv, capsys):
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "tiny.yaml", "model: {name: simple_cnn, head_units: 0}\ntrain: {epochs: 1, batch_size: 14}\n")
    monkeypatch.setattr(driver, "fer_keras", lambda *words: driver.given.append(words) or run_command(list(words)))
    words = ["--data", tiny_csv, "--recipes", "tiny.yaml", "--seeds", "3", "--output", "runs", "--pack", "packed"]
    assert driver.main(words) == 0
    assert [command[0] for command in driver.given] == ["train", "evaluate", "evaluate"]
    (row,) = json.loads(Path("runs/results.json").read_text())["rows"]
    assert (row["name"], row["seeds"], row["scores"]["PublicTest flip"]["n"]) == ("tiny", [3], 14)
    assert row["scores"]["PrivateTest"]["accuracy"] is None  # not asked for
    assert "| tiny (fer2013) |" in capsys.readouterr().out
    assert "tiny-seed3/model.keras" in unpack(Path("packed"), "tiny-seed3")
    driver.given.clear()
    assert driver.main(words) == 0
    assert driver.given == []
