import dataclasses

import numpy as np
import pytest

from fer_keras.errors import DataError
from fer_keras.recipe.augmentation import AugmentationSection
from fer_keras.recipe.recipe import make_recipe
from fer_keras.training.balance import Selection, select_faces
from fer_keras.training.input_pipeline import class_weights, make_eval_dataset, make_train_dataset, steps_per_epoch

NONE = AugmentationSection()


def batches(dataset, **changes):
    options = {
        "classes": 7, "augmentation": NONE, "batch_size": 10, "seed": 3, "start_step": 0, "stop_step": 12,
    } | changes  # fmt: skip
    return [tuple(part.numpy() for part in batch) for batch in make_train_dataset(dataset.splits["train"], **options)]


def rows_of(images, split):
    """Row numbers of un-augmented images; rows are all different."""
    keys = {image.tobytes(): row for row, image in enumerate(split.images)}
    return [keys[image.astype(np.uint8).tobytes()] for image in images]


def test_every_face_comes_once_per_pass_in_another_order(tiny_dataset):
    split = tiny_dataset.splits["train"]
    rows = [row for images, _ in batches(tiny_dataset, stop_step=42) for row in rows_of(images, split)]
    passes = [rows[start : start + 42] for start in range(0, 420, 42)]
    assert all(sorted(p) == list(range(42)) for p in passes)
    assert len({tuple(p) for p in passes}) == 10


def test_labels_belong_to_their_faces(tiny_dataset):
    split = tiny_dataset.splits["train"]
    for images, labels in batches(tiny_dataset):
        np.testing.assert_array_equal(labels.argmax(axis=1), split.labels[rows_of(images, split)])
        np.testing.assert_array_equal(labels.sum(axis=1), 1)


def test_a_pipeline_started_later_goes_on_with_the_same_batches(tiny_dataset):
    strong = AugmentationSection(rotation_range=20.0, horizontal_flip=True, random_erasing=0.5, mixup=0.3)
    whole = batches(tiny_dataset, augmentation=strong)
    tail = batches(tiny_dataset, augmentation=strong, start_step=7)
    assert len(tail) == 5
    for expected, received in zip(whole[7:], tail, strict=True):
        for one, other in zip(expected, received, strict=True):
            np.testing.assert_array_equal(one, other)


def test_another_seed_is_another_order(tiny_dataset):
    assert not np.array_equal(batches(tiny_dataset)[0][0], batches(tiny_dataset, seed=4)[0][0])


def test_classes_in_turn_are_mixed_with_every_other_class(tiny_dataset):
    """Mixing neighbours of the batch gave 7 of the 21 pairs of classes."""
    options = {"imbalance": "balanced_sampling", "augmentation": AugmentationSection(mixup=1.0), "batch_size": 14}
    mixed = np.concatenate([labels for _, labels in batches(tiny_dataset, stop_step=60, **options)])
    pairs = {tuple(np.flatnonzero(row)) for row in mixed if np.count_nonzero(row) == 2}
    assert len(pairs) == 21


def test_validation_can_be_measured_on_the_labels_that_training_learns(tiny_dataset):
    split = tiny_dataset.splits["validation"]
    soft = np.full((len(split), 7), 0.1, np.float32)
    soft[np.arange(len(split)), split.labels] = 0.4
    for labels, expected in ((None, np.eye(7)[split.labels]), (soft, soft)):
        faces = make_eval_dataset(dataclasses.replace(split, soft_labels=labels), classes=7, batch_size=20, soft=True)
        np.testing.assert_array_equal(next(iter(faces))[1], expected)


def test_the_length_is_known(tiny_dataset):
    """The second silent trap: a dataset of unknown length adds one optimizer step per epoch."""
    split = tiny_dataset.splits["train"]
    made = make_train_dataset(split, classes=7, augmentation=NONE, batch_size=10, seed=0, start_step=2, stop_step=9)
    assert made.cardinality() == 7
    assert make_eval_dataset(split, classes=7, batch_size=10).cardinality() == 5
    assert steps_per_epoch(42, 10) == 4


