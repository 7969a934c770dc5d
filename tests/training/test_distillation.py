import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from interrupted_runs import StopAt, weights

from fer_keras.augmentation.batch import augment_batch
from fer_keras.datasets.faces import fingerprint
from fer_keras.errors import ConfigError, DataError, InputError, TrainingError
from fer_keras.metrics.scores import softmax
from fer_keras.recipe.augmentation import AugmentationSection
from fer_keras.recipe.recipe import apply_overrides, make_recipe
from fer_keras.recipe.train import TrainSection
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training import distillation
from fer_keras.training.callbacks import Observer
from fer_keras.training.distillation import ask_teacher, teacher_pictures
from fer_keras.training.fitting import train_batches
from fer_keras.training.optimization import DistillationLoss, LabelAccuracy, make_loss
from fer_keras.training.train import train

BASE = {
    "model": {"name": "cnn", "width": 8, "dropout": 0.3},
    "augmentation": {"rotation_range": 10.0, "horizontal_flip": True, "random_erasing": 0.5},
    "train": {"epochs": 3, "batch_size": 7, "deterministic": True, "ema": 0.9, "label_smoothing": 0.1},
}


class Views(Observer):
    def __init__(self):
        self.seen = []

    def on_view(self, teacher, done, views):
        self.seen.append((teacher, done, views))


def recipe(*overrides, teacher="teacher", views=2):
    distill = (f"distill.teacher={teacher}", f"distill.views={views}") if teacher else ()
    return make_recipe(apply_overrides(BASE, (*distill, *overrides)))


def record_of(run):
    return json.loads(run.run_json.read_text())


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_KERAS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def teacher(tiny_dataset, tmp_path_factory):
    run = RunFolder.create(tmp_path_factory.mktemp("runs") / "teacher")
    train(recipe("train.epochs=2", teacher=None), tiny_dataset, run)
    return run


def ask(teacher, dataset, *overrides, views=2, observer=None):
    beside = RunFolder(teacher.path.parent / "student")
    return ask_teacher(recipe(*overrides, views=views), dataset, beside, (observer or Views()).on_view)


def test_the_loss_is_that_of_hinton():
    rng = np.random.default_rng(0)
    labels, teacher, logits = np.eye(7)[[0, 3]], rng.normal(size=(2, 7)), rng.normal(size=(2, 7))
    softened, student = softmax(teacher / 3.0), softmax(logits / 3.0)
    smoothed = 0.9 * labels + 0.1 / 7
    cross_entropy = -(smoothed * np.log(softmax(logits))).sum(axis=1)
    divergence = 9.0 * (softened * np.log(softened / student)).sum(axis=1)
    loss = DistillationLoss(make_loss(TrainSection(label_smoothing=0.1)), 0.25, 3.0)
    got = loss(np.concatenate([labels, softened], axis=1), logits)
    assert float(got) == pytest.approx(np.mean(0.75 * cross_entropy + 0.25 * divergence), rel=1e-5)


def test_the_loss_is_least_where_the_student_answers_like_the_teacher():
    teacher = np.random.default_rng(0).normal(size=(1, 7))
    loss = DistillationLoss(make_loss(TrainSection()), 1.0, 2.0)
    rows = np.concatenate([np.eye(7)[[0]], softmax(teacher / 2.0)], axis=1)
    assert float(loss(rows, teacher)) == pytest.approx(0, abs=1e-5)
    assert float(loss(rows, teacher + np.eye(7)[[1]])) > 0.01


def test_a_teacher_that_is_sure_beyond_float_gives_a_finite_loss():
    rows = np.concatenate([np.eye(7)[[0]], np.eye(7)[[0]]], axis=1)
    loss = DistillationLoss(make_loss(TrainSection()), 0.5, 1.0)
    assert np.isfinite(float(loss(rows, np.array([[-1e4, 0, 0, 0, 0, 0, 0.0]]))))


def test_accuracy_is_against_labels():
    metric = LabelAccuracy(name="accuracy")
    metric.update_state(np.concatenate([np.eye(7)[[2, 2]], np.eye(7)[[5, 5]]], axis=1), np.eye(7)[[2, 5]])
    assert float(metric.result()) == 0.5


