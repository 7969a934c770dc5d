"""What is broken is named; repair removes results and keeps the model by its sum."""

import json
import os

import pytest
from fer_keras_cli.main import run as fer_keras

from fer_keras.atomic_files import write_json, write_text
from fer_keras.errors import ModelFileError
from fer_keras.runs.repair import inspect_run, repair_run
from fer_keras.runs.run_folder import RunFolder

RESULTS = ("evaluation/test/metrics.json", "evaluation/test/predictions.csv", "evaluation/validation/metrics.json",
           "exports/model.tflite", "exports/savedmodel/saved_model.pb", "calibration.json", "calibration/curve.png",
           "history.csv", "notes.txt")  # fmt: skip


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    for path in (folder.recipe, folder.model, folder.run_json, *(folder.path / name for name in RESULTS)):
        write_text(path, path.name)
    folder.write_manifest()
    return folder


def names(run):
    return {path.relative_to(run.path).as_posix() for path in run.files()}


@pytest.mark.parametrize(
    ("damaged", "removed"),
    [
        ("evaluation/test/metrics.json", {"evaluation/test/metrics.json", "evaluation/test/predictions.csv"}),
        ("exports/model.tflite", {"exports/model.tflite", "exports/savedmodel/saved_model.pb"}),
        ("calibration/curve.png", {"calibration.json", "calibration/curve.png"}),
        ("history.csv", {"history.csv"}),
    ],
)
@pytest.mark.parametrize("damage", ["changed", "missing", "link"])
def test_a_broken_result_goes_and_everything_else_stays(run, damaged, removed, damage, tmp_path):
    before, path = names(run), run.path / damaged
    if damage == "changed":
        path.write_text("other")
    else:
        path.unlink()
        if damage == "link":
            write_text(tmp_path / "elsewhere", "precious")
            path.symlink_to(tmp_path / "elsewhere")
    (broken,) = repair_run(run)
    assert any(damaged in reason for reason in broken.reasons)
    assert names(run) == before - removed
    run.verify()
    assert run.model.read_text() == "model.keras"
    if damage == "link":
        assert (tmp_path / "elsewhere").read_text() == "precious"


@pytest.mark.parametrize("result", ["evaluation/test", "exports"])
def test_a_file_that_was_added_to_a_result_breaks_it(run, result):
    write_text(run.path / result / "stranger", "x")
    assert [item.names for item in repair_run(run)] == [(result,)]
    assert not (run.path / result).exists()
    run.verify()


def test_somebodys_own_file_is_taken_as_it_is(run):
    (run.path / "notes.txt").write_text("more notes")
    (broken,) = repair_run(run)
    assert broken.is_foreign
    assert (run.path / "notes.txt").read_text() == "more notes"
    run.verify()


@pytest.mark.parametrize("name", ["model.keras", "recipe.yaml", "run.json"])
def test_a_damaged_model_recipe_or_record_is_not_repaired(run, name):
    (run.path / name).write_text("other")
    (run.path / "history.csv").write_text("other")
    with pytest.raises(ModelFileError, match=rf"cannot be repaired: {name} differs.*Restore"):
        repair_run(run)
    assert "history.csv" in names(run), "nothing is removed"


def test_a_sound_run_is_left_alone(run):
    before = run.manifest.read_bytes()
    assert inspect_run(run) == repair_run(run) == []
    assert run.manifest.read_bytes() == before


def test_what_earlier_versions_left_behind_after_a_crash_is_repaired(run):
    """They put a result in place before its sums, and refused the run for ever when they were killed in between."""
    write_json(run.evaluation("test") / "metrics.json", {"new": 1})
    write_text(run.evaluation("train") / "metrics.json", "new")
    RunFolder.open(run.path)
    assert {item.names for item in repair_run(run)} == {("evaluation/test",), ("evaluation/train",)}
    assert RunFolder.open(run.path).evaluation("validation").is_dir()
    run.verify()


def test_a_pipe_in_place_of_a_result_does_not_hang(run):
    path = run.evaluation("test") / "metrics.json"
    path.unlink()
    os.mkfifo(path)
    assert [item.names for item in repair_run(run)] == [("evaluation/test",)]
    run.verify()


def test_the_command_says_each_and_its_exit_code_tells(run, capsys):
    assert fer_keras(["verify", str(run.path)]) == 0
    assert "each as it was written" in capsys.readouterr().out
    (run.path / "exports/model.tflite").write_text("other")
    run.history.unlink()
    for _ in range(2):
        with pytest.raises(SystemExit, match="1"):
            fer_keras(["verify", str(run.path)])
        text = capsys.readouterr().out
        assert "exports/model.tflite differs from the manifest" in text
        assert "history.csv is missing" in text
        assert "--repair" in text
    assert fer_keras(["verify", str(run.path), "--repair", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(item["result"] for item in found["broken"]) == ["exports", "history.csv"]
    assert fer_keras(["verify", str(run.path)]) == 0
