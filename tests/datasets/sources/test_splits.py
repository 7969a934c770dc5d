"""Cutting splits: stratified, by seed, copies together."""

import numpy as np
import pytest

from fer_keras.datasets.sources.splits import cut_splits

FRACTIONS = (0.8, 0.1, 0.1)


def digests(n):
    return [str(i).encode() for i in range(n)]


def cut(labels, images=None, given=(), fractions=FRACTIONS, seed=0):
    labels = np.asarray(labels)
    return cut_splits(labels, images or digests(len(labels)), given, fractions=fractions, seed=seed)


def test_every_class_is_divided_by_the_fractions():
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    split = cut(labels)
    counts = [[int(((split == s) & (labels == c)).sum()) for s in range(3)] for c in range(3)]
    assert counts == [[80, 10, 10], [40, 5, 5], [8, 1, 1]]


def test_the_seed_decides():
    labels = np.zeros(100, int)
    assert (cut(labels, seed=1) == cut(labels, seed=1)).all()
    assert (cut(labels, seed=1) != cut(labels, seed=2)).any()


def test_copies_go_the_same_way_whatever_their_labels():
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 60, 300), rng.integers(0, 4, 300)
    split = cut(labels, [str(p).encode() for p in pictures])
    for picture in range(60):
        assert len(set(split[pictures == picture])) <= 1
    assert set(split) == {0, 1, 2}


@pytest.mark.parametrize(
    ("given", "expected"),
    [(("train", "test"), [89, 11, 0]), (("train", "validation"), [89, 0, 11]), (("train",), [80, 10, 10])],
)
def test_only_what_is_missing_is_cut(given, expected):
    assert np.bincount(cut(np.zeros(100, int), given=given), minlength=3).tolist() == expected


@pytest.mark.parametrize(("n", "expected"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1])])
def test_small_classes_keep_a_training_face_first(n, expected):
    counts = np.bincount(cut(np.zeros(n, int)), minlength=3)
    assert counts[0] >= 1
    assert counts.tolist() == expected


def test_one_picture_many_times_stays_whole():
    assert cut(np.zeros(9, int), [b"same"] * 9).tolist() == [0] * 9
