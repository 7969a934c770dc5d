import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.errors import FerKerasError, InputError, ModelFileError, RunFolderError
from fer_keras.export.parity.compare import keras_probabilities
from fer_keras.export.savedmodel.write import export_savedmodel, make_serving_module
from fer_keras.metrics.scores import softmax

# Run by another interpreter, in another folder, in which this package cannot be imported.
STRANGER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "fer_keras":
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocker())
try:
    import fer_keras
except ImportError:
    blocked = True
import numpy as np
import tensorflow as tf

loaded = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
found = loaded.signatures["serving_default"](images=tf.constant(images, tf.float32))
same = loaded.signatures["serving_uint8"](images=tf.constant(images))
bare = loaded.signatures["probabilities"](images=tf.constant(images, tf.float32))
files = tf.constant([tf.io.encode_png(image).numpy() for image in images])
served = loaded.signatures["serve_bytes"](image_bytes=files)
features = loaded.signatures["features"](images=tf.constant(images, tf.float32))
np.savez(sys.argv[3], blocked=blocked, names=found["class_names"].numpy().astype("U"),
         default=found["probabilities"].numpy(), uint8=same["probabilities"].numpy(),
         bare=bare["probabilities"].numpy(), served=served["probabilities"].numpy(),
         served_names=served["class_names"].numpy().astype("U"), expression=served["expression"].numpy().astype("U"),
         confidence=served["confidence"].numpy(), features=features["features"].numpy())
