"""Exploration: the numbers, the choice of faces and the copies."""

import json

import numpy as np
import pytest

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.exploration.copies import Copy, NearCopy, each_face_once, worst_groups
from fer_keras.exploration.summary import describe, explore, mean_faces, measure_split, sample_rows


def test_counts_gray_levels_and_statistics_of_known_pictures():
    flat, halves = np.full((10, 12), 7, np.uint8), np.zeros((10, 12), np.uint8)
    halves[:, 6:] = 200
    images = np.stack([flat, halves, halves])[..., None]
    numbers = measure_split(Split(images, np.array([2, 0, 2]), np.array(["a", "b", "c"])), 4)
    assert numbers.counts.tolist() == [1, 0, 2, 0]
    assert {level: n for level, n in enumerate(numbers.gray_levels) if n} == {0: 120, 7: 120, 200: 120}
    np.testing.assert_allclose(numbers.brightness, [7, 100, 100])
    np.testing.assert_allclose(numbers.contrast, [0, 100, 100])
    # the edge: +200 on one side, -200 on the other, of ten inner columns
    np.testing.assert_allclose(numbers.sharpness, [0, 8000, 8000], rtol=1e-5)


def test_mean_faces_over_several_blocks(monkeypatch, tiny_dataset):
    train = tiny_dataset.splits["train"]
    monkeypatch.setattr("fer_keras.datasets.copies.perceptual_hash._PIXELS_AT_ONCE", 48 * 48 * 5)
    means = mean_faces(train, 8)
    for label in range(7):
        np.testing.assert_allclose(means[label], train.images[train.labels == label, ..., 0].mean(axis=0))
    assert np.isnan(means[7]).all()
    np.testing.assert_array_equal(measure_split(train, 7).gray_levels, np.bincount(train.images.ravel(), minlength=256))


def test_the_same_seed_chooses_the_same_faces(tiny_dataset):
    train = tiny_dataset.splits["train"]
    first, again, other = (sample_rows(train, 8, 3, seed) for seed in (0, 0, 1))
    assert [rows.tolist() for rows in first] == [rows.tolist() for rows in again]
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in other]
    for label, rows in enumerate(first):
        assert (train.labels[rows] == label).all()
        assert len(rows) == (3 if label < 7 else 0)


def with_copies(dataset: FaceDataset) -> FaceDataset:
    """Test row 0 is training row 0 with another label; validation rows 1 and 2 are training row 8 with its label."""
    splits = {name: Split(s.images.copy(), s.labels.copy(), s.ids) for name, s in dataset.splits.items()}
    splits["test"].images[0], splits["test"].labels[0] = splits["train"].images[0], 5
    for row in (1, 2):
        splits["validation"].images[row], splits["validation"].labels[row] = splits["train"].images[8], 1
    return FaceDataset("tiny", dataset.classes, splits, "copies", fingerprint(splits, dataset.classes))


@pytest.fixture(scope="module")
def copies(tiny_dataset):
    dataset = with_copies(tiny_dataset)
    return dataset, explore(dataset)


def test_copies_are_counted_and_the_worst_come_first(copies):
    dataset, exploration = copies
    numbers = describe(dataset, exploration)["copies"]
    assert (numbers["faces"], numbers["distinct_faces"], numbers["groups"]) == (70, 67, 2)
    assert (numbers["groups_with_contradictory_labels"], numbers["groups_across_splits"]) == (1, 2)
    exact = numbers["exact_copy_elsewhere"]
    assert (exact["test in train"], exact["validation in train"], exact["train in validation"]) == (1, 2, 1)
    bad, across = worst_groups(exploration.groups)
    assert [(c.split, c.row, c.label) for c in bad[0].copies] == [("train", 0, 0), ("test", 0, 5)]
    assert [(c.split, c.row) for c in across[0].copies] == [("train", 8), ("validation", 1), ("validation", 2)]


def test_the_description_is_json_without_paths(copies):
    dataset, exploration = copies
    text = json.dumps(describe(dataset, exploration), allow_nan=False)
    assert json.loads(text)["splits"]["train"]["per_class"] == dict.fromkeys(dataset.classes, 6)


def test_near_copies_are_found_only_when_asked_for(tiny_dataset):
    splits = dict(tiny_dataset.splits)
    images = splits["test"].images.copy()
    images[0] = np.clip(splits["train"].images[3].astype(int) + 2, 0, 255)
    splits["test"] = Split(images, splits["test"].labels, splits["test"].ids)
    dataset = FaceDataset("tiny", tiny_dataset.classes, splits, "near", "")
    found = explore(dataset).near
    assert [(pair.first.split, pair.first.row, pair.second.split, pair.second.row) for pair in found] == [
        ("train", 3, "test", 0)
    ]
    without = explore(dataset, near=False)
    assert without.near is None
    assert describe(dataset, without)["copies"]["near_copy_elsewhere"] is None


def test_each_face_is_shown_once():
    a, b, c = (Copy("train", row, 0, "") for row in range(3))
    pairs = [NearCopy(a, b, 0.99, False), NearCopy(b, c, 0.98, False)]
    assert each_face_once(pairs) == pairs[:1]
