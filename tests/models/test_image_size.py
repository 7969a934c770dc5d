"""Faces of another side than 48 go the whole way: training, evaluation, export."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from fer_keras.datasets.chosen_faces import ChosenFaces
from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.errors import ConfigError, DataError, InputError
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.export import export_run
from fer_keras.export.exported_model import load_exported
from fer_keras.models import build_model
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training import input_pipeline
from fer_keras.training.train import train

SIDE, CLASSES = 64, ("awake", "bored", "sleepy")


def make_dataset(side):
    rng = np.random.default_rng(side)
    splits = {}
    for name in ("train", "validation", "test"):
        labels = np.arange(12) % 3
        images = np.clip(rng.normal(60 + 60 * labels[:, None, None, None], 20, (12, side, side, 1)), 0, 255)
        splits[name] = Split(images.astype(np.uint8), labels, np.array([f"{name} {i}" for i in range(12)]))
    return FaceDataset("face_folder", CLASSES, splits, "made", fingerprint(splits, CLASSES))


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(SIDE)


@pytest.fixture(scope="module")
def run(tmp_path_factory, dataset):
    recipe = make_recipe(
        {
            "model": {"name": "cnn", "width": 8},
            "data": {"image_size": SIDE},
            "augmentation": {"width_shift_range": 60.0, "cutout": 60},
            "train": {"epochs": 1, "batch_size": 6},
        }
    )
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "large")
    train(recipe, dataset, folder)
    return folder


def test_the_run_knows_its_size(run):
    assert json.loads(run.run_json.read_text())["image_size"] == SIDE
    assert load_run_model(run).input_shape == (None, SIDE, SIDE, 1)


def test_it_is_evaluated_on_faces_of_its_size_only(run, dataset):
    assert evaluate_run(run, dataset, "test", tta="flip")["n"] == 12
    with pytest.raises(DataError, match=r"takes other images.*64, 64, 1.*Received: 48 x 48 gray.*data\.image_size"):
        evaluate_run(run, make_dataset(48), "test")


def test_its_exports_take_faces_of_its_size(run, dataset):
    faces = dataset.splits["validation"].images
    with pytest.raises(InputError, match=r"\(n, 64, 64, 1\)"):
        export_run(run, ("tflite",), images=faces[:, :48, :48])
    report = export_run(run, images=faces)
    assert all(entry["passed"] for entry in report["exports"].values())
    for entry in report["exports"].values():
        predictor = load_exported(run.exports / entry["file"])
        assert predictor.image_size == SIDE
        assert predictor(faces).shape == (12, 3)


# The other transfer networks share their code with mobilenetv3small.
@pytest.mark.parametrize("name", ["cnn", "scratch_cnn", "simple_cnn", "mini_xception", "mobilenetv3small"])
def test_every_network_takes_every_size(name):
    section = {"name": name, "weights": "none"} if name == "mobilenetv3small" else {"name": name}
    recipe = make_recipe({"model": section})
    for size in (48, 80):
        model = build_model(recipe.model, 3, size)
        assert (model.input_shape, model.output_shape) == ((None, size, size, 1), (None, 3))
        assert keras.ops.shape(model(np.zeros((1, size, size, 1), np.float32), training=False)) == (1, 3)


def test_large_images_are_fetched_without_a_copy(dataset, monkeypatch):
    def batches(split=dataset.splits["train"]):
        made = input_pipeline.make_train_dataset(
            split,
            classes=3,
            augmentation=make_recipe({}).augmentation,
            batch_size=5,
            seed=3,
            start_step=0,
            stop_step=4,
        )
        return list(made.as_numpy_iterator())

    copied = batches()
    monkeypatch.setattr(input_pipeline, "LARGE_BYTES", 0)
    monkeypatch.setattr(input_pipeline.tf, "constant", _refuse_images(input_pipeline.tf.constant))
    turned = dataset.splits["train"].take(np.arange(len(dataset.splits["train"]))[::-1])
    rows = np.arange(len(turned))[::-1]
    chosen = dataclasses.replace(turned.take(rows), images=ChosenFaces(turned.images, rows))
    for fetched in (batches(), batches(chosen)):
        for (faces, labels), (other_faces, other_labels) in zip(fetched, copied, strict=True):
            np.testing.assert_array_equal(faces, other_faces)
            np.testing.assert_array_equal(labels, other_labels)


def _refuse_images(constant):
    def guarded(value, *args, **kwargs):
        assert getattr(value, "ndim", 0) < 4
        return constant(value, *args, **kwargs)

    return guarded


def test_the_fingerprint_knows_the_side_of_the_faces():
    square, wide = np.zeros((4, 48, 48, 1), np.uint8), np.zeros((4, 24, 96, 1), np.uint8)  # as many bytes
    labels, ids = np.zeros(4, int), np.array(list("abcd"))
    marks = {
        fingerprint(dict.fromkeys(("train", "validation", "test"), Split(images, labels, ids)), CLASSES)
        for images in (square, wide)
    }
    assert len(marks) == 2


def test_pixel_options_reach_the_side_of_the_faces():
    options = {"augmentation": {"cutout": 60, "width_shift_range": 100.0, "height_shift_range": 224.0}}
    assert make_recipe({"data": {"image_size": 224}, **options}).augmentation.cutout == 60
    with pytest.raises(ConfigError, match=r"'augmentation\.cutout': allowed: a whole number from 0 to 48 .*60"):
        make_recipe({"augmentation": {"cutout": 60}})
    with pytest.raises(ConfigError, match=r"'augmentation\.width_shift_range': allowed: 0 to 224 "):
        make_recipe({"data": {"image_size": 224}, "augmentation": {"width_shift_range": 225.0}})


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"image_size": 16}, "'data.image_size'"),
        ({"image_size": 48.5}, "'data.image_size'"),
        ({"split_fractions": [0.5, 0.5, 0.5]}, "'data.split_fractions': allowed: .*sum 1"),
        ({"split_fractions": [1.0, 0.0, 0.0]}, "'data.split_fractions"),
        ({"classes": "happy"}, "'data.classes'"),
        ({"merge": ["a"]}, "'data.merge'"),
        ({"clases": ["a"]}, "Did you mean 'classes'"),
    ],
)
def test_wrong_data_keys_are_named(section, problem):
    with pytest.raises(ConfigError, match=problem):
        make_recipe({"data": section})