"""


@pytest.fixture(scope="module")
def exported(cnn, classes, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "savedmodel"
    export_savedmodel(cnn, classes, path)
    return path


def test_another_program_loads_it_without_this_package(exported, cnn, classes, faces, tmp_path):
    np.save(tmp_path / "faces.npy", faces)
    command = [sys.executable, "-I", "-c", STRANGER, exported, tmp_path / "faces.npy", tmp_path / "found.npz"]
    done = subprocess.run([str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "found.npz")
    assert found["blocked"]
    assert tuple(found["names"]) == classes
    expected = keras_probabilities(cnn, faces)
    for name in ("default", "uint8", "bare", "served"):
        np.testing.assert_allclose(found[name], expected, atol=1e-5)
    assert (found["served_names"] == np.array(classes)).all()
    assert found["served_names"].shape == (len(faces), 7)
    assert list(found["expression"]) == [classes[place] for place in expected.argmax(axis=1)]
    np.testing.assert_allclose(found["confidence"], expected.max(axis=1), atol=1e-5)
    before_head = keras.Model(cnn.inputs[0], cnn.layers[-1].input)(faces.astype(np.float32), training=False)
    np.testing.assert_allclose(found["features"], before_head, atol=1e-4)


def test_signatures_are_as_documented(exported):
    loaded = tf.saved_model.load(str(exported))
    assert set(loaded.signatures) == {"serving_default", "serving_uint8", "serve_bytes", "features", "probabilities"}
    default = loaded.signatures["serving_default"]
    spec = default.structured_input_signature[1]["images"]
    assert (spec.shape.as_list(), spec.dtype) == ([None, 48, 48, 1], tf.float32)
    outputs = {key: (value.shape.as_list(), value.dtype) for key, value in default.structured_outputs.items()}
    assert outputs == {"probabilities": ([None, 7], tf.float32), "class_names": ([7], tf.string)}


def test_an_empty_batch_gives_an_empty_answer(exported):
    signatures = tf.saved_model.load(str(exported)).signatures
    for name, dtype in (("serving_default", tf.float32), ("serving_uint8", tf.uint8)):
        assert signatures[name](images=tf.zeros((0, 48, 48, 1), dtype))["probabilities"].shape == (0, 7)
    assert signatures["features"](images=tf.zeros((0, 48, 48, 1)))["features"].shape[0] == 0
    served = signatures["serve_bytes"](image_bytes=tf.constant([], tf.string))
    shapes = {name: tuple(value.shape) for name, value in served.items()}
    assert shapes == {"probabilities": (0, 7), "class_names": (0, 7), "expression": (0,), "confidence": (0,)}


def test_the_temperature_divides_the_logits(cnn, faces):
    found = make_serving_module(cnn, 2.5).probabilities(tf.constant(faces, tf.float32))
    logits = np.asarray(cnn(faces.astype(np.float32), training=False), np.float64)
    np.testing.assert_allclose(found["probabilities"], softmax(logits / 2.5), atol=1e-5)
    assert np.abs(softmax(logits / 2.5) - softmax(logits)).max() > 0.01


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_an_unusable_temperature_is_refused(cnn, classes, temperature, tmp_path):
    with pytest.raises(InputError, match="a finite number above 0"):
        export_savedmodel(cnn, classes, tmp_path / "m", temperature=temperature)
    assert list(tmp_path.iterdir()) == []


def test_no_keras_object_is_in_it(exported):
    assert b"_tf_keras_" not in (exported / "saved_model.pb").read_bytes()


def test_labels_are_an_asset(exported, classes):
    assert (exported / "assets" / "labels.txt").read_text().split("\n") == [*classes, ""]


def test_class_names_outside_ascii_survive(cnn, tmp_path):
    names = ("wütend", "dégoût", "страх", "幸せ", "sad", "surprise", "very neutral")
    export_savedmodel(cnn, names, tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    found = loaded.signatures["serving_default"](images=tf.zeros((1, 48, 48, 1)))["class_names"]
    assert tuple(name.decode() for name in found.numpy()) == names


def test_a_moved_folder_still_finds_its_labels(exported, classes, tmp_path):
    (tmp_path / "deep").mkdir()
    moved = tmp_path / "deep" / "other name"
    shutil.copytree(exported, moved)
    loaded = tf.saved_model.load(str(moved))
    shutil.rmtree(moved)  # the labels are read once, at loading
    found = loaded.signatures["serving_default"](images=tf.zeros((1, 48, 48, 1)))["class_names"]
    assert tuple(name.decode() for name in found.numpy()) == classes


def test_training_mode_does_not_leak_through_resizing(leaky, classes, faces, tmp_path):
    images = faces.astype(np.float32)
    expected = keras_probabilities(leaky, faces)
    before = [weight.copy() for weight in leaky.get_weights()]
    export_savedmodel(leaky, classes, tmp_path / "ours")
    ours = tf.saved_model.load(str(tmp_path / "ours"))
    found = ours.signatures["serving_default"](images=tf.constant(images))["probabilities"].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for old, new in zip(before, leaky.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)

    copy = keras.models.clone_model(leaky)  # the naive way overwrites the moving statistics
    copy.set_weights(before)
    copy.export(str(tmp_path / "naive"), format="tf_saved_model", verbose=False)
    naive = tf.saved_model.load(str(tmp_path / "naive"))
    assert np.abs(tf.nn.softmax(naive.serve(images)).numpy() - expected).max() > 0.05


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "needs class names"),
        ("angry", "needs class names"),
        (("a", "b", "c"), "7 names, one for each logit"),
        (("a", "b", "c", "d", "e", "f", "a"), "stands twice"),
        (("a", "b", "c", "d", "e", "f", ""), "unusable class name"),
        (("a", "b", "c", "d", "e", "f", "g\nh"), "unusable class name"),
        (("a", "b", "c", "d", "e", "f", " g"), "unusable class name"),
        (("a", "b", "c", "d", "e", "f", 7), "unusable class name"),
    ],
)
def test_unusable_class_names_are_refused(cnn, names, message, tmp_path):
    with pytest.raises(InputError, match=message):
        export_savedmodel(cnn, names, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_other_input_shape_is_refused(classes, tmp_path):
    model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(7)])
    with pytest.raises(ModelFileError, match=r"Allowed: \(None, 48, 48, 1\)"):
        export_savedmodel(model, classes, tmp_path / "m")


def test_a_model_that_ends_in_softmax_is_refused(classes, tmp_path):
    for last in ([keras.layers.Dense(7, activation="softmax")], [keras.layers.Dense(7), keras.layers.Softmax()]):
        model = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), *last])
        with pytest.raises(ModelFileError, match="ends in a softmax"):
            export_savedmodel(model, classes, tmp_path / "m")


def test_another_backend_is_refused(cnn, classes, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(FerKerasError, match="KERAS_BACKEND=tensorflow"):
        export_savedmodel(cnn, classes, tmp_path / "m")


def test_a_place_that_cannot_be_written_is_named(cnn, classes, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="cannot write"):
        export_savedmodel(cnn, classes, tmp_path / "file" / "savedmodel")


def test_a_failed_save_leaves_the_old_export(cnn, classes, tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "old").write_text("old")

    def full(module, folder, signatures):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(RunFolderError, match="No space left"):
        export_savedmodel(cnn, classes, tmp_path / "m")
    assert [path.name for path in tmp_path.rglob("*")] == ["m", "old"]
