"""Calibration of a run: fitted where the answer is known, stored, read back, refused, and used by the evaluation."""

import csv
import json
import shutil
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, InputError, ModelFileError, RunFolderError
from fer_keras.evaluation.calibration.calibrate import calibrate_run
from fer_keras.evaluation.calibration.record import read_calibration
from fer_keras.evaluation.calibration.report import score_uncertain
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import average_views, predict_views
from fer_keras.metrics.scores import expected_calibration_error, negative_log_likelihood, softmax
from fer_keras.runs.run_folder import RunFolder

TRUE_TEMPERATURE = 2.0
FACES, COPIES = 1000, 10


@pytest.fixture(scope="module")
def model():
    """Logits from the brightness of the four quarters of a face."""
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D(24), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((48, 48, 1)), *layers, keras.layers.Dense(7)])
    kernel = np.random.default_rng(1).normal(0, 200, (4, 7))
    model.layers[-1].set_weights([kernel, -0.5 * kernel.sum(axis=0)])
    return model


def make_split(model, n, seed):
    """Noise whose labels are drawn from softmax(logits / 2): the model is too sure."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 48, 48, 1), dtype=np.uint8)
    (logits,) = predict_views(model, images, batch_size=256)
    p = softmax(logits / TRUE_TEMPERATURE)
    labels = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 6)
    return Split(images, labels.astype(np.int64), np.array([f"row {seed}-{i}" for i in range(n)]), p.astype(np.float32))


@pytest.fixture(scope="module")
def dataset(model):
    sizes = {"train": 40, "validation": FACES, "test": 300}
    splits = {name: make_split(model, n, seed) for seed, (name, n) in enumerate(sizes.items())}
    for name in ("validation", "test"):
        splits[name].images[:COPIES] = splits["train"].images[:COPIES]
    return FaceDataset("made_up", FER7, splits, "nowhere", fingerprint(splits, FER7), ("These faces are noise.",))


def make_run(path, model, dataset):
    run = RunFolder.create(path)
    run.recipe.write_text("model: {name: cnn}\n")
    run.run_json.write_text(json.dumps({"classes": list(FER7), "dataset": {"sha256": dataset.sha256}}))
    model.save(run.model)
    run.write_manifest()
    return RunFolder.open(run.path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model, dataset):
    return make_run(tmp_path_factory.mktemp("runs") / "finished", model, dataset)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, finished, dataset):
    """One run after ``calibrate_run`` and what that returned; for tests that only look."""
    run = copy_run(finished, tmp_path_factory.mktemp("runs") / "calibrated")
    return run, calibrate_run(run, dataset)


@pytest.fixture
def run(tmp_path, finished):
    return copy_run(finished, tmp_path / "a_run")


def copy_run(run, path):
    shutil.copytree(run.path, path)
    return RunFolder.open(path)


def test_known_temperature_is_found_and_stored(calibrated, dataset):
    run, found = calibrated
    assert found.temperature == pytest.approx(TRUE_TEMPERATURE, rel=0.12)
    assert (found.n, found.copies_left_out, found.split, found.targets) == (
        FACES - COPIES,
        COPIES,
        "validation",
        "hard",
    )
    assert found.after.nll < found.before.nll
    assert found.after.ece < found.before.ece / 3
    assert found.after.ece_adaptive < found.before.ece_adaptive / 3
    assert found.dataset_sha256 == dataset.sha256
    assert found.notices == ("These faces are noise.",)
    assert read_calibration(RunFolder.open(run.path)) == found
    assert set(json.loads(run.manifest.read_text())["sha256"]) >= {"calibration.json", "calibration/coverage.csv"}


def test_threshold_is_that_of_the_stored_curve(calibrated):
    run, found = calibrated
    with open(run.path / "calibration/coverage.csv", newline="") as handle:
        rows = {float(row["threshold"]): row for row in csv.DictReader(handle)}
    row = rows[found.threshold]
    assert float(row["precision_low"]) >= found.target_precision == 0.8
    assert float(rows[round(found.threshold - 0.01, 2)]["precision_low"]) < 0.8
    assert float(row["precision"]) == pytest.approx(found.precision, abs=1e-6)
    assert float(row["coverage"]) == pytest.approx(found.coverage, abs=1e-6)


def test_scores_before_and_after_are_those_of_the_metrics(calibrated, model, dataset):
    found, rows = calibrated[1], dataset.splits["validation"]
    (logits,) = predict_views(model, rows.images[COPIES:], batch_size=256)
    p = softmax(logits.astype(np.float64) / found.temperature)
    assert found.after.nll == pytest.approx(negative_log_likelihood(rows.labels[COPIES:], p), rel=1e-6)
    assert found.after.ece == pytest.approx(expected_calibration_error(rows.labels[COPIES:], p), abs=1e-6)


def test_soft_targets_meet_the_distributions(run, dataset):
    found = calibrate_run(run, dataset, targets="soft")
    assert found.temperature == pytest.approx(TRUE_TEMPERATURE, rel=1e-3)
    assert found.targets == "soft"


def test_target_out_of_reach_is_said_and_not_made_up(run, dataset):
    found = calibrate_run(run, dataset, target_precision=0.999)
    assert (found.threshold, found.precision, found.precision_low, found.coverage) == (None,) * 4
    rows = dataset.splits["test"]
    assert read_calibration(run) == found
    assert score_uncertain(rows.labels, rows.soft_labels, found.threshold, 0.999)["precision"] is None


def test_evaluation_reports_both(calibrated, tmp_path, finished, dataset, model):
    plain = evaluate_run(copy_run(finished, tmp_path / "plain"), dataset, "test")
    assert plain["calibrated"] is None
    found, run = calibrated[1], copy_run(calibrated[0], tmp_path / "calibrated")
    metrics = evaluate_run(run, dataset, "test")
    assert {**metrics, "calibrated": None, "date": ""} == {**plain, "date": ""}  # temperature 1 stays as it was
    after, rows = metrics["calibrated"], dataset.splits["test"]
    p = average_views(predict_views(model, rows.images, batch_size=256), found.temperature)
    assert after["nll"] == pytest.approx(negative_log_likelihood(rows.labels, p), rel=1e-6)
    assert after["nll"] < metrics["nll"]
    assert after["ece"] < metrics["ece"] / 2
    assert after["accuracy"] == metrics["accuracy"]
    kept = p.max(axis=1) >= found.threshold
    assert after["uncertain"]["kept"] == kept.sum()
    assert after["uncertain"]["precision"] == (p.argmax(axis=1) == rows.labels)[kept].mean()
    assert after["deduplicated"]["n"] == 300 - COPIES
    assert (run.evaluation("test") / "coverage.csv").is_file()
    RunFolder.open(run.path)


def test_temperature_divides_each_view_before_the_mean(model, dataset):
    views = predict_views(model, dataset.splits["test"].images[:5], batch_size=8, tta="flip")
    expected = (softmax(views[0] / 3.0) + softmax(views[1] / 3.0)) / 2
    np.testing.assert_allclose(average_views(views, 3.0), expected, atol=1e-6)


def test_uncertain_counts():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    found = score_uncertain(np.array([0, 1, 1, 0]), p, 0.6, 0.8)
    assert (found["kept"], found["coverage"], found["precision"]) == (3, 0.75, 2 / 3)
    nothing = score_uncertain(np.array([0, 1, 1, 0]), p, 0.95, 0.8)
    assert (nothing["kept"], nothing["coverage"], nothing["precision"]) == (0, 0, None)


def test_calibration_of_another_model_is_refused(calibrated, tmp_path):
    run = copy_run(calibrated[0], tmp_path / "a_run")
    run.model.write_bytes(b"another model")
    with pytest.raises(ModelFileError, match=r"another model.*fer-keras calibrate"):
        read_calibration(run)


def test_run_without_calibration_has_none(run):
    assert read_calibration(run) is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"temperature": 0}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"threshold": 1.5}, "threshold"),
        ({"model_sha256": "short"}, "model_sha256"),
        ({"format_version": 2}, "format_version"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_strange_calibration_is_refused_by_its_key(run, calibrated, change, where):
    run.calibration.write_text(json.dumps({**asdict(calibrated[1]), **change}))
    with pytest.raises(RunFolderError, match=rf"calibration\.json: '{where}'"):
        read_calibration(run)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"temperature": 1}', "\x00\xff"])
def test_damaged_calibration_is_refused(run, text):
    run.calibration.write_text(text)
    with pytest.raises(RunFolderError, match=r"calibration\.json"):
        read_calibration(run)


def test_wrong_requests_write_nothing(run, dataset):
    hard = replace(dataset.splits["validation"], soft_labels=None)
    copies = replace(dataset, splits={**dataset.splits, "validation": dataset.splits["train"]})
    with pytest.raises(InputError, match="target precision"):
        calibrate_run(run, dataset, target_precision=80)
    with pytest.raises(InputError, match="Did you mean 'hard'"):
        calibrate_run(run, dataset, targets="hrd")
    with pytest.raises(DataError, match="no soft labels"):
        calibrate_run(run, replace(dataset, splits={**dataset.splits, "validation": hard}), targets="soft")
    with pytest.raises(DataError, match="has a copy in training"):
        calibrate_run(run, copies)
    with pytest.raises(DataError, match="not those the model was trained on"):
        calibrate_run(run, replace(dataset, classes=tuple(reversed(FER7))))
    assert read_calibration(run) is None
    assert not (run.path / "calibration").exists()


def test_logits_that_mean_nothing_are_not_called_right(dataset, tmp_path):
    """An untrained network's logits are so small that sharpening them always helps a little."""
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D(24), keras.layers.Flatten()]
    flat = keras.Sequential([keras.Input((48, 48, 1)), *layers, keras.layers.Dense(7)])
    kernel = np.random.default_rng(1).normal(0, 0.05, (4, 7))
    flat.layers[-1].set_weights([kernel, -0.5 * kernel.sum(axis=0)])
    found = calibrate_run(make_run(tmp_path / "run", flat, dataset), dataset)
    assert found.at_bound
    (notice,) = [text for text in found.notices if "at a bound" in text]
    assert "right about every face" not in notice
    assert "hardly been trained" in notice
