import numpy as np
import pytest

from fer_keras.errors import ConfigError
from fer_keras.recipe.recipe import make_recipe
from fer_keras.training.balance import balance_sentence, describe_balance, select_faces

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [50, 3, 20, 8]))
FLIP = {"horizontal_flip": True}


def recipe(seed=0, imbalance="none", **balance):
    augmentation = FLIP if balance else {}
    train = {"seed": seed, "imbalance": imbalance}
    return make_recipe({"balance": balance, "augmentation": augmentation, "train": train})


def counts(selection):
    return np.bincount(LABELS[selection.rows], minlength=4).tolist()


def test_off_is_every_face_once_under_its_own_index():
    for off in (recipe(), recipe(target=0), recipe(target=None), recipe(imbalance="class_weights")):
        selection = select_faces(LABELS, off)
        assert selection.rows.tolist() == selection.indices.tolist() == list(range(81))


def test_small_classes_are_filled_and_large_ones_kept():
    selection = select_faces(LABELS, recipe(target=20))
    assert counts(selection) == [50, 20, 20, 20]
    assert selection.rows[:81].tolist() == selection.indices[:81].tolist() == list(range(81))
    copies = selection.rows[81:]
    for label, times in ((1, {5, 6}), (3, {1, 2})):  # 17 copies of 3 faces, 12 copies of 8
        assert set(np.unique(copies[LABELS[copies] == label], return_counts=True)[1].tolist()) <= times
    assert counts(selection)[0] == np.unique(selection.rows[LABELS[selection.rows] == 0]).size


def test_copies_have_indices_of_their_own():
    selection = select_faces(LABELS, recipe(target=20))
    assert selection.indices[81:].tolist() == list(range(81, len(selection)))
    assert np.unique(selection.indices).size == len(selection) == 110


def test_cap_cuts_large_classes_to_faces_that_keep_their_index():
    selection = select_faces(LABELS, recipe(target=20, cap=True))
    assert counts(selection) == [20, 20, 20, 20]
    kept = selection.rows[LABELS[selection.rows] == 0]
    assert np.unique(kept).size == 20
    own = selection.indices < 81
    np.testing.assert_array_equal(selection.rows[own], selection.indices[own])


def test_oversampling_fills_up_to_the_largest():
    selection = select_faces(LABELS, recipe(imbalance="oversample"))
    assert counts(selection) == [50, 50, 50, 50]
    assert set(selection.rows.tolist()) == set(range(81))


def test_the_choice_follows_from_the_seed():
    one, again, other = (select_faces(LABELS, recipe(seed, target=20, cap=True)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.rows, again.rows)
    assert not np.array_equal(one.rows, other.rows)


def test_an_absent_class_stays_absent():
    selection = select_faces(np.array([0, 0, 2]), recipe(target=3))
    assert np.bincount(np.array([0, 0, 2])[selection.rows], minlength=4).tolist() == [3, 0, 3, 0]


def test_counts_before_and_after_are_recorded_and_said():
    record = describe_balance(LABELS, ("a", "b", "c", "d"), recipe(target=20, cap=True))
    assert record["faces_per_class"] == {"a": 50, "b": 3, "c": 20, "d": 8}
    assert record["faces_per_class_and_epoch"] == {"a": 20, "b": 20, "c": 20, "d": 20}
    sentence = balance_sentence(record)
    assert sentence == (
        "classes filled up to 20, above it cut; training faces per epoch: a 50 -> 20, b 3 -> 20, c 20, d 8 -> 20"
    )
    focal = make_recipe({"train": {"loss": "focal", "imbalance": "class_weights"}})
    assert balance_sentence(describe_balance(LABELS, ("a", "b", "c", "d"), focal)).startswith(
        "class weights, focal loss, gamma 2; training"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"balance": {"target": 9}}, "augmentation is off: they would be identical"),
        ({"balance": {"target": 9}, "augmentation": {"fill_mode": "wrap"}}, "augmentation is off"),
        ({"balance": {"target": 9}, "augmentation": FLIP, "train": {"imbalance": "oversample"}}, "both fill"),
        ({"balance": {"cap": True}}, "needs balance.target"),
        ({"balance": {"target": -1}}, "greater than or equal to 0"),
        ({"balance": {"targt": 9}}, "Did you mean 'target'"),
        ({"train": {"loss": "focl"}}, "focal"),
        ({"train": {"focal_gamma": -1.0}}, "train.focal_gamma"),
    ],
)
def test_what_makes_no_sense_is_refused(data, words):
    with pytest.raises(ConfigError, match=words):
        make_recipe(data)
