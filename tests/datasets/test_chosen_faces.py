"""Faces chosen from an array that is too large to be copied are those of a copy."""

import numpy as np
import pytest

from fer_keras.datasets import chosen_faces, select_classes
from fer_keras.datasets.chosen_faces import ChosenFaces, choose_faces, image_blocks

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 1), dtype=np.uint8)
ROWS = np.array([3, 3, 19, 0, 7, 8, 1])
KEYS = {
    "a row": 2,
    "the last row": -1,
    "a numpy row": np.int64(1),
    "a slice": slice(1, 5),
    "backwards": slice(None, None, -1),
    "rows": np.array([6, 0, 0]),
    "no rows": np.array([], np.int64),
    "a mask": np.arange(7) % 2 == 0,
    "a block without channels": (slice(0, 3), slice(None), slice(None), 0),
    "mirrored": (slice(0, 3), slice(None), slice(None, None, -1)),
    "rows without channels": (np.array([5, 2]), ..., 0),
    "a row without channels": (4, ..., 0),
    "all without channels": (..., 0),
    "everything": ...,
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_it_is_indexed_as_the_array_of_the_chosen_faces_is(key):
    np.testing.assert_array_equal(ChosenFaces(IMAGES, ROWS)[key], IMAGES[ROWS][key])


def test_it_looks_like_the_array_of_the_chosen_faces():
    chosen, copy = ChosenFaces(IMAGES, ROWS), IMAGES[ROWS]
    assert (chosen.shape, chosen.dtype, chosen.ndim, chosen.nbytes) == (copy.shape, copy.dtype, copy.ndim, copy.nbytes)
    assert len(chosen) == len(copy)
    np.testing.assert_array_equal(list(chosen), copy)
    np.testing.assert_array_equal(np.asarray(chosen), copy)
    np.testing.assert_array_equal(np.concatenate(list(image_blocks(chosen))), copy)
    with pytest.raises(IndexError):
        chosen[7]


def test_faces_are_chosen_from_chosen_ones_by_rows_or_mask():
    rows, mask = np.array([6, 1, 1]), np.arange(7) > 4
    for again in (rows, mask):
        twice = ChosenFaces(ChosenFaces(IMAGES, ROWS), again)
        np.testing.assert_array_equal(np.asarray(twice), IMAGES[ROWS][again])


def test_only_large_choices_are_left_where_they_are(monkeypatch):
    for large in (False, True):
        monkeypatch.setattr(chosen_faces, "LARGE_BYTES", IMAGES[ROWS].nbytes + (not large))
        for images in (IMAGES, ChosenFaces(IMAGES, np.arange(20))):
            found = choose_faces(images, ROWS)
            assert isinstance(found, ChosenFaces) == large
            np.testing.assert_array_equal(np.asarray(found), IMAGES[ROWS])


def test_blocks_hold_sixteen_megabytes_at_most_or_one_image(monkeypatch):
    monkeypatch.setattr(chosen_faces, "_BLOCK_BYTES", 3 * 30)
    assert [len(block) for block in image_blocks(IMAGES)] == [3] * 6 + [2]
    monkeypatch.setattr(chosen_faces, "_BLOCK_BYTES", 1)
    assert [len(block) for block in image_blocks(IMAGES)] == [1] * 20
    assert list(image_blocks(IMAGES[:0])) == []


def test_chosen_classes_of_a_large_set_are_not_copied_and_are_the_same(tiny_dataset, monkeypatch):
    copied = select_classes(tiny_dataset, drop=["happy"])
    monkeypatch.setattr(chosen_faces, "LARGE_BYTES", 0)
    chosen = select_classes(tiny_dataset, drop=["happy"])
    assert isinstance(chosen.splits["train"].images, ChosenFaces)
    assert chosen.sha256 == copied.sha256
    for name, split in copied.splits.items():
        np.testing.assert_array_equal(np.asarray(chosen.splits[name].images), split.images)