@pytest.mark.parametrize("crop", [0, 40])
def test_the_teacher_sees_the_pixels_of_the_student_and_the_face_around_them(tiny_dataset, crop):
    options = AugmentationSection(
        rotation_range=10.0, random_erasing=1.0, brightness_range=(0.7, 1.3), noise=8.0, crop=crop, mixup=0.3
    )
    images, keys = tf.constant(tiny_dataset.splits["train"].images[:5]), tf.constant([[0, 1, i] for i in range(5)])
    seen, _ = augment_batch(images, tf.zeros([5, 7]), keys, options.model_copy(update={"mixup": 0.0, "noise": 0.0}))
    pictures = teacher_pictures(images, keys, options)
    assert pictures.shape == (5, 48, 48, 1)
    margin = (48 - (crop or 48)) // 2
    inside = pictures[:, margin : 48 - margin, margin : 48 - margin]
    np.testing.assert_array_equal(inside, seen)
    assert float(tf.reduce_min(tf.math.reduce_std(pictures[:, 0], axis=[1, 2]))) > 0


def test_each_face_meets_the_answer_to_the_picture_that_it_is(teacher, tiny_dataset):
    """Held against the teacher itself, on the pictures of the batches, in the fifth epoch (again view 0)."""
    wanted = recipe()
    answers = ask(teacher, tiny_dataset)
    network = keras.models.load_model(teacher.model, compile=False)
    steps = 42 // 7
    batches = train_batches(wanted, tiny_dataset, 4 * steps, 5 * steps, answers=answers.softened(answers.logits))
    for faces, targets in batches:
        assert targets.shape == (7, 14)
        expected = softmax(np.asarray(network(faces, training=False), np.float64) / wanted.distill.temperature)
        np.testing.assert_allclose(targets[:, 7:], expected, atol=2e-3)
        np.testing.assert_array_equal(np.asarray(targets[:, :7]).sum(axis=1), 1)


@pytest.mark.parametrize("mirrors", [True, False])
def test_every_other_cycle_is_seen_in_the_mirror(mirrors, tiny_dataset):
    n, views = len(tiny_dataset.splits["train"]), 2
    answers = np.arange(views * n * 7, dtype=np.float32).reshape(views, n, 7)
    made = recipe(f"augmentation.horizontal_flip={str(mirrors).lower()}", f"train.batch_size={n}")
    epochs = []
    for images, targets in train_batches(made, tiny_dataset, 0, 3 * views, answers=answers).as_numpy_iterator():
        order = np.argsort(targets[:, 7])  # the answer names face and view
        epochs.append((images[order], targets[order]))
    assert len(epochs) == 3 * views
    for (first, targets), (second, same), (third, again) in zip(epochs[:2], epochs[2:4], epochs[4:], strict=True):
        np.testing.assert_array_equal(second, first[:, :, ::-1] if mirrors else first)
        np.testing.assert_array_equal(third, first)
        np.testing.assert_array_equal(same, targets)
        np.testing.assert_array_equal(again, targets)


@pytest.mark.parametrize(
    "override", ["train.imbalance=balanced_sampling", "train.imbalance=oversample", "train.seed=5"]
)
def test_answers_follow_the_faces_however_they_are_drawn(teacher, tiny_dataset, override):
    wanted, answers = recipe(override), ask(teacher, tiny_dataset, override)
    network = keras.models.load_model(teacher.model, compile=False)
    for faces, targets in train_batches(wanted, tiny_dataset, 3, 12, answers=answers.softened(answers.logits)):
        expected = softmax(np.asarray(network(faces, training=False), np.float64) / wanted.distill.temperature)
        np.testing.assert_allclose(targets[:, 7:], expected, atol=2e-3)


def test_mixup_mixes_labels_and_answers_alike(teacher, tiny_dataset):
    answers = np.repeat(np.eye(7, dtype=np.float32)[tiny_dataset.splits["train"].labels][None], 2, axis=0)
    for _, targets in train_batches(recipe("augmentation.mixup=1.0"), tiny_dataset, 0, 6, answers=answers):
        np.testing.assert_allclose(targets[:, 7:], targets[:, :7], atol=1e-6)


def test_class_weights_follow_the_labels(tiny_dataset):
    answers = np.full((1, 42, 7), 1 / 7, np.float32)
    with_answers = train_batches(recipe("train.imbalance=class_weights"), tiny_dataset, 0, 6, answers=answers)
    without = train_batches(recipe("train.imbalance=class_weights", teacher=None), tiny_dataset, 0, 6)
    for (_, _, weighted), (_, _, plain) in zip(with_answers, without, strict=True):
        np.testing.assert_array_equal(weighted, plain)


