import json

import keras
import numpy as np
import pytest
from interrupted_runs import StopAt, weights

from fer_keras.errors import ConfigError, TrainingError
from fer_keras.evaluation.prediction import load_run_model, predict_probabilities
from fer_keras.recipe.recipe import apply_overrides, make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.averaging import settle_average
from fer_keras.training.callbacks import Observer
from fer_keras.training.checkpoints import Progress, capture, save_best, write_values
from fer_keras.training.fitting import train_batches
from fer_keras.training.optimization import learning_rate
from fer_keras.training.train import prepare_model, train

BASE = {
    "model": {"name": "cnn", "width": 8, "dropout": 0.3},
    "augmentation": {"rotation_range": 10.0, "horizontal_flip": True},
    "train": {"epochs": 5, "batch_size": 7, "deterministic": True, "learning_rate": 0.01, "average_last": 0.6},
}
STEPS = 42 // 7


def recipe(*overrides):
    return make_recipe(apply_overrides(BASE, overrides))


class Snapshots(Observer):
    """Keeps the weights of the checkpoint that each epoch ends with."""

    def __init__(self, run, count):
        self.run, self.count, self.taken = run, count, []

    def on_epoch(self, row, best):
        with np.load(self.run.scratch / "latest.npz") as saved:
            self.taken.append([saved[f"v{index:05d}"] for index in range(self.count)])


def test_the_rate_falls_first_and_then_stays():
    train_section = recipe("train.warmup_epochs=1", "train.average_rate=0.2").train
    rate = learning_rate(train_section, STEPS)
    values = [float(rate(step)) for step in range(5 * STEPS)]
    assert max(values) == pytest.approx(0.01)
    np.testing.assert_allclose(values[2 * STEPS :], 0.2 * 0.01, rtol=1e-5)
    assert values[2 * STEPS - 2] > 0.0021


def test_the_mean_is_that_of_the_last_epoch_ends(tiny_dataset, tmp_path):
    wanted, run = recipe(), RunFolder.create(tmp_path / "run")
    model = prepare_model(wanted, tiny_dataset)
    places = [index for index, variable in enumerate(model.variables) if variable.trainable]
    trainable = [(model.variables[index].path, index) for index in places]
    snapshots, means = Snapshots(run, len(model.variables)), []

    class Watch(Snapshots):
        def on_epoch(self, row, best):
            super().on_epoch(row, best)
            if row["epoch"] == 5:
                with np.load(run.scratch / "average-00005.npz") as saved:
                    means.extend(saved[f"v{index:05d}"] for index in range(len(trainable)))

    snapshots = Watch(run, len(model.variables))
    train(wanted, tiny_dataset, run, observer=snapshots)
    for mean, (path, index) in zip(means, trainable, strict=True):
        expected = np.mean([taken[index] for taken in snapshots.taken[2:]], axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-7, err_msg=path)


def test_the_better_of_mean_and_best_epoch_is_kept_and_said(tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    assert train(recipe(), tiny_dataset, run).finished
    record = json.loads(run.run_json.read_text())
    found = record["averaged"]
    assert found["epochs"] == 3
    assert found["chosen"] == (found["value"] > found["best_epoch_value"])
    assert record["best_value"] == max(found["value"], found["best_epoch_value"])
    split = tiny_dataset.splits["validation"]
    scored = predict_probabilities(load_run_model(run), split.images, batch_size=7).argmax(axis=1) == split.labels
    assert scored.mean() == pytest.approx(record["best_value"])


@pytest.mark.parametrize("best", [0.0, 1.0])
def test_statistics_of_batch_normalisation_are_those_of_the_mean(tiny_dataset, tmp_path, best):
    """A mean of weights with the statistics of other weights would score at random."""
    wanted = recipe()
    model = prepare_model(wanted, tiny_dataset)
    mean = [keras.ops.convert_to_numpy(v) * 1.5 for v in model.trainable_variables]
    write_values(tmp_path / "average-00005.npz", mean, {"count": 3})
    progress = Progress(epoch=5, best_epoch=2, best_value=best)
    batches = list(train_batches(wanted, tiny_dataset, 5 * STEPS, 6 * STEPS))
    save_best(tmp_path, model)
    settle_average(wanted, tmp_path, model, model, progress, batches * 40, lambda: {"loss": 1.0, "accuracy": 0.5})
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    before = keras.Model(model.inputs, model.layers[model.layers.index(norm) - 1].output)
    maps = np.concatenate([np.asarray(before(faces)) for faces, _ in batches])
    np.testing.assert_allclose(norm.moving_mean, maps.mean(axis=(0, 1, 2)), rtol=0.05, atol=0.01)
    assert (progress.best_epoch, progress.averaged["chosen"]) == ((5, True) if best == 0 else (2, False))


def test_an_averaged_run_is_resumed_bit_for_bit(tiny_dataset, tmp_path):
    whole, halved = (RunFolder.create(tmp_path / name) for name in ("whole", "halved"))
    crops = recipe("augmentation.crop=40", "train.ema=0.9")
    train(crops, tiny_dataset, whole)
    for stop in ((3, 6), (4, 2), (5, 5)):
        assert not train(crops, tiny_dataset, halved, observer=StopAt(*stop)).finished
    assert train(crops, tiny_dataset, halved).finished
    records = [json.loads(run.run_json.read_text()) for run in (whole, halved)]
    assert records[0]["averaged"] == records[1]["averaged"]
    for one, other in zip(weights(whole), weights(halved), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_lost_mean_is_said(tiny_dataset, tmp_path):
    model = prepare_model(recipe(), tiny_dataset)
    before = capture(model)
    with pytest.raises(TrainingError, match="mean of the weights"):
        settle_average(recipe(), tmp_path, model, model, Progress(epoch=5), [], dict)
    for one, other in zip(before, capture(model), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "overrides",
    [
        ("train.schedule=plateau",),
        ("train.early_stop_patience=3",),
        ("train.average_last=0.01",),
        ("train.average_last=0.99",),
        ("pruning.sparsity=0.5",),
        ("model.name=mobilenetv2", "fine_tune.epochs=2"),
    ],
)
def test_an_average_of_nothing_known_is_refused(overrides):
    data = apply_overrides(BASE, overrides)
    if "model.name=mobilenetv2" in overrides:
        data["model"] = {"name": "mobilenetv2"}
    with pytest.raises(ConfigError, match="average_last"):
        make_recipe(data)
