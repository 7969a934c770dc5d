"""Keras files of other programs: what is refused, and that a run made of one is a run."""

import json
import os
import random
import sys

import keras
import numpy as np
import pytest
from fer_keras_cli.main import run as fer_keras
from PIL import Image

from fer_keras.emotions import AFFECTNET8, FERPLUS8
from fer_keras.errors import ConfigError, InputError, ModelFileError
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.metrics.scores import softmax
from fer_keras.porting.keras.foreign import read_foreign_model, to_logits
from fer_keras.porting.keras.run import import_model, make_import_recipe
from fer_keras.recipe.recipe import load_yaml_file, make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.train import prepare_model

k = keras.layers
FACES = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)


def sequential(*last, shape=(48, 48, 1)):
    keras.utils.set_random_seed(0)
    body = [k.Conv2D(4, 3, strides=3), k.BatchNormalization(), k.Flatten()]
    return keras.Sequential([keras.Input(shape), *body, *last])


def functional(*last, side=64, channels=3):
    keras.utils.set_random_seed(1)
    images = keras.Input((side, side, channels))
    x = k.GlobalAveragePooling2D()(k.Conv2D(8, 3, activation="relu")(images))
    for layer in last:
        x = layer(x)
    return keras.Model(images, x)


def nested():
    images = keras.Input((40, 40, 3))
    return keras.Model(images, functional(k.Dense(7, activation="softmax"), side=40)(images))


MODELS = {
    "dense softmax": lambda: sequential(k.Dense(7, activation="softmax")),
    "softmax activation": lambda: functional(k.Dense(7), k.Activation("softmax")),
    "softmax layer": lambda: functional(k.Dense(7), k.Softmax()),
    "softmax inside": nested,
    "logits": lambda: functional(k.Dense(7), side=48, channels=1),
}


def foreign(model, tmp_path, suffix=".keras"):
    model.save(tmp_path / f"model{suffix}")
    return read_foreign_model(tmp_path / f"model{suffix}", trust=True)


def probabilities(model, images):
    outputs = np.asarray(model(images, training=False), np.float64)
    return outputs if np.allclose(outputs.sum(axis=1), 1, atol=1e-4) else softmax(outputs)


@pytest.mark.parametrize("name", MODELS)
def test_every_usual_end_becomes_logits_with_the_same_probabilities(name, tmp_path):
    model = MODELS[name]()
    imported = import_model(foreign(model, tmp_path), rescale="none")
    images = FACES.astype(np.float32)
    if model.input_shape[1] != 48:
        images = np.asarray(keras.ops.image.resize(images, model.input_shape[1:3]))
    expected = probabilities(model, np.repeat(images, model.input_shape[3], axis=-1))
    logits = np.asarray(imported.model(FACES.astype(np.float32), training=False), np.float64)
    np.testing.assert_allclose(softmax(logits), expected, atol=1e-5)
    assert imported.model.input_shape == (None, 48, 48, 1)
    assert imported.origin["softmax_removed"] == (name != "logits")
    assert not np.allclose(logits.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("rescale", "numpy_way"),
    [
        ("none", lambda x: x),
        ("unit", lambda x: x / 255),
        ("symmetric", lambda x: x / 127.5 - 1),
        ("imagenet", lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("caffe", lambda x: x - [103.939, 116.779, 123.68]),
    ],
)
def test_rescaling_is_inside_the_run(rescale, numpy_way, tmp_path):
    model = sequential(k.Dense(7, activation="softmax"), shape=(48, 48, 3))
    imported = import_model(foreign(model, tmp_path), rescale=rescale)
    expected = model(numpy_way(np.repeat(FACES.astype(np.float64), 3, axis=-1)).astype(np.float32), training=False)
    np.testing.assert_allclose(softmax(np.asarray(imported.model(FACES.astype(np.float32)))), expected, atol=1e-4)


def test_outputs_are_put_into_the_order_of_the_project(tmp_path):
    model = sequential(k.Dense(3, activation="softmax"))
    imported = import_model(foreign(model, tmp_path), rescale="unit", class_order="sad,happy,angry")
    assert imported.classes == ("angry", "happy", "sad")
    found = softmax(np.asarray(imported.model(FACES.astype(np.float32), training=False)))
    np.testing.assert_allclose(found, np.asarray(model(FACES / np.float32(255)))[:, [2, 1, 0]], atol=1e-5)
    assert make_import_recipe(imported.classes, 48).data.classes == ("angry", "happy", "sad")


def test_a_file_that_nobody_vouches_for_is_not_even_opened(tmp_path):
    with pytest.raises(ModelFileError, match=r"can hold code \(Lambda layers.*--trust-model"):
        read_foreign_model(tmp_path / "not there.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_is_refused_also_with_trust(suffix, tmp_path):
    with pytest.raises(ModelFileError, match="holds Lambda layers, that is code"):
        foreign(sequential(k.Lambda(lambda x: x * 2), k.Dense(7)), tmp_path, suffix)


class OwnLayer(k.Layer):
    """Not registered, as in most programs."""

    def call(self, x):
        return x


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_of_another_program_is_named(suffix, tmp_path, monkeypatch):
    sequential(OwnLayer(), k.Dense(7)).save(tmp_path / f"m{suffix}")
    monkeypatch.delattr(sys.modules[__name__], "OwnLayer")  # Keras looks into the module that the file names
    with pytest.raises(ModelFileError, match="uses 'OwnLayer', whose code is not in Keras"):
        read_foreign_model(tmp_path / f"m{suffix}", trust=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: sequential(k.Dense(7), shape=(48, 40, 1)), r"\(None, 48, 40, 1\)"),
        (lambda: sequential(k.Dense(7), shape=(300, 300, 1)), "S of 32 to 256"),
        (lambda: sequential(k.Dense(7), shape=(48, 48, 2)), "does not classify square images"),
        (lambda: sequential(k.Dense(1)), r"\(None, 1\)"),
        (lambda: functional(side=48, channels=1), None),
        (lambda: functional(k.Dense(7), side=None), "does not classify"),
    ],
)
def test_other_shapes_are_refused(model, message, tmp_path):
    if message is None:  # eight pooled maps are eight logits: only the number of classes can tell
        with pytest.raises(InputError, match="the model has 8 outputs, the class order 7 names"):
            import_model(foreign(model(), tmp_path), rescale="none")
        return
    with pytest.raises(ModelFileError, match=message):
        foreign(model(), tmp_path)


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
def test_an_end_that_is_no_softmax_is_refused(activation):
    with pytest.raises(ModelFileError, match=f"activation {activation}.*Allowed: softmax, or none"):
        to_logits(sequential(k.Dense(7, activation=activation)))


