"""Run folders of the contract, written directly: nothing is trained."""

import json

import numpy as np
import pytest

from fer_keras.atomic_files import write_json, write_text
from fer_keras.datasets.faces import Split
from fer_keras.emotions import FER7
from fer_keras.evaluation.report import write_confusion_matrix, write_predictions
from fer_keras.metrics.scores import confusion, score
from fer_keras.runs.history import COLUMNS
from fer_keras.runs.run_folder import RunFolder

HARDWARE = {"cpu": "Test CPU", "cores": 2, "memory_gib": 8.0, "gpus": []}
SHA256 = "a" * 64
N = 210


def make_faces(n=N, seed=0, prefix="row"):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 48, 48, 1), dtype=np.uint8)
    return Split(images, np.arange(n) % 7, np.array([f"{prefix} {i}" for i in range(n)]))


def make_probabilities(labels, wrong, classes=7):
    """Confident and right, except on the rows ``wrong``, which get the next class."""
    predicted = labels.copy()
    predicted[wrong] = (predicted[wrong] + 1) % classes
    return (
        np.full((len(labels), classes), 0.3 / (classes - 1), np.float32)
        + np.float32(0.7 - 0.3 / (classes - 1)) * np.eye(classes, dtype=np.float32)[predicted]
    )


def write_evaluation(
    run, faces, wrong, *, tta="none", split="test", dataset="fer2013", sha256=SHA256, classes=FER7, split_sha256=None
):
    y_prob = make_probabilities(faces.labels, wrong, len(classes))
    folder = run.evaluation(split, "" if tta == "none" else f"{tta}_tta")
    folder.mkdir(parents=True)
    metrics = {
        "split": split,
        **score(faces.labels, y_prob, classes),
        "tta": tta,
        "dataset": dataset,
        "dataset_sha256": sha256,
        "split_sha256": split_sha256,
        "notices": ["synthetic faces: results say nothing about real faces"] if dataset == "synthetic" else [],
        "deduplicated": {"n": None, "accuracy": None, "macro_f1": None},
    }
    write_json(folder / "metrics.json", metrics)
    write_predictions(folder / "predictions.csv", faces, classes, y_prob)
    matrix = confusion(faces.labels, y_prob.argmax(axis=1), len(classes))
    write_confusion_matrix(folder / "confusion_matrix.csv", matrix, classes)
    run.write_manifest()


def write_history(run, accuracies):
    lines = [",".join(COLUMNS)]
    for epoch, (train, validation) in enumerate(accuracies, start=1):
        lines.append(f"{epoch},{10.0 + epoch},0.001,{1 / epoch},{train},{1.2 / epoch},{validation}")
    write_text(run.history, "\n".join(lines) + "\n")


@pytest.fixture
def make_run(tmp_path):
    """Return a function that writes one run: name, rows it gets wrong (None: not evaluated), and what differs."""

    def make(name, wrong=(), *, seed=0, recipe="", hardware=HARDWARE, trained_on=SHA256, faces=None, **evaluation):
        run = RunFolder.create(tmp_path / name)
        write_text(run.recipe, f"train: {{seed: {seed}, epochs: 3}}\n{recipe}")
        write_text(run.model, f"weights of {name}")
        write_history(run, [(0.3, 0.25), (0.6, 0.5), (0.9, 0.45)])
        dataset = evaluation.get("dataset", "fer2013")
        record = {
            "model": "cnn",
            "classes": list(evaluation.get("classes", FER7)),
            "dataset": {"name": dataset, "sha256": trained_on, "faces": {"train": 700}},
            "seed": seed,
            "parameters": 1000,
            "trainable_parameters": 900,
            "macs": 2_000_000,
            "hardware": hardware,
            "versions": {"keras": "3.15.1"},
            "epochs_run": 3,
            "training_seconds": 36.0,
        }
        write_text(run.run_json, json.dumps(record))
        run.write_manifest()
        if wrong is not None:
            write_evaluation(run, faces or make_faces(), list(wrong), **evaluation)
        return run

    return make


@pytest.fixture
def add_evaluation():
    """Return :func:`write_evaluation`: run, faces, rows it gets wrong."""
    return write_evaluation


@pytest.fixture
def faces_of():
    """Return :func:`make_faces`: n, seed, prefix of the ids."""
    return make_faces
