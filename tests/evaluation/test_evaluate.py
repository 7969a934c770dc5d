"""A made-up run and made-up faces: every file of an evaluation, and what happens when something is wrong."""

import csv
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, InputError, ModelFileError, RunFolderError
from fer_keras.evaluation import evaluate as evaluation
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import load_run_model, predict_probabilities
from fer_keras.runs.run_folder import RunFolder

FILES = {
    "classification_report.txt",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "coverage.csv",
    "coverage.png",
    "metrics.json",
    "one_vs_rest.csv",
    "precision_recall.png",
    "predictions.csv",
    "reliability.png",
    "roc.png",
    "worst_mistakes.png",
}
CONTRACT = {"split", "n", "accuracy", "accuracy_ci95", "macro_f1", "balanced_accuracy", "top2_accuracy", "nll", "ece"}
CONTRACT |= {"per_class", "tta", "dataset_sha256", "deduplicated"}
COPIES = 5


def make_split(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 7, n)
    labels[labels == 1] = 0  # disgust never occurs
    images = rng.integers(0, 256, (n, 48, 48, 1), dtype=np.uint8)
    return Split(images, labels, np.array([f"made/up, {i}.png" for i in range(n)]))


@pytest.fixture(scope="session")
def dataset():
    train, validation, test = make_split(0, 40), make_split(1, 20), make_split(2, 45)
    test.images[:COPIES] = train.images[7 : 7 + COPIES]
    splits = {"train": train, "validation": validation, "test": test}
    return FaceDataset("made_up", FER7, splits, "nowhere", fingerprint(splits, FER7), ("These faces are noise.",))


@pytest.fixture(scope="session")
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(7)]
    return keras.Sequential([keras.Input((48, 48, 1)), *layers])


def make_run(path, model, dataset):
    run = RunFolder.create(path)
    run.recipe.write_text("model: {name: cnn}\n")
    run.run_json.write_text(json.dumps({"classes": list(FER7), "dataset": {"sha256": dataset.sha256}}))
    model.save(run.model)
    run.write_manifest()
    return RunFolder.open(run.path)


@pytest.fixture
def run(tmp_path, model, dataset):
    return make_run(tmp_path / "a_run", model, dataset)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory, model, dataset):
    """One run after ``evaluate_run`` on test, and what that returned; for tests that only look."""
    run = make_run(tmp_path_factory.mktemp("runs") / "evaluated", model, dataset)
    return run, evaluate_run(run, dataset, "test", batch_size=16)


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.reader(handle, strict=True))


def test_evaluation_writes_the_contract(evaluated, dataset, model):
    run, metrics = evaluated
    folder = run.evaluation("test")
    assert {path.name for path in folder.iterdir()} == FILES
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert metrics.keys() >= CONTRACT
    y_prob = predict_probabilities(model, dataset.splits["test"].images, batch_size=16)
    y_true = dataset.splits["test"].labels
    assert metrics["accuracy"] == sk.accuracy_score(y_true, y_prob.argmax(axis=1))
    assert metrics["n"] == 45
    assert (metrics["split"], metrics["tta"], metrics["dataset"]) == ("test", "none", "made_up")
    assert metrics["dataset_sha256"] == metrics["trained_on_sha256"] == dataset.sha256
    test_only = {"test": dataset.splits["test"]}
    assert metrics["split_sha256"] == fingerprint(test_only, dataset.classes) != metrics["dataset_sha256"]
    assert metrics["notices"] == ["These faces are noise."]
    RunFolder.open(run.path)  # the manifest covers the new files
    assert "evaluation/test/metrics.json" in json.loads(run.manifest.read_text())["sha256"]


def test_tables_agree_with_the_scores(evaluated, dataset):
    run, metrics = evaluated
    folder, rows = run.evaluation("test"), dataset.splits["test"]
    header, *lines = read_csv(folder / "predictions.csv")
    assert header == ["id", "true", "predicted", "confidence", "correct", *(f"p_{name}" for name in FER7)]
    assert [line[0] for line in lines] == rows.ids.tolist()
    y_prob = np.array([line[5:] for line in lines], np.float32)
    assert [line[2] for line in lines] == [FER7[i] for i in y_prob.argmax(axis=1)]
    assert [np.float32(line[3]) for line in lines] == y_prob.max(axis=1).tolist()
    assert sum(int(line[4]) for line in lines) == round(metrics["accuracy"] * 45)
    table = read_csv(folder / "confusion_matrix.csv")
    assert table[0] == ["true \\ predicted", *FER7]
    assert [row[0] for row in table[1:]] == list(FER7)
    counts = np.array([row[1:] for row in table[1:]], int)
    assert (counts == sk.confusion_matrix(rows.labels, y_prob.argmax(axis=1), labels=range(7))).all()
    report = (folder / "classification_report.txt").read_text()
    assert f"{metrics['macro_f1']:.4f}" in report
    assert report.endswith("These faces are noise.\n")


def test_pictures_are_complete(evaluated):
    for path in evaluated[0].evaluation("test").glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 300


def test_flip_is_reported_apart(run, dataset):
    plain = evaluate_run(run, dataset, "validation")
    flipped = evaluate_run(run, dataset, "validation", tta="flip")
    assert flipped["tta"] == "flip"
    assert flipped["nll"] != plain["nll"]
    assert json.loads((run.evaluation("validation") / "metrics.json").read_text()) == plain
    assert json.loads((run.path / "evaluation/validation_flip_tta/metrics.json").read_text()) == flipped


