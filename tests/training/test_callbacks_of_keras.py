"""``train(..., callbacks=[...], verbose=...)`` and ``fer_keras.load``: what a user of Keras expects."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import fer_keras
from fer_keras.errors import InputError
from fer_keras.models import build_model
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder

RECIPE = make_recipe({"model": {"name": "simple_cnn", "head_units": 0}, "train": {"epochs": 5, "batch_size": 16}})


class Keep(keras.callbacks.Callback):
    def __init__(self, stop_after=0):
        super().__init__()
        self.logs, self.batches, self.stop_after = [], 0, stop_after

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        self.model.stop_training = len(self.logs) == self.stop_after


def test_callbacks_see_validation_and_may_end_the_run(tiny_dataset, tmp_path, capsys):
    keep = Keep(stop_after=2)
    result = fer_keras.train(RECIPE, tiny_dataset, str(tmp_path / "run"), callbacks=[keep], verbose=2)
    assert result.finished
    assert (result.progress.epoch, len(keep.logs), keep.batches) == (2, 2, 4)
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(keep.logs[0])
    assert "val_accuracy" in capsys.readouterr().out
    RunFolder.open(tmp_path / "run").verify()
    assert list(result.to_frame().columns)[:2] == ["seconds", "learning_rate"]
    assert len(result.plot().lines) == 2


def test_a_network_with_other_outputs_keeps_its_body(tmp_path, monkeypatch):
    model = fer_keras.load("cnn_small-fer2013", classes=5)
    whole = fer_keras.load("cnn_small-fer2013")
    assert (model.output_shape, whole.output_shape) == ((None, 5), (None, 7))
    for one, other in zip(model.get_weights()[:-2], whole.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(one, other)
    chosen = fer_keras.load("cnn_small-fer2013", classes=["happy", "angry"])
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1)).astype(np.float32)
    expected = whole.predict(images, verbose=0)[:, [3, 0]]
    np.testing.assert_allclose(chosen.predict(images, verbose=0), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match="two classes or more"):
        fer_keras.load("cnn_small-fer2013", classes=1)


@pytest.mark.parametrize("order", ["import fer_keras, keras", "import keras, fer_keras"])
def test_keras_loads_files_of_the_project(order, tmp_path):
    file = tmp_path / "mine.keras"
    build_model(make_recipe({"model": {"name": "mini_xception"}}).model, 7).save(file)
    program = f"{order}; assert keras.models.load_model({str(file)!r}).name == 'mini_xception'"
    assert subprocess.run([sys.executable, "-c", program], timeout=200).returncode == 0
