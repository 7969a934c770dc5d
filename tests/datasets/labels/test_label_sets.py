"""Choosing, dropping and merging classes."""

from dataclasses import replace

import numpy as np
import pytest

from fer_keras.datasets import FaceDataset, Split, fingerprint, select_classes
from fer_keras.datasets.labels.label_sets import named_as_ferplus
from fer_keras.emotions import AFFECTNET8, FERPLUS8
from fer_keras.errors import DataError


@pytest.fixture
def faces():
    """Each face's pixels tell its class of AFFECTNET8; three faces of each class per split."""
    labels = np.tile(np.arange(8), 3)
    images = np.broadcast_to(labels[:, None, None, None], (24, 4, 4, 1)).astype(np.uint8)
    split = Split(images, labels, np.array([f"{i}" for i in range(24)]))
    splits = dict.fromkeys(("train", "validation", "test"), split)
    return FaceDataset("face_folder", AFFECTNET8, splits, "x", fingerprint(splits, AFFECTNET8))


def names_of(dataset, split="train"):
    """Old class (by the pixels) to new class."""
    part = dataset.splits[split]
    pairs = zip(part.images[:, 0, 0, 0].tolist(), part.labels.tolist(), strict=True)
    return {AFFECTNET8[old]: dataset.classes[new] for old, new in pairs}


def test_nothing_asked_for_changes_nothing(faces):
    assert select_classes(faces) is faces
    assert select_classes(faces, None, (), {}) is faces


def test_chosen_classes_keep_the_order_given(faces):
    chosen = select_classes(faces, ["sad", "Happy", "ANGRY"])
    assert chosen.classes == ("sad", "happiness", "anger")
    for split in faces.splits:
        assert names_of(chosen, split) == {"sad": "sad", "happiness": "happiness", "anger": "anger"}
        assert len(chosen.splits[split]) == 9
    assert list(chosen.splits["train"].ids[:3]) == ["0", "4", "6"]


def test_faces_that_come_with_contempt_take_the_names_of_ferplus(faces):
    named = named_as_ferplus(faces, 8)
    assert named.classes == FERPLUS8
    meant = {"anger": "angry", "happiness": "happy"}
    assert names_of(named) == {name: meant.get(name, name) for name in AFFECTNET8}
    assert named_as_ferplus(faces, 7).classes == FERPLUS8[:7]
    assert named_as_ferplus(select_classes(faces, drop=["contempt"]), 7) is None


def test_dropped_classes_leave_the_order(faces):
    dropped = select_classes(faces, drop=["contempt", "Fear"])
    assert dropped.classes == tuple(name for name in AFFECTNET8 if name not in ("contempt", "fear"))
    assert set(names_of(dropped)) == set(dropped.classes)


def test_merged_classes_stand_where_the_first_part_stood(faces):
    merged = select_classes(faces, merge={"negative": ["sad", "disgust"]})
    assert merged.classes == ("anger", "contempt", "negative", "fear", "happiness", "neutral", "surprise")
    assert names_of(merged) == {
        **{name: name for name in merged.classes if name != "negative"},
        "disgust": "negative",
        "sad": "negative",
    }
    assert len(merged.splits["test"]) == 24


def test_a_class_that_takes_others_in_keeps_its_own(faces):
    merged = select_classes(faces, merge={"angry": ["contempt"]})
    assert merged.classes[0] == "anger"
    assert names_of(merged)["anger"] == names_of(merged)["contempt"] == "anger"


def test_merging_comes_before_choosing(faces):
    dataset = select_classes(faces, ["upset", "neutral"], merge={"upset": ["anger", "disgust"]})
    assert names_of(dataset) == {"anger": "upset", "disgust": "upset", "neutral": "neutral"}


def test_the_change_is_recorded(faces):
    dataset = select_classes(faces, drop=["fear"], merge={"upset": ["anger", "disgust"]})
    (change,) = dataset.changes
    assert change.name == "label_set"
    assert change.details["dropped"] == {"fear": 9}
    assert change.details["merged"] == {"upset": ["anger", "disgust"]}
    assert "6 of 8 classes" in change.sentence
    assert "n = 21 train, 21 validation, 21 test" in change.sentence
    assert dataset.sha256 == fingerprint(dataset.splits, dataset.classes) != faces.sha256


def test_soft_labels_are_summed_and_scaled(faces):
    soft = np.full((24, 8), 0.05, np.float32)
    soft[np.arange(24), faces.splits["train"].labels] = 0.65
    train = replace(faces.splits["train"], soft_labels=soft)
    dataset = replace(faces, splits={**faces.splits, "train": train})
    result = select_classes(dataset, drop=["fear"], merge={"upset": ["anger", "disgust"]}).splits["train"]
    np.testing.assert_allclose(result.soft_labels.sum(axis=1), 1, atol=1e-6)
    first = result.soft_labels[0]  # anger: upset 0.70, five others 0.05 each; fear's 0.05 is left out
    np.testing.assert_allclose(first, np.array([0.70, 0.05, 0.05, 0.05, 0.05, 0.05]) / 0.95, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"classes": ["sad", "happpy"]}, "unknown emotion 'happpy'.*Did you mean 'happiness'"),
        ({"classes": ["sad", "Sadness", "fear"]}, "the class sad is named twice"),
        ({"classes": ["sad"]}, "too few classes are left"),
        ({"classes": []}, "too few classes are left.*none"),
        ({"drop": AFFECTNET8[:7]}, "too few classes are left"),
        ({"classes": ["sad", "fear"], "drop": ["anger"]}, "both chosen and dropped"),
        ({"merge": {"a": ["sad", "fear"], "b": ["fear", "anger"]}}, "fear is merged twice"),
        ({"merge": {"sad": ["fear"], "b": ["sad", "anger"]}}, "sad is merged twice"),
        ({"merge": {"a": []}}, "joins nothing"),
        ({"merge": {"a": ["sad", "bored"]}}, "unknown emotion 'bored'"),
    ],
)
def test_mistakes_are_named(faces, options, problem):
    with pytest.raises(DataError, match=problem):
        select_classes(faces, **options)


def test_an_empty_split_is_refused(faces):
    only = faces.splits["test"].take(faces.splits["test"].labels == 0)
    with pytest.raises(DataError, match="no face of the test split is left"):
        select_classes(replace(faces, splits={**faces.splits, "test": only}), drop=["anger"])
