"""What a run folder must not be opened with."""

import json
import os

import pytest

from fer_keras.atomic_files import write_json, write_text
from fer_keras.errors import ModelFileError, RunFolderError
from fer_keras.runs.run_folder import RunFolder


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    for path in (folder.recipe, folder.model, folder.run_json, folder.exports / "savedmodel" / "saved_model.pb"):
        write_text(path, path.name)
    folder.write_manifest()
    return folder


def entries(run):
    return json.loads(run.manifest.read_text())["sha256"]


def test_a_whole_run_opens_wherever_it_lies_also_through_a_link_to_it(run, tmp_path):
    RunFolder.open(run.path)
    run.path.rename(tmp_path / "moved")
    (tmp_path / "latest").symlink_to("moved")
    RunFolder.open(tmp_path / "latest")


def spoil(path, damage):
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        new = {"flipped": bytes([content[0] ^ 1]) + content[1:], "truncated": content[:-1], "emptied": b""}
        path.write_bytes(new[damage])


DAMAGES = pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "removed"])


@pytest.mark.parametrize("name", ["model.keras", "recipe.yaml", "run.json"])
@DAMAGES
def test_a_damaged_run_is_refused_and_the_file_named(run, name, damage):
    spoil(run.path / name, damage)
    with pytest.raises((ModelFileError, RunFolderError), match=rf"{name}|no finished model"):
        RunFolder.open(run.path)


@DAMAGES
def test_a_damaged_result_is_refused_by_itself(run, damage):
    name = "exports/savedmodel/saved_model.pb"
    write_text(run.evaluation("test") / "metrics.json", "{}")
    run.write_manifest()
    spoil(run.path / name, damage)
    run = RunFolder.open(run.path)
    run.check(run.evaluation("test"), run.calibration)
    for look in (lambda: run.check(run.exports), run.verify, lambda: run.check(run.path / name)):
        with pytest.raises(ModelFileError, match=rf"{name} (is missing|differs).*verify .*--repair"):
            look()


@pytest.mark.parametrize(
    "name", ["calibration.json", "exports/model.onnx", "exports/savedmodel/variables/x", "evaluation/test/metrics.json"]
)
def test_a_file_that_would_be_read_must_be_listed(run, name):
    write_text(run.path / name, "new")
    run = RunFolder.open(run.path)
    for look in (run.verify, lambda: run.check(run.path / name), lambda: run.check(run.path / name.split("/")[0])):
        with pytest.raises(ModelFileError, match=f"{name} is not listed in manifest.json"):
            look()
    run.write_manifest()
    run.verify()


def test_a_model_that_the_manifest_does_not_list_is_refused(run):
    listed = entries(run)
    del listed["model.keras"]
    write_json(run.manifest, {"sha256": listed})
    with pytest.raises(ModelFileError, match="model.keras is not listed"):
        RunFolder.open(run.path)


def test_notes_beside_the_run_and_hidden_files_are_left_alone(run):
    for name in ("notes.txt", "papers/a.pdf", ".DS_Store", "exports/.DS_Store", "checkpoint/latest.npz"):
        write_text(run.path / name, "x")
    RunFolder.open(run.path)
    run.write_manifest()
    assert {"notes.txt", "papers/a.pdf"} < set(entries(run))
    assert not [name for name in entries(run) if "DS_Store" in name or "checkpoint" in name]


@pytest.mark.parametrize("name", ["model.keras", "exports/savedmodel/saved_model.pb", "exports", "manifest.json"])
def test_a_link_is_refused_whatever_it_leads_to(run, name, tmp_path):
    (run.path / name).rename(tmp_path / "away")
    (run.path / name).symlink_to(tmp_path / "away")
    with pytest.raises(ModelFileError, match=r"is a link|is no file of this project"):
        RunFolder.open(run.path).check(run.exports)


def test_links_never_come_into_the_manifest(run, tmp_path):
    write_text(tmp_path / "secret", "x")
    (run.path / "notes.txt").symlink_to(tmp_path / "secret")
    (run.path / "papers").symlink_to(tmp_path)
    run.write_manifest()
    assert set(entries(run)) == {"recipe.yaml", "model.keras", "run.json", "exports/savedmodel/saved_model.pb"}


@pytest.mark.parametrize(
    "name", ["../outside", "exports/../../outside", "/etc/hostname", "./model.keras", "a//b", "", "."]
)
def test_a_name_that_leads_out_of_the_run_is_refused(run, name):
    write_text(run.path.parent / "outside", "x")
    write_json(run.manifest, {"sha256": entries(run) | {name: "0" * 64}})
    with pytest.raises(ModelFileError, match="manifest.json has an entry that no run has"):
        RunFolder.open(run.path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"sha256": []}',
        '{"sha256": {"model.keras": 7}}',
        '{"sha256": {"model.keras": "x"}}',
        "[" * 100_000,
    ],
)
def test_an_unusable_manifest_is_one_clear_error(run, text):
    run.manifest.write_text(text)
    with pytest.raises(ModelFileError, match="manifest.json") as caught:
        RunFolder.open(run.path)
    assert "\n" not in str(caught.value)


def test_a_pipe_in_place_of_the_model_does_not_hang(run):
    run.model.unlink()
    os.mkfifo(run.model)
    with pytest.raises(RunFolderError, match="no finished model"):
        RunFolder.open(run.path)
