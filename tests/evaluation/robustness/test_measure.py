"""Scores under damage: against scores computed apart, and what happens to the files beside them."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from robustness_run import make_run
from sklearn.metrics import f1_score

from fer_keras.comparison.predictions import read_evaluation
from fer_keras.datasets.faces import Split
from fer_keras.errors import DataError, InputError
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import load_run_model, predict_probabilities
from fer_keras.evaluation.robustness import measure as robustness
from fer_keras.evaluation.robustness.corruptions import CORRUPTIONS, Corruption
from fer_keras.evaluation.robustness.measure import measure_robustness
from fer_keras.evaluation.robustness.report import COLUMNS, FILES, carry_robustness
from fer_keras.metrics.scores import wilson_interval
from fer_keras.runs.manifest import file_sha256
from fer_keras.runs.run_folder import RunFolder

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}
TWO = (BY_NAME["gamma"], BY_NAME["shift"])
WRITTEN = {"robustness.json", "robustness.csv", "robustness.png"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory, tiny_dataset):
    """One run after every corruption, what that returned, and the passes that were announced."""
    run = make_run(tmp_path_factory.mktemp("runs") / "a_run", tiny_dataset.sha256)
    passes = []
    result = measure_robustness(run, tiny_dataset, "validation", observe=lambda *now: passes.append(now))
    return run, result, passes


@pytest.fixture
def run(tmp_path, tiny_dataset):
    return make_run(tmp_path / "a_run", tiny_dataset.sha256)


def severities(result, name):
    (found,) = [entry for entry in result["corruptions"] if entry["name"] == name]
    return {entry["value"]: entry for entry in found["severities"]}


def blacken_late_faces(images, value, indices):
    """Leave seven faces of seven classes alone; of the others one, of the darkest class, is still told."""
    return np.where(indices[:, None, None, None] < 7, images, np.uint8(0))


def test_brightness_is_lost_by_gamma_and_kept_by_moving_pixels(measured):
    result = measured[1]
    assert result["clean"]["accuracy"] == result["clean"]["macro_f1"] == 1
    assert [entry["name"] for entry in result["corruptions"]] == list(BY_NAME)
    for value in (0.4, 2.5):
        assert severities(result, "gamma")[value]["accuracy"] < 0.5
    for name in ("blur", "shift", "low_resolution", "noise", "rotation"):
        assert min(entry["accuracy"] for entry in severities(result, name).values()) > 0.9
    assert severities(result, "square")[24]["accuracy"] < severities(result, "square")[12]["accuracy"]


def test_scores_are_those_of_the_damaged_faces(measured, tiny_dataset):
    run, result, _ = measured
    rows, model = tiny_dataset.splits["validation"], load_run_model(run)
    damaged = BY_NAME["gamma"](rows.images, 0.67)
    y_pred = predict_probabilities(model, damaged, batch_size=5).argmax(axis=1)
    right, entry = int((y_pred == rows.labels).sum()), severities(result, "gamma")[0.67]
    assert 0 < right < len(rows)
    assert entry["accuracy"] == right / len(rows)
    assert entry["accuracy_ci95"] == list(wilson_interval(right, len(rows)))
    expected = f1_score(rows.labels, y_pred, labels=range(7), average="macro", zero_division=0)
    assert entry["macro_f1"] == pytest.approx(expected)
    assert entry["accuracy_drop"] == pytest.approx(1 - right / len(rows))
    low, high = entry["accuracy_drop_ci95"]
    assert 0 < low < entry["accuracy_drop"] < high <= 1
    assert entry["macro_f1_drop"] == pytest.approx(1 - expected)


def test_means_and_origin(measured, tiny_dataset):
    run, result, _ = measured
    found = [np.mean([entry["accuracy"] for entry in item["severities"]]) for item in result["corruptions"]]
    assert result["mean_accuracy"] == pytest.approx(np.mean(found))
    assert (result["split"], result["n"], result["tta"], result["image_size"]) == ("validation", 14, "none", 48)
    assert result["dataset_sha256"] == result["trained_on_sha256"] == tiny_dataset.sha256
    assert result["model_sha256"] == file_sha256(run.model)
    assert result["most_frequent_class"] == {"name": "angry", "share": 2 / 14}


def test_files(measured):
    run, result, _ = measured
    folder = run.evaluation("validation")
    assert {path.name for path in folder.iterdir()} == WRITTEN
    assert json.loads((folder / "robustness.json").read_text()) == result
    header, clean, *lines = list(csv.reader((folder / "robustness.csv").open(encoding="utf-8")))
    assert tuple(header) == COLUMNS
    assert clean[:4] == ["none", "", "", "14"]
    entries = [(item["name"], entry) for item in result["corruptions"] for entry in item["severities"]]
    assert len(lines) == len(entries) == 29
    for line, (name, entry) in zip(lines, entries, strict=True):
        assert (line[0], float(line[2]), float(line[4])) == (name, entry["value"], entry["accuracy"])
    RunFolder.open(run.path)  # the manifest covers them


def test_a_folder_of_robustness_alone_is_no_evaluation(measured):
    assert read_evaluation(measured[0].evaluation("validation"), "validation", "none") is None


def test_passes_are_announced_and_bounded(measured):
    passes = measured[2]
    assert [done for done, _, _ in passes] == list(range(30))
    assert {total for _, total, _ in passes} == {30}
    assert passes[0][2] == "as they are"
    assert passes[1][2] == "Gaussian blur 0.5"


def test_chunks_change_nothing(run, tiny_dataset, monkeypatch):
    monkeypatch.setattr(robustness, "write_robustness", lambda *args: None)
    options = {"corruptions": (Corruption("late", "Late", "", (1,), None, blacken_late_faces),), "batch_size": 4}
    whole = measure_robustness(run, tiny_dataset, "validation", **options)
    monkeypatch.setattr(robustness, "_CHUNK_PIXELS", 1)
    parts = measure_robustness(run, tiny_dataset, "validation", **options)
    assert whole | {"date": ""} == parts | {"date": ""}
    assert severities(whole, "late")[1]["accuracy"] == 8 / 14


def test_evaluation_beside_it_stays_and_keeps_it(run, tiny_dataset):
    evaluate_run(run, tiny_dataset, "validation")
    folder = run.evaluation("validation")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    measure_robustness(run, tiny_dataset, "validation", corruptions=TWO)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(after) == set(before) | WRITTEN
    assert {name: after[name] for name in before} == before
    assert read_evaluation(folder, "validation", "none").metrics.n == 14
    evaluate_run(run, tiny_dataset, "validation")
    assert {name: (folder / name).read_bytes() for name in WRITTEN} == {name: after[name] for name in WRITTEN}
    RunFolder.open(run.path)


@pytest.mark.parametrize("change", [None, "split_sha256", "model_sha256", "tta", "damage"])
def test_it_is_carried_along_for_the_same_faces_model_and_views_only(tmp_path, change):
    earlier, later = tmp_path / "earlier", tmp_path / "later"
    for folder in (earlier, later):
        folder.mkdir()
    for name in FILES:
        (earlier / name).write_text("x")
    identity = {"split_sha256": "ab", "model_sha256": "cd", "tta": "none"}
    if change != "damage":
        (earlier / FILES[0]).write_text(json.dumps(identity))
    carry_robustness(earlier, later, identity | ({change: "other"} if change else {}))
    assert {path.name for path in later.iterdir()} == (set() if change else set(FILES))
    carry_robustness(tmp_path / "none there", later, identity)


def test_flip_goes_to_its_own_folder(run, tiny_dataset):
    result = measure_robustness(run, tiny_dataset, "test", tta="flip", corruptions=TWO)
    assert result["tta"] == "flip"
    assert (run.path / "evaluation/test_flip_tta/robustness.json").is_file()
    assert not run.evaluation("test").exists()


def test_another_image_size(tmp_path, tiny_dataset):
    def enlarge(split):
        return Split(np.kron(split.images[..., 0], np.ones((2, 2), np.uint8))[..., None], split.labels, split.ids)

    large = replace(tiny_dataset, splits={name: enlarge(split) for name, split in tiny_dataset.splits.items()})
    result = measure_robustness(make_run(tmp_path / "large", side=96), large, "validation", corruptions=TWO)
    assert result["image_size"] == 96
    assert result["clean"]["accuracy"] == 1
    assert any("another data set" in notice for notice in result["notices"])


def test_a_failure_half_way_writes_nothing(run, tiny_dataset):
    def stop(done, total, name):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_robustness(run, tiny_dataset, "validation", corruptions=TWO, observe=stop)
    assert not (run.path / "evaluation").exists()
    RunFolder.open(run.path)


def test_wrong_requests(run, tiny_dataset):
    with pytest.raises(InputError, match="unknown split"):
        measure_robustness(run, tiny_dataset, "tests")
    with pytest.raises(InputError, match="unknown tta"):
        measure_robustness(run, tiny_dataset, "test", tta="ten-crop")
    with pytest.raises(InputError, match="batch size"):
        measure_robustness(run, tiny_dataset, "test", batch_size=0)
    with pytest.raises(DataError, match="not those the model was trained on"):
        measure_robustness(run, replace(tiny_dataset, classes=tiny_dataset.classes[::-1]), "test")
    assert not (run.path / "evaluation").exists()