def test_answers_are_computed_once_and_more_views_add_to_them(teacher, tiny_dataset, tmp_path, monkeypatch):
    first = ask(teacher, tiny_dataset)
    loads = []
    monkeypatch.setattr(
        distillation, "load_run_model", lambda run: loads.append(run) or keras.models.load_model(run.model)
    )
    observer = Views()
    again = ask(teacher, tiny_dataset, "distill.temperature=4", "augmentation.mixup=0.2", observer=observer)
    assert not loads
    assert observer.seen == [("teacher", 0, 2), ("teacher", 1, 2), ("teacher", 2, 2)]
    np.testing.assert_array_equal(again.logits, first.logits)
    more = ask(teacher, tiny_dataset, views=3)
    assert len(loads) == 1
    np.testing.assert_array_equal(more.logits[:2], first.logits)
    assert np.abs(more.logits[2] - more.logits[0]).max() > 0
    ask(teacher, tiny_dataset, "augmentation.rotation_range=20.0")
    assert len(loads) == 2
    view = next((tmp_path / "cache" / "teachers").rglob("view-0001.npy"))
    view.write_bytes(view.read_bytes()[:50])
    ask(teacher, tiny_dataset)
    assert len(loads) <= 3


def test_a_student_is_resumed_bit_for_bit(teacher, tiny_dataset):
    whole, halved = (RunFolder.create(teacher.path.parent / name) for name in ("whole", "halved"))
    train(recipe("augmentation.crop=40"), tiny_dataset, whole)
    assert not train(recipe("augmentation.crop=40"), tiny_dataset, halved, observer=StopAt(2, 3)).finished
    assert train(recipe("augmentation.crop=40"), tiny_dataset, halved).finished
    for one, other in zip(weights(whole), weights(halved), strict=True):
        np.testing.assert_array_equal(one, other)
    known = record_of(halved)["distilled_from"]
    assert known == record_of(whole)["distilled_from"]
    assert known["run"] == "teacher"
    assert known["trained_on_sha256"] == tiny_dataset.sha256
    assert (known["weight"], known["temperature"], known["views"]) == (0.5, 2.0, 2)


def test_a_run_goes_on_with_its_own_teacher_only(teacher, tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "student")
    copy = RunFolder.create(tmp_path / "teacher")
    train(recipe("train.epochs=2", teacher=None), tiny_dataset, copy)
    train(recipe(), tiny_dataset, run, observer=StopAt(1, 3))
    model = keras.models.load_model(copy.model, compile=False)
    model.set_weights([value + 0.01 for value in model.get_weights()])
    model.save(copy.model)
    copy.write_manifest()
    with pytest.raises(TrainingError, match="not the one that this run began with"):
        train(recipe(), tiny_dataset, run)


def test_a_teacher_that_is_not_there_or_does_not_fit_is_refused(teacher, tiny_dataset):
    beside = RunFolder(teacher.path.parent / "student")
    with pytest.raises(ConfigError, match="no such run folder"):
        ask_teacher(recipe(teacher="nobody"), tiny_dataset, beside, Views().on_view)
    others = dataclasses.replace(tiny_dataset, classes=tuple(reversed(tiny_dataset.classes)))
    with pytest.raises(DataError, match="classes"):
        ask(teacher, others)


def test_a_teacher_that_has_learned_held_out_faces_is_refused(teacher, tiny_dataset):
    splits = dict(tiny_dataset.splits)
    splits["train"], splits["test"] = splits["test"], splits["train"]
    swapped = dataclasses.replace(tiny_dataset, splits=splits, sha256=fingerprint(splits, tiny_dataset.classes))
    with pytest.raises(InputError, match="trained on 42 faces of the test split"):
        ask(teacher, swapped)


def test_a_teacher_of_unknown_faces_is_said_aloud(teacher, tiny_dataset, tmp_path):
    import shutil

    shutil.copytree(teacher.path, tmp_path / "teacher")
    stranger = RunFolder(tmp_path / "teacher")
    stranger.training_faces.unlink()
    record = record_of(stranger)
    del record["dataset"]
    stranger.run_json.write_text(json.dumps(record))
    stranger.write_manifest()
    run = RunFolder.create(tmp_path / "student")
    train(recipe("train.epochs=1"), tiny_dataset, run)
    assert any("nobody knows which faces the teacher" in notice for notice in record_of(run)["notices"])