def test_copies_of_training_faces_are_left_out(evaluated, dataset, model):
    test = dataset.splits["test"]
    metrics = evaluated[1]
    y_pred = predict_probabilities(model, test.images[COPIES:], batch_size=16).argmax(axis=1)
    y_true = test.labels[COPIES:]
    clean = dict(metrics["deduplicated"])
    recall = sk.recall_score(y_true, y_pred, labels=range(7), average=None, zero_division=0)
    per_class = clean.pop("per_class")
    assert [entry["recall"] for entry in per_class.values()] == pytest.approx(recall)
    assert [entry["support"] for entry in per_class.values()] == np.bincount(y_true, minlength=7).tolist()
    assert clean == {
        "n": 45 - COPIES,
        "accuracy": sk.accuracy_score(y_true, y_pred),
        "macro_f1": sk.f1_score(y_true, y_pred, labels=range(7), average="macro", zero_division=0),
    }


def test_near_copies_are_left_out_too(run, dataset):
    train, test = dataset.splits["train"], dataset.splits["test"]
    images = test.images.copy()
    images[20] = np.clip(train.images[30].astype(int) + 4, 0, 255)  # brighter
    images[21] = train.images[31][:, ::-1]  # mirrored
    changed = replace(dataset, splits={**dataset.splits, "test": replace(test, images=images)})
    metrics = evaluate_run(run, changed, "test")
    assert metrics["copies_in_train"] == {"exact": COPIES, "near": 2}
    assert metrics["deduplicated"]["n"] == 45 - COPIES - 2


def test_deduplicated_of_train_and_of_copies_only(run, dataset):
    nothing = {"accuracy": None, "macro_f1": None, "per_class": None}
    assert evaluate_run(run, dataset, "train")["deduplicated"] == {"n": None, **nothing}
    copies = replace(dataset, splits={**dataset.splits, "test": dataset.splits["train"]})
    assert evaluate_run(run, copies, "test")["deduplicated"] == {"n": 0, **nothing}


def test_no_mistake_at_all(run, dataset, model):
    rows = dataset.splits["test"]
    labels = predict_probabilities(model, rows.images, batch_size=16).argmax(axis=1)
    easy = replace(dataset, splits={**dataset.splits, "test": replace(rows, labels=labels)})
    assert evaluate_run(run, easy, "test")["accuracy"] == 1
    assert {path.name for path in run.evaluation("test").iterdir()} == FILES


def test_another_data_set_is_noticed(run, dataset):
    run.run_json.write_text(json.dumps({"dataset": {"name": "another", "sha256": "ab" * 32}}))
    metrics = evaluate_run(run, dataset, "test")
    assert (metrics["trained_on_sha256"], metrics["dataset_sha256"]) == ("ab" * 32, dataset.sha256)
    assert any("another data set" in notice and "abababababab" in notice for notice in metrics["notices"])


def test_run_without_run_json_is_scored(run, dataset):
    run.run_json.unlink()
    metrics = evaluate_run(run, dataset, "test")
    assert metrics["trained_on_sha256"] is None


@pytest.mark.parametrize("text", ["{", "[]"])
def test_damaged_run_json_is_refused(run, dataset, text):
    run.run_json.write_text(text)
    with pytest.raises(RunFolderError, match=r"run\.json"):
        evaluate_run(run, dataset, "test")


def test_wrong_requests_write_nothing(run, dataset):
    empty = Split(np.zeros((0, 48, 48, 1), np.uint8), np.zeros(0, np.int64), np.zeros(0, str))
    other_order = replace(dataset, classes=tuple(reversed(FER7)))
    with pytest.raises(InputError, match="Did you mean 'test'"):
        evaluate_run(run, dataset, "tests")
    with pytest.raises(InputError, match="unknown tta"):
        evaluate_run(run, dataset, "test", tta="ten-crop")
    with pytest.raises(DataError, match="the test split of made_up is empty"):
        evaluate_run(run, replace(dataset, splits={**dataset.splits, "test": empty}), "test")
    with pytest.raises(DataError, match="not those the model was trained on"):
        evaluate_run(run, other_order, "test")
    assert not (run.path / "evaluation").exists()


def test_another_number_of_classes_is_refused(run, dataset):
    run.run_json.unlink()
    with pytest.raises(DataError, match=r"another number of classes.*8 \(.*contempt.*7 outputs"):
        evaluate_run(run, replace(dataset, classes=(*FER7, "contempt")), "test")


def test_failure_half_way_keeps_the_earlier_evaluation(run, dataset, monkeypatch):
    earlier = evaluate_run(run, dataset, "test")

    def fail(folder, *args):
        (folder / "metrics.json").write_text("half")
        raise RuntimeError("power cut")

    monkeypatch.setattr(evaluation, "write_report", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        evaluate_run(run, dataset, "test")
    assert json.loads((run.evaluation("test") / "metrics.json").read_text()) == earlier
    assert [path.name for path in (run.path / "evaluation").iterdir()] == ["test"]
    RunFolder.open(run.path)


def damage(path, kind):
    content = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    else:
        path.write_bytes({"empty": b"", "truncated": content[:-200], "text": b"no model"}[kind])


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "flipped"])
def test_damaged_models_are_named(run, kind):
    damage(run.model, kind)
    with pytest.raises(ModelFileError, match=r"model\.keras"):
        load_run_model(run)


def test_model_with_code_in_it_is_refused(run):
    lambda_layer = keras.layers.Lambda(lambda x: x)
    keras.Sequential([keras.Input((48, 48, 1)), lambda_layer]).save(run.model)
    with pytest.raises(ModelFileError, match="cannot load"):
        load_run_model(run)


def test_loaded_model_is_not_compiled_and_predicts_the_same(run, model, dataset):
    loaded = load_run_model(run)
    images = dataset.splits["test"].images
    assert not loaded.compiled
    expected = predict_probabilities(model, images, batch_size=16)
    np.testing.assert_allclose(predict_probabilities(loaded, images, batch_size=16), expected, atol=1e-6)
