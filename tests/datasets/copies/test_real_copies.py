"""Copies in the real data set, where it lies beside the checkout: the same from every side, none left, none missed."""

from dataclasses import replace

import numpy as np
import pytest

from fer_keras.datasets.copies import candidates
from fer_keras.datasets.copies.duplicates import find_duplicates, leaking_rows
from fer_keras.datasets.copies.leaks import drop_leaks
from fer_keras.datasets.copies.search import search_copies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_as_many_faces_have_a_copy_in_training_as_every_table_says(fer2013):
    """Published scores without copies are of 3,589 - 700 test faces."""
    assert leaking_rows(fer2013, "test").sum() == 700
    assert leaking_rows(fer2013, "validation").sum() == 683


def test_the_order_of_splits_and_rows_does_not_matter(fer2013):
    def turned(split):
        return split.take(np.arange(len(split))[::-1])

    splits = fer2013.splits
    swapped = {"train": turned(splits["test"]), "validation": splits["validation"], "test": turned(splits["train"])}
    found = search_copies(replace(fer2013, splits=swapped))
    there = found.copy_in("test")[found.in_split("train")][::-1]
    back = found.copy_in("train")[found.in_split("test")][::-1]
    np.testing.assert_array_equal(there, leaking_rows(fer2013, "test"))
    np.testing.assert_array_equal(back, leaking_rows(fer2013, "train", reference="test"))


def test_a_new_search_finds_no_copy_left(fer2013):
    clean = drop_leaks(fer2013)
    assert len(clean.splits["train"]) == pytest.approx(26_595, abs=5)
    found = search_copies(clean)
    assert not (found.copy_in("train") & ~found.in_split("train")).any()


def test_the_index_misses_no_copy(fer2013, monkeypatch):
    everything = find_duplicates(fer2013).near
    monkeypatch.setattr(candidates, "EXACT", 0)
    indexed = search_copies(fer2013).near
    found = np.isin(everything.first * 2**32 + everything.second, indexed.first * 2**32 + indexed.second)
    assert found[everything.correlation >= 0.9].all()
    assert found.mean() >= 0.995
