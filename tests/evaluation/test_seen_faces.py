"""Scores without copies are held against the faces that a network was trained on, not those of the file at hand."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from fer_keras.datasets.copies import duplicates
from fer_keras.datasets.copies.duplicates import face_digests, find_duplicates
from fer_keras.datasets.copies.leaks import drop_leaks
from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, ModelFileError
from fer_keras.evaluation.calibration.calibrate import calibrate_run
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.seen_faces import find_seen_faces
from fer_keras.runs.run_folder import RunFolder

SIZES = {"train": 60, "validation": 20, "test": 20}


def make_dataset(splits: dict[str, Split], **more) -> FaceDataset:
    return FaceDataset("fer2013", FER7, splits, "x.csv", fingerprint(splits, FER7), **more)


@pytest.fixture(scope="module")
def dataset() -> FaceDataset:
    """Random faces; test rows 0 to 4 are train rows 0 to 4, and test row 5 is train row 40 a little brighter."""
    rng, splits = np.random.default_rng(0), {}
    for name, n in SIZES.items():
        coarse = rng.integers(40, 200, (n, 6, 6))
        images = np.kron(coarse, np.ones((8, 8))).astype(np.uint8)[..., None]
        splits[name] = Split(images, np.arange(n) % 7, np.array([f"{name} {i}" for i in range(n)]))
    splits["test"].images[:5] = splits["train"].images[:5]
    splits["test"].images[5] = splits["train"].images[40] + 9
    return make_dataset(splits)


def part(dataset: FaceDataset, limit: int) -> FaceDataset:
    """As ``data.limit`` makes it."""
    splits = {name: split.take(np.arange(min(limit, len(split)))) for name, split in dataset.splits.items()}
    return make_dataset(splits, origin=dataset)


@pytest.fixture
def run(dataset, tmp_path) -> RunFolder:
    """A network that was trained on ``dataset``."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((48, 48, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(7)]
    run = RunFolder.create(tmp_path / "run")
    keras.Sequential(layers).save(run.model)
    run.recipe.write_text("model: {name: cnn}\n")
    run.run_json.write_text(json.dumps({"classes": list(FER7), "dataset": {"sha256": dataset.sha256}}))
    np.save(run.training_faces, face_digests(dataset.splits["train"].images))
    run.write_manifest()
    return run


def test_all_of_the_data_it_was_trained_on(run, dataset):
    metrics = evaluate_run(run, dataset, "test")
    assert metrics["deduplicated"]["n"] == 14
    assert metrics["copies_in_train"] == {"exact": 5, "near": 1}


@pytest.mark.parametrize("limit", [10, 18])
def test_a_slice_is_held_against_all_training_faces(run, dataset, limit):
    """The near copy's original, train row 40, is not in the slice."""
    metrics = evaluate_run(run, part(dataset, limit), "test")
    assert metrics["deduplicated"]["n"] == limit - 6
    assert "reason" not in metrics["deduplicated"]


def test_faces_that_were_left_out_later_were_trained_on_all_the_same(run, dataset):
    cleaned = drop_leaks(dataset)
    assert len(cleaned.splits["train"]) < 60
    assert evaluate_run(run, cleaned, "test")["deduplicated"]["n"] == 14


def split_anew(dataset: FaceDataset) -> FaceDataset:
    """A public copy whose test faces are those that the official train split holds."""
    swapped = {"train": dataset.splits["test"], "validation": dataset.splits["validation"]}
    return make_dataset({**swapped, "test": dataset.splits["train"]})


def test_a_copy_that_was_split_anew_has_no_number_but_a_reason(run, dataset):
    metrics = evaluate_run(run, split_anew(dataset), "test")
    assert metrics["copies_in_train"] is None
    found = metrics["deduplicated"]
    assert (found["n"], found["accuracy"], found["macro_f1"], found["per_class"]) == (None, None, None, None)
    assert "60 of 60 faces are pixel-identical to a face that the network was trained on" in found["reason"]


def test_nothing_is_known_of_a_network_from_a_file(run, dataset):
    run.training_faces.unlink()
    run.run_json.write_text(json.dumps({"classes": list(FER7)}))
    run.write_manifest()
    metrics = evaluate_run(run, dataset, "test")
    assert metrics["deduplicated"]["n"] is None
    assert metrics["deduplicated"]["reason"] == "nobody knows which faces the network was trained on"


def test_calibration_leaves_out_what_it_was_trained_on_and_says_what_is_unknown(run, dataset):
    anew = split_anew(dataset)
    faces = {**anew.splits, "validation": dataset.splits["train"]}
    with pytest.raises(DataError, match="every validation face of fer2013 has a copy in training"):
        calibrate_run(run, make_dataset(faces))
    half = np.concatenate([dataset.splits["train"].images[:10], dataset.splits["validation"].images])
    labels = np.arange(len(half)) % 7
    mixed = Split(half, labels, labels.astype(str))
    found = calibrate_run(run, make_dataset({**anew.splits, "validation": mixed}))
    assert (found.n, found.copies_left_out) == (20, 10)
    assert "10 of 30 faces are pixel-identical" in found.notices[-1]
    assert calibrate_run(run, dataset).notices == ()


def test_digests_that_are_none_are_refused(run, dataset):
    np.save(run.training_faces, np.zeros((3, 2)))
    with pytest.raises(ModelFileError, match="holds no digests"):
        find_seen_faces(run, {}, dataset, "test")
    run.training_faces.write_bytes(b"not numpy")
    with pytest.raises(ModelFileError, match="cannot be read"):
        find_seen_faces(run, {}, dataset, "test")


def test_relabelled_faces_are_found_by_their_origin(dataset):
    other = dataclasses.replace(dataset, sha256="other", origin=dataset)
    assert other.origin.sha256 == dataset.sha256
    assert "origin" not in repr(other)


def test_no_score_searches_again(run, dataset, monkeypatch):
    find_duplicates(dataset)
    monkeypatch.setattr(duplicates, "search_copies", None)
    monkeypatch.setattr("fer_keras.evaluation.seen_faces.near_copies", None)
    for scored in (dataset, part(dataset, 18), drop_leaks(dataset)):
        assert evaluate_run(run, scored, "test")["copies_in_train"] == {"exact": 5, "near": 1}
        calibrate_run(run, scored)


def test_copies_that_nobody_looked_for_are_said_to_be_so(run, dataset, monkeypatch):
    unchecked = dataclasses.replace(dataset, checked=False)
    monkeypatch.setattr("fer_keras.evaluation.seen_faces.find_duplicates", None)
    metrics = evaluate_run(run, unchecked, "test")
    assert metrics["copies_in_train"] is None
    assert (metrics["deduplicated"]["n"], metrics["deduplicated"]["accuracy"]) == (None, None)
    assert metrics["deduplicated"]["reason"] == "copies were not looked for (data.check: off)"
    found = calibrate_run(run, part(unchecked, 20))
    assert found.copies_left_out == 0
    assert found.notices[-1].startswith("copies were not looked for (data.check: off); a network is surer")