def unbalanced(dataset):
    split = dataset.splits["train"]
    keep = np.flatnonzero((split.labels != 1) | (np.arange(len(split)) == 1))  # one face of class 1, six of others
    return type(split)(split.images[keep], split.labels[keep], split.ids[keep])


def test_balanced_sampling_draws_all_classes_equally(tiny_dataset):
    split = unbalanced(tiny_dataset)
    made = make_train_dataset(
        split, classes=7, augmentation=NONE, batch_size=14, seed=0, start_step=0, stop_step=6,
        imbalance="balanced_sampling",
    )  # fmt: skip
    images = []
    for batch, labels in made:
        np.testing.assert_array_equal(labels.numpy().sum(axis=0), np.full(7, 2))
        images += rows_of(batch.numpy(), split)
    assert set(images) == set(range(len(split)))


def test_class_weights_are_scikit_learns(tiny_dataset):
    from sklearn.utils.class_weight import compute_class_weight

    labels = unbalanced(tiny_dataset).labels
    expected = compute_class_weight("balanced", classes=np.arange(7), y=labels)
    np.testing.assert_allclose(class_weights(labels, 7), expected, rtol=1e-6)
    first = batches(tiny_dataset, imbalance="class_weights")[0]
    np.testing.assert_allclose(first[2], np.ones(10), rtol=1e-6)


def test_an_absent_class_cannot_be_balanced():
    with pytest.raises(DataError, match=r"\[6\]"):
        class_weights(np.arange(6), 7)


def test_eval_dataset_keeps_order_and_pixels(tiny_dataset):
    split = tiny_dataset.splits["train"]
    images = np.concatenate([x.numpy() for x, _ in make_eval_dataset(split, classes=7, batch_size=10)])
    np.testing.assert_array_equal(images, split.images)


def test_soft_labels_are_what_is_learned_and_hard_ones_what_is_scored(tiny_dataset):
    from dataclasses import replace

    split = tiny_dataset.splits["train"]
    soft = np.random.default_rng(0).dirichlet(np.ones(7), len(split)).astype(np.float32)
    changed = replace(tiny_dataset, splits={**tiny_dataset.splits, "train": replace(split, soft_labels=soft)})
    for images, labels in batches(changed):
        np.testing.assert_array_equal(labels, soft[rows_of(images, split)])
    scored = make_eval_dataset(changed.splits["train"], classes=7, batch_size=42)
    _, labels = next(iter(scored.as_numpy_iterator()))
    np.testing.assert_array_equal(labels, np.eye(7)[split.labels])


def test_an_epoch_holds_the_chosen_faces_each_once(tiny_dataset):
    split = tiny_dataset.splits["train"]
    selection = Selection(np.array([3, 3, 8, 3, 20]), np.array([3, 42, 8, 43, 20]))
    made = batches(tiny_dataset, batch_size=5, stop_step=4, selection=selection)
    assert all(sorted(rows_of(images, split)) == [3, 3, 3, 8, 20] for images, _ in made)


def test_copies_of_a_face_are_augmented_each_in_its_own_way_and_originals_as_without_copies(tiny_dataset):
    turn = AugmentationSection(rotation_range=20.0, brightness_range=(0.5, 1.5))
    recipe = make_recipe({"balance": {"target": 8}, "augmentation": {"rotation_range": 20.0}})
    selection = select_faces(tiny_dataset.splits["train"].labels, recipe)
    filled = batches(tiny_dataset, augmentation=turn, batch_size=56, stop_step=1, selection=selection)[0][0]
    plain = batches(tiny_dataset, augmentation=turn, batch_size=42, stop_step=1)[0][0]
    assert len({image.tobytes() for image in filled}) == 56
    assert {image.tobytes() for image in plain} <= {image.tobytes() for image in filled}


def test_balanced_sampling_works_on_the_chosen_faces(tiny_dataset):
    split = tiny_dataset.splits["train"]
    selection = Selection(np.arange(14), np.arange(14))
    made = batches(tiny_dataset, batch_size=7, stop_step=4, imbalance="balanced_sampling", selection=selection)
    for images, labels in made:
        np.testing.assert_array_equal(labels.sum(axis=0), np.ones(7))
        assert max(rows_of(images, split)) < 14