def test_colour_rescaling_of_a_gray_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="for three channels"):
        import_model(foreign(sequential(k.Dense(7)), tmp_path), rescale="caffe")


def test_a_proof_that_fails_ends_the_import(tmp_path, monkeypatch):
    import fer_keras.porting.keras.run as module

    real = module.wrap_imported
    monkeypatch.setattr(module, "wrap_imported", lambda network, **o: real(network, **o | {"rescale": "unit"}))
    with pytest.raises(ModelFileError, match="the wrapped model differs from model.keras"):
        import_model(foreign(sequential(k.Dense(7)), tmp_path), rescale="none")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.keras", b"hello", "is no Keras model"),
        ("m.h5", b"", "is no Keras model"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 50, "cannot load m.h5"),
        ("m.keras", b"PK\3\4" + b"\0" * 50, "is no Keras model"),
    ],
)
def test_other_files_are_refused(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        read_foreign_model(tmp_path / name, trust=True)


def test_weights_alone_and_a_wrong_ending_are_refused(tmp_path):
    model = sequential(k.Dense(7))
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelFileError, match="holds weights only"):
        read_foreign_model(tmp_path / "m.weights.h5", trust=True)
    model.save(tmp_path / "m.keras")
    os.rename(tmp_path / "m.keras", tmp_path / "m.h5")
    with pytest.raises(ModelFileError, match="Rename it to end in .keras"):
        read_foreign_model(tmp_path / "m.h5", trust=True)


def test_200_damaged_keras_files_load_or_are_model_file_errors(tmp_path):
    run = RunFolder(tmp_path)
    sequential(k.Dense(7)).save(run.model)
    whole, loaded = run.model.read_bytes(), 0
    for number in range(200):
        rng, content = random.Random(number), bytearray(whole)
        if number % 3 == 0:
            content = content[: rng.randrange(len(content))]
        else:
            for place in rng.sample(range(len(content)), rng.choice([1, 4, 16])):
                content[place] ^= 1 << rng.randrange(8)
        run.model.write_bytes(content)
        try:
            load_run_model(run)(np.zeros((1, 48, 48, 1), np.float32))
            loaded += 1
        except ModelFileError:
            pass
    assert loaded < 60  # flips in times and attributes of the archive change nothing


def test_the_command_makes_a_run_that_evaluates_and_cannot_be_trained(tiny_dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sequential(k.Dense(7, activation="softmax")).save("foreign.h5")
    assert fer_keras(["import-keras", "foreign.h5", "--rescale", "unit"]) == 1
    assert "--trust-model" in capsys.readouterr().err
    command = ["import-keras", "foreign.h5", "--trust-model", "--rescale", "unit", "--name", "r", "--json"]
    assert fer_keras([*command, "--class-order", "alphabetical"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["imported_from"]["rescale"] == "unit"
    assert record["imported_from"]["class_order"][4] == "neutral"
    assert max(record["parity"]["max_abs_probability_difference"].values()) < 1e-6
    assert fer_keras(command) == 1
    assert "exists already" in capsys.readouterr().err
    run = RunFolder.open("saved_models/r")
    assert load_run_model(run).output_shape == (None, 7)
    assert evaluate_run(run, tiny_dataset, "validation")["n"] == 14
    with pytest.raises(ConfigError, match="it came as a file and cannot be built or trained"):
        prepare_model(make_recipe(load_yaml_file(run.recipe)), tiny_dataset)


def test_a_model_of_affectnets_eight_classes_is_scored_on_its_folders(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for place, name in enumerate(AFFECTNET8):
            folder = tmp_path / "affectnet" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = rng.integers(0, 40, (48, 48)) + 25 * place
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    sequential(k.Dense(8, activation="softmax")).save(tmp_path / "m.keras")
    words = ["--trust-model", "--rescale", "unit", "--class-order", "affectnet", "--name", "run", "--output", tmp_path]
    assert fer_keras(["import-keras", str(tmp_path / "m.keras"), *map(str, words)]) == 0
    data = str(tmp_path / "affectnet")
    capsys.readouterr()
    assert fer_keras(["evaluate", str(tmp_path / "run"), "--split", "test", "--data", data, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["n"] == 24
    assert list(metrics["per_class"]) == list(FERPLUS8)
    assert all(scores["support"] == 3 for scores in metrics["per_class"].values())
