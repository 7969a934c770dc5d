"""Balanced classes, focal loss and soft labels through whole runs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from interrupted_runs import StopAt, weights

from fer_keras.datasets.faces import fingerprint
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.fitting import plan
from fer_keras.training.train import train

BASE = {
    "model": {"name": "cnn", "width": 8},
    "augmentation": {"rotation_range": 10.0, "horizontal_flip": True},
    "balance": {"target": 5, "cap": True},
    "train": {
        "epochs": 1,
        "batch_size": 7,
        "deterministic": True,
        "loss": "focal",
        "label_smoothing": 0.1,
        "imbalance": "class_weights",
    },
}


@pytest.fixture(scope="module")
def unbalanced(tiny_dataset):
    """Two faces of class 1, six of the others, with soft labels."""
    split = tiny_dataset.splits["train"]
    split = replace(split, soft_labels=(0.7 * np.eye(7)[split.labels] + 0.3 / 7).astype(np.float32))
    split = split.take((split.labels != 1) | (np.arange(len(split)) < 14))  # 38 faces
    splits = {**tiny_dataset.splits, "train": split}
    return replace(tiny_dataset, splits=splits, sha256=fingerprint(splits, tiny_dataset.classes))


def test_a_balanced_run_is_recorded_and_resumes_bit_for_bit(unbalanced, tmp_path):
    recipe = make_recipe(BASE)
    whole, parts = (RunFolder.create(tmp_path / name) for name in ("whole", "parts"))
    assert plan(recipe, unbalanced) == (7, 5)  # 7 classes of 5
    assert train(recipe, unbalanced, whole).finished
    assert not train(recipe, unbalanced, parts, observer=StopAt(1, 3)).finished
    assert train(recipe, unbalanced, parts).finished
    for ours, theirs in zip(weights(parts), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    record = json.loads(whole.run_json.read_text())["balance"]
    assert (record["loss"], record["focal_gamma"], record["target"]) == ("focal", 2.0, 5)
    assert list(record["faces_per_class"].values()) == [6, 2, 6, 6, 6, 6, 6]
    assert list(record["faces_per_class_and_epoch"].values()) == [5] * 7
