"""Exact groups, and which rows leak."""

from dataclasses import replace

import numpy as np
import pytest

from fer_keras.datasets.copies.duplicates import exact_copies, exact_groups, find_duplicates, leaking_rows, near_copies
from fer_keras.datasets.faces import FaceDataset, Split
from fer_keras.emotions import FER7


def make_split(images, labels):
    return Split(images, np.array(labels, np.int64), np.array([f"row {i}" for i in range(len(labels))]))


@pytest.fixture(scope="module")
def dataset(pictures):
    """Known copies: validation 0 = train 0, test 1 = validation 5, test 2 near train 3, train 7 = train 8."""
    train, validation, test = pictures(300, 1), pictures(20, 2), pictures(20, 3)
    validation[0] = train[0]
    test[1] = validation[5]
    test[2] = np.clip(train[3, :, ::-1].astype(int) + 9, 0, 255)
    train[8] = train[7]
    labels = [0] * 20
    splits = {
        "train": make_split(train, [0] * 8 + [1] + [0] * 291),
        "validation": make_split(validation, [2, *labels[1:]]),
        "test": make_split(test, labels),
    }
    return FaceDataset("made", FER7, splits, "nowhere", "")


def test_exact_groups_carry_the_first_number(pictures):
    images = pictures(5, 0)
    images[3] = images[1]
    assert exact_groups(images).tolist() == [0, 1, 2, 1, 4]
    assert exact_groups(images, images[4:]).tolist() == [0, 1, 2, 1, 4, 4]


def test_one_changed_pixel_is_no_exact_copy(pictures):
    images = pictures(6, 0)
    changed = images.copy()
    changed[2, 47, 47, 0] ^= 1
    assert exact_copies(changed, images).tolist() == [True, True, False, True, True, True]
    assert near_copies(changed, images).all()


def test_what_is_where(dataset):
    found = find_duplicates(dataset)
    assert found.distinct == 340 - 3
    assert len(found.repeated()) == 3
    assert [found.members(group) for group in found.repeated()] == [
        [("train", 0), ("validation", 0)],
        [("train", 7), ("train", 8)],
        [("validation", 5), ("test", 1)],
    ]
    assert found.conflicting().tolist() == [0, 7]
    assert found.conflicting(without="validation").tolist() == [7]
    near = found.near_copy_in("train") & found.in_split("test")
    assert found.row[near].tolist() == [2]
    assert (found.near_copy_in("train", mirrored=True) & found.in_split("test")).sum() == 1
    assert not (found.near_copy_in("validation") & found.in_split("test")).any()


def test_near_copies_can_be_left_out(dataset):
    assert len(find_duplicates(dataset, near=False).near) == 0


def test_leaking_rows(dataset):
    def rows(*arguments, **options):
        return np.flatnonzero(leaking_rows(dataset, *arguments, **options)).tolist()

    assert rows("validation") == [0]
    assert rows("test") == [2]
    assert rows("test", near=False) == []
    assert rows("test", reference="validation") == [1]
    assert rows("train", reference="test") == [3]


def test_large_images_are_compared_small(dataset):
    def enlarge(split):
        return replace(split, images=split.images.repeat(3, axis=1).repeat(3, axis=2))

    found = find_duplicates(replace(dataset, splits={name: enlarge(s) for name, s in dataset.splits.items()}))
    assert found.distinct == 340 - 3
    assert found.row[found.near_copy_in("train") & found.in_split("test")].tolist() == [2]


def test_an_empty_split(dataset):
    splits = {**dataset.splits, "test": dataset.splits["test"].take(np.zeros(20, bool))}
    empty = replace(dataset, splits=splits)
    assert find_duplicates(empty).distinct == 320 - 2
    assert leaking_rows(empty, "test").shape == (0,)
