"""Two-phase training and cached features, on a base of two convolutions that stands in for MobileNetV2."""

import csv
import json
import signal

import keras
import numpy as np
import pytest

from fer_keras.errors import ConfigError
from fer_keras.models.transfer import WEIGHTS_LATER, find_backbone
from fer_keras.recipe.recipe import apply_overrides, make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training import trainee
from fer_keras.training.callbacks import Observer
from fer_keras.training.train import prepare_model, train

# The base of the tests stands for a pretrained one, which no test can fetch.
BASE = {
    "model": {"name": "mobilenetv2", "weights": WEIGHTS_LATER, "input_size": 32, "head_units": 8, "dropout": 0.2},
    # Validation loss falls in every epoch of both phases, so that the best weights move on while fine-tuning.
    "train": {"epochs": 2, "batch_size": 7, "deterministic": True, "learning_rate": 1e-2, "monitor": "val_loss"},
    "fine_tune": {"epochs": 2, "from_layer": "conv2", "learning_rate": 1e-3},
}
HEAD_ONLY = ("fine_tune.epochs=0",)


def recipe(*overrides):
    return make_recipe(apply_overrides(BASE, overrides))


def small_base(*, include_top, weights, input_shape):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(4, 3, strides=4, name="conv1"),
            layers.BatchNormalization(name="bn1"),
            layers.Dropout(0.5, name="drop1"),  # as the stochastic depth of EfficientNetV2
            layers.Conv2D(8, 3, strides=4, name="conv2"),
            layers.BatchNormalization(name="bn2"),
        ]
    )


@pytest.fixture(scope="module", autouse=True)
def _small_base():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "MobileNetV2", small_base)
        yield


class Watch(Observer):
    """Sends this process a signal after a step, as Ctrl-C would, and keeps what it is told."""

    def __init__(self, epoch=0, step=0):
        self.at, self.warnings = (epoch, step), []

    def on_step(self, epoch, step, steps, logs):
        if (epoch, step) == self.at:
            signal.raise_signal(signal.SIGINT)

    def on_warning(self, text):
        self.warnings.append(text)


def trained(dataset, path, *overrides):
    run = RunFolder.create(path)
    assert train(recipe(*overrides), dataset, run).finished
    return run


def model_of(run):
    return keras.models.load_model(run.model, compile=False)


def history(run):
    with open(run.history, newline="") as handle:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(handle)]


