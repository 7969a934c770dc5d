"""ONNX: valid, the same model, and never a crash on damaged files."""

import builtins
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from fer_keras.errors import InputError, ModelFileError
from fer_keras.export.exported_model import load_exported
from fer_keras.export.onnx.write import export_onnx
from fer_keras.export.seals import CONTRACT, SEAL, check_onnx, seal_onnx
from fer_keras.inference import Predictor
from fer_keras.metrics.scores import softmax

onnx = pytest.importorskip("onnx", reason="needs fer_keras[onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs fer_keras[onnx]")
pytest.importorskip("tf2onnx", reason="needs fer_keras[onnx]")


@pytest.fixture(scope="module")
def exported(cnn, classes, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(cnn, classes, path, temperature=1.5)
    return path


def keras_probabilities(model, faces, temperature=1.0):
    return softmax(keras.ops.convert_to_numpy(model(faces.astype("float32"), training=False)) / temperature)


def test_it_is_the_same_model_at_its_temperature(exported, cnn, faces):
    loaded = load_exported(exported, threads=1)
    np.testing.assert_allclose(loaded(faces), keras_probabilities(cnn, faces, 1.5), atol=1e-5)
    assert np.abs(loaded(faces) - keras_probabilities(cnn, faces)).max() > 0.01
    assert loaded.runtime == f"onnxruntime {onnxruntime.__version__}"
    assert loaded.image_size == 48


def test_a_file_without_the_contract_of_a_run_is_one_that_predict_takes(exported, classes):
    assert Predictor(exported, detector="none").classes == tuple(classes)


@pytest.mark.parametrize("name", ["transfer", "leaky"])
def test_resizing_and_batch_norm_are_exported_in_inference_mode(name, request, classes, faces, tmp_path):
    model = request.getfixturevalue(name)
    export_onnx(model, classes, tmp_path / "m.onnx")
    found = load_exported(tmp_path / "m.onnx")(faces)
    np.testing.assert_allclose(found, keras_probabilities(model, faces), atol=1e-4)


def test_constants_of_a_layer_do_not_become_inputs(classes, faces, tmp_path):
    """EfficientNetV2 begins with Normalization, whose mean and variance are tensors, not variables."""
    scale = keras.layers.Normalization(mean=[100.0], variance=[400.0])
    layers = [keras.Input((48, 48, 1)), scale, keras.layers.AveragePooling2D(8), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(7)])
    export_onnx(model, classes, tmp_path / "m.onnx")
    found = load_exported(tmp_path / "m.onnx")(faces)
    np.testing.assert_allclose(found, keras_probabilities(model, faces), atol=1e-5)


def test_the_file_says_what_it_takes_and_gives(exported, classes):
    proto = onnx.load(exported)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.shape, source.type) == ("images", ["batch", 48, 48, 1], "tensor(float)")
    assert (target.name, target.shape, target.type) == ("probabilities", ["batch", 7], "tensor(float)")
    entries = session.get_modelmeta().custom_metadata_map
    assert json.loads(entries["classes"]) == list(classes)
    assert json.loads(entries[CONTRACT])["temperature"] == 1.5
    assert len(entries[SEAL]) == 64


def test_it_needs_no_tensorflow(exported):
    code = (
        "import sys, numpy as np; from fer_keras.export.exported_model import load_exported; "
        f"load_exported({str(exported)!r})(np.zeros((1, 48, 48, 1), np.uint8)); "
        "assert not {'tensorflow', 'keras', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


DAMAGE = """
import sys
import numpy as np
from fer_keras.errors import ModelFileError
from fer_keras.export.exported_model import load_exported
content, rng, refused = open(sys.argv[1], "rb").read(), np.random.default_rng(0), 0
for trial in range(200):
    damaged = bytearray(content)
    if trial % 2:
        damaged = damaged[: rng.integers(len(content))]
    else:
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
    open(sys.argv[2], "wb").write(damaged)
    try:
        load_exported(sys.argv[2])(np.zeros((2, 48, 48, 1), np.uint8))
    except ModelFileError:
        refused += 1
print(refused)
"""


def test_two_hundred_damaged_files_are_all_refused(exported, tmp_path):
    command = [sys.executable, "-c", DAMAGE, str(exported), str(tmp_path / "bad.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 200


def test_the_seal_is_of_every_byte():
    sealed = seal_onnx(b"some bytes")
    check_onnx(sealed, "x")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(ModelFileError):
            check_onnx(bytes(changed), "x")
    with pytest.raises(ModelFileError, match="truncated, or no ONNX file of this package"):
        check_onnx(sealed + b"\x00", "x")


def doubler():
    ends = [onnx.helper.make_tensor_value_info(name, 1, [None, 4]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "x"], ["y"])], "g", ends[:1], ends[1:])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def test_files_of_other_programs_need_trust_and_the_right_ends(exported, faces, tmp_path):
    rewritten = tmp_path / "rewritten.onnx"
    proto = onnx.load(exported)
    proto.doc_string = "changed by another tool"
    onnx.save(proto, rewritten)
    with pytest.raises(ModelFileError, match=r"rewritten\.onnx was changed or damaged"):
        load_exported(rewritten)
    expected = load_exported(exported)(faces)
    np.testing.assert_array_equal(load_exported(rewritten, trust=True)(faces), expected)
    onnx.save(doubler(), tmp_path / "doubler.onnx")
    with pytest.raises(ModelFileError, match="trust=True"):
        load_exported(tmp_path / "doubler.onnx")
    with pytest.raises(ModelFileError, match="no face classifier of this package"):
        load_exported(tmp_path / "doubler.onnx", trust=True)


def test_trusted_rubbish_and_missing_files_are_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"PK\3\4 a zip archive")
    with pytest.raises(ModelFileError, match=r"cannot load ONNX file .*x\.onnx"):
        load_exported(tmp_path / "x.onnx", trust=True)
    with pytest.raises(ModelFileError, match="cannot read ONNX file"):
        load_exported(tmp_path / "missing.onnx")


class Foreign(keras.layers.Layer):
    """An operation that the converter does not know."""

    def call(self, x):
        import tensorflow as tf

        return x + 0 * tf.math.bessel_i0e(x)


def test_an_unknown_operator_is_named_and_nothing_is_written(classes, tmp_path):
    layers = [keras.Input((48, 48, 1)), Foreign(), keras.layers.Flatten(), keras.layers.Dense(7)]
    with pytest.raises(ModelFileError, match="Bessel"):
        export_onnx(keras.Sequential(layers), classes, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_not_the_model_is_not_kept(cnn, classes, tmp_path, monkeypatch):
    from fer_keras.export.onnx import write as onnx_file

    convert = onnx_file._convert
    monkeypatch.setattr(onnx_file, "_convert", lambda *parts: convert(*parts[:-1], parts[-1] + 1))
    with pytest.raises(ModelFileError, match="differs from the Keras model"):
        export_onnx(cnn, classes, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["onnxruntime", "tf2onnx"])
def test_missing_packages_are_named_with_the_extra(cnn, classes, exported, missing, tmp_path, monkeypatch):
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(name, name=missing)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=rf"{missing}.*fer_keras\[onnx\]"):
        export_onnx(cnn, classes, tmp_path / "m.onnx")
    if missing == "onnxruntime":
        with pytest.raises(InputError, match=r"fer_keras\[onnx\]"):
            load_exported(exported)
