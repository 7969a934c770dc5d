import json

import pytest

from fer_keras import atomic_files
from fer_keras.atomic_files import atomic_folder, atomic_path, write_json, write_text
from fer_keras.errors import ModelFileError, RunFolderError
from fer_keras.runs.run_folder import RunFolder


def make_run(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    write_text(run.recipe, "model: {name: cnn}\n")
    write_text(run.model, "weights")
    run.write_manifest()
    return run


def test_an_existing_folder_is_never_overwritten(tmp_path):
    make_run(tmp_path)
    with pytest.raises(RunFolderError, match="exists already.*--resume"):
        RunFolder.create(tmp_path / "run")


def test_a_failed_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="broken"), atomic_path(path) as scratch:
        scratch.write_text("half")
        raise ValueError("broken")
    assert json.loads(path.read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_folder_leaves_the_old_one_whole(tmp_path):
    with atomic_folder(tmp_path / "e") as scratch:
        (scratch / "x").write_text("old")
    with pytest.raises(ValueError, match="broken"), atomic_folder(tmp_path / "e") as scratch:
        (scratch / "x").write_text("new")
        raise ValueError("broken")
    assert (tmp_path / "e" / "x").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["e"]


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(RunFolderError, match="No space left on device") as caught:
        write_text(tmp_path / "a", "text")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_permission_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="--output"):
        RunFolder.create(tmp_path / "file" / "run")


def test_nan_is_not_written_as_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_notices_changed_and_missing_files(tmp_path):
    run = make_run(tmp_path)
    RunFolder.open(run.path)
    run.model.write_text("other")
    with pytest.raises(ModelFileError, match=r"model\.keras differs"):
        RunFolder.open(run.path)
    run.model.write_text("weights")
    run.recipe.rename(tmp_path / "away")
    with pytest.raises(RunFolderError, match=r"no recipe\.yaml"):
        RunFolder.open(run.path)


def test_scratch_files_are_not_part_of_the_run(tmp_path):
    run = make_run(tmp_path)
    write_text(run.scratch / "latest.npz", "x")
    (run.path / ".hidden").write_text("x")
    run.write_manifest()
    assert set(json.loads(run.manifest.read_text())["sha256"]) == {"recipe.yaml", "model.keras"}


def test_an_unfinished_run_says_how_to_finish(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    write_text(run.recipe, "")
    with pytest.raises(RunFolderError, match="train --resume"):
        RunFolder.open(run.path)