def assert_same_run(run, other):
    for ours, theirs in zip(model_of(run).get_weights(), model_of(other).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(history(run), history(other), strict=True):
        for key in set(ours) - {"seconds"}:
            assert ours[key] == pytest.approx(theirs[key], rel=1e-5), key


@pytest.fixture(scope="module")
def two_phase(tiny_dataset, tmp_path_factory):
    return trained(tiny_dataset, tmp_path_factory.mktemp("phases") / "whole")


def test_history_goes_on_through_both_phases(two_phase):
    rows = history(two_phase)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert max(row["learning_rate"] for row in rows[2:]) < 2e-3 < rows[0]["learning_rate"]
    losses = [row["val_loss"] for row in rows]
    assert losses == sorted(losses, reverse=True)


def test_run_json_tells_when_fine_tuning_began(two_phase):
    record = json.loads(two_phase.run_json.read_text())
    assert record["epochs_run"] == 4
    assert record["fine_tune"]["began_after_epoch"] == 2
    assert record["trainable_parameters"] < record["fine_tune"]["trainable_parameters"] < record["parameters"]
    assert record["cached_features"]["seconds"] > 0


@pytest.fixture(scope="module")
def head_only(tiny_dataset, tmp_path_factory):
    return trained(tiny_dataset, tmp_path_factory.mktemp("head") / "run", *HEAD_ONLY)


def test_only_the_second_phase_changes_the_base_and_only_from_the_layer_on(head_only, two_phase, tiny_dataset):
    fresh, head = find_backbone(prepare_model(recipe(), tiny_dataset)), find_backbone(model_of(head_only))
    tuned = find_backbone(model_of(two_phase))
    for name in ("conv1", "bn1", "conv2", "bn2"):
        before, after, later = (b.get_layer(name).get_weights() for b in (fresh, head, tuned))
        for start, frozen, opened in zip(before, after, later, strict=True):
            np.testing.assert_array_equal(start, frozen)
            assert np.array_equal(frozen, opened) == (name != "conv2")


def test_batch_normalisation_above_the_layer_is_trained_on_request(head_only, tiny_dataset, tmp_path):
    run = trained(tiny_dataset, tmp_path / "run", "fine_tune.batch_norm=train")
    before, after = (find_backbone(model_of(each)) for each in (head_only, run))
    for name in ("conv1", "bn1", "conv2", "bn2"):
        pairs = zip(before.get_layer(name).get_weights(), after.get_layer(name).get_weights(), strict=True)
        for index, (frozen, opened) in enumerate(pairs):
            assert np.array_equal(frozen, opened) == (name in ("conv1", "bn1")), (name, index)
    assert type(after.get_layer("bn2")) is keras.layers.BatchNormalization


def test_a_run_interrupted_while_fine_tuning_and_resumed_is_the_same_run(two_phase, tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    assert not train(recipe(), tiny_dataset, run, observer=Watch(3, 1)).finished
    assert train(recipe(), tiny_dataset, run).finished
    assert_same_run(run, two_phase)


def test_a_run_with_many_mishaps_is_the_same_run(two_phase, tiny_dataset, tmp_path, monkeypatch):
    """Stopped while features are computed and between the phases, then a checkpoint of the second one is damaged."""
    run, original, watch = RunFolder.create(tmp_path / "run"), trainee.split_at_features, Watch()

    def interrupted(model):
        signal.raise_signal(signal.SIGINT)
        return original(model)

    with monkeypatch.context() as patch:
        patch.setattr(trainee, "split_at_features", interrupted)
        stopped = train(recipe(), tiny_dataset, run)
    assert (stopped.finished, stopped.signal, stopped.progress.epoch) == (False, signal.SIGINT, 0)
    stopped = train(recipe(), tiny_dataset, run, observer=Watch(2, 6))
    assert (stopped.progress.epoch, stopped.progress.fine_tuning) == (2, False)
    stopped = train(recipe(), tiny_dataset, run, observer=Watch(3, 6))
    assert (stopped.progress.epoch, stopped.progress.fine_tuning) == (3, True)
    latest = run.scratch / "latest.npz"
    latest.write_bytes(latest.read_bytes()[:2000])
    assert train(recipe(), tiny_dataset, run, observer=watch).finished
    assert "damaged" in watch.warnings[0]
    assert_same_run(run, two_phase)


def test_early_stopping_of_the_head_begins_fine_tuning_and_a_harmful_one_is_not_kept(tiny_dataset, tmp_path):
    still = ("train.learning_rate=1e-12", "train.early_stop_patience=1", "train.epochs=5")
    harm = ("fine_tune.learning_rate=100.0", "train.schedule=constant")
    run = trained(tiny_dataset, tmp_path / "run", *still, *harm)
    record = json.loads(run.run_json.read_text())
    # The second phase warms up anew: half the rate in its first epoch.
    assert history(run)[record["fine_tune"]["began_after_epoch"]]["learning_rate"] == pytest.approx(50.0)
    assert record["fine_tune"]["began_after_epoch"] < 5
    assert record["best_epoch"] <= record["fine_tune"]["began_after_epoch"] < record["epochs_run"]
    split = tiny_dataset.splits["validation"]
    logits = model_of(run).predict(split.images, verbose=0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)(np.eye(7)[split.labels], logits)
    assert float(loss) == pytest.approx(record["best_value"], rel=1e-4)


def test_an_unknown_layer_is_refused_before_training(tiny_dataset, tmp_path):
    with pytest.raises(ConfigError, match=r"fine_tune\.from_layer: no layer 'conv3'.*Did you mean 'conv2'"):
        train(recipe("fine_tune.from_layer=conv3"), tiny_dataset, RunFolder.create(tmp_path / "run"))


def test_networks_without_a_base_cannot_be_fine_tuned():
    with pytest.raises(ConfigError, match=r"cnn has no pretrained base.*mobilenetv2, vgg16"):
        make_recipe({"model": {"name": "cnn"}, "fine_tune": {"epochs": 1}})


@pytest.mark.parametrize("flip", ["false", "true"])
def test_cached_features_train_the_same_head_as_whole_images(flip, head_only, tiny_dataset, tmp_path):
    flips = f"augmentation.horizontal_flip={flip}"
    cached = trained(tiny_dataset, tmp_path / "cached", flips, *HEAD_ONLY) if flip == "true" else head_only
    plain = trained(tiny_dataset, tmp_path / "run", "train.cache_features=false", flips, *HEAD_ONLY)
    assert "cached_features" in json.loads(cached.run_json.read_text())
    assert "cached_features" not in json.loads(plain.run_json.read_text())
    for ours, theirs in zip(history(cached), history(plain), strict=True):
        for key in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            assert ours[key] == pytest.approx(theirs[key], rel=1e-4), key
    for ours, theirs in zip(model_of(cached).get_weights(), model_of(plain).get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_file_of_a_cached_run_is_the_whole_network(two_phase, tiny_dataset):
    model, split = model_of(two_phase), tiny_dataset.splits["validation"]
    assert model.input_shape == (None, 48, 48, 1)
    accuracy = np.mean(model.predict(split.images, verbose=0).argmax(axis=1) == split.labels)
    best = json.loads(two_phase.run_json.read_text())["best_epoch"]
    assert accuracy == pytest.approx(history(two_phase)[best - 1]["val_accuracy"])


@pytest.mark.parametrize(
    ("overrides", "caches"),
    [
        ((), True),
        (("augmentation.fill_mode=reflect",), True),
        (("augmentation.horizontal_flip=true",), True),
        (("augmentation.horizontal_flip=true", "augmentation.rotation_range=5.0"), False),
        (("augmentation.mixup=0.2",), False),
        (("model.fine_tune_from=conv2",), False),
        (("train.cache_features=false",), False),
    ],
)
def test_features_are_cached_only_where_they_stay_the_same(overrides, caches):
    assert recipe(*overrides).caches_features is caches
    assert not make_recipe({"model": {"name": "cnn"}}).caches_features
