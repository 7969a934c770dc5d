import builtins
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from fer_keras.errors import InputError, ModelFileError
from fer_keras.export.exported_model import load_exported
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.export.tflite.metadata import with_metadata


@pytest.fixture(scope="module")
def tflite(tflite_files):
    return tflite_files["float32"]


@pytest.fixture(scope="module")
def content(tflite):
    return tflite.read_bytes()


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((0, 48, 48, 1), np.uint8),
        np.zeros((48, 48, 1), np.uint8),
        np.zeros((2, 48, 48), np.uint8),
        np.zeros((2, 64, 64, 1), np.uint8),
        np.zeros((2, 48, 48, 1), np.float64),
        [[1]],
    ],
)
def test_unusable_images_are_refused(tflite, images):
    with pytest.raises(InputError, match="unusable array of faces"):
        load_exported(tflite)(images)


def test_uint8_and_float32_are_the_same_pixels(tflite, faces):
    exported = load_exported(tflite, threads=1)
    np.testing.assert_array_equal(exported(faces), exported(faces.astype(np.float32)))


def test_without_litert_tensorflow_runs_the_file(tflite, faces, monkeypatch, recwarn):
    expected = load_exported(tflite)
    real_import = builtins.__import__

    def no_litert(name, *args, **kwargs):
        if name.startswith("ai_edge_litert"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_litert)
    found = load_exported(tflite)
    assert expected.runtime.startswith("ai-edge-litert 2")
    assert found.runtime == f"tensorflow {tf.__version__}"
    np.testing.assert_allclose(found(faces), expected(faces), atol=1e-6)
    assert not [str(warning.message) for warning in recwarn if "deprecated" in str(warning.message)]


def test_tflite_needs_no_tensorflow(tflite):
    code = (
        "import sys, numpy as np; from fer_keras.export.exported_model import load_exported; "
        f"load_exported({str(tflite)!r})(np.zeros((1, 48, 48, 1), np.uint8)); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Cut or overwritten in many places: always our error, never the end of the process.
CUTS = (0, 3, 8, 9, 100, 1000, -1000, -1)


@pytest.mark.parametrize("cut", CUTS)
def test_a_truncated_tflite_is_refused(content, cut, tmp_path):
    path = tmp_path / "cut.tflite"
    path.write_bytes(content[:cut])
    with pytest.raises(ModelFileError, match=r"cut\.tflite"):
        load_exported(path)


def test_another_file_type_is_refused(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"PK\3\4 a zip archive")
    with pytest.raises(ModelFileError, match="is no TFLite file"):
        load_exported(tmp_path / "x.tflite")
    with pytest.raises(ModelFileError, match="cannot read TFLite file"):
        load_exported(tmp_path / "missing.tflite")
    with pytest.raises(InputError, match="not an exported model"):
        load_exported(tmp_path / "model.h5")


def test_a_tflite_of_another_purpose_is_refused(tmp_path):
    function = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((1, 64, 64, 3))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    (tmp_path / "x.tflite").write_bytes(with_metadata(converter.convert()))
    with pytest.raises(ModelFileError, match=r"no face classifier.*Received: \(B, 64, 64, 3\) float32"):
        load_exported(tmp_path / "x.tflite")


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "assets/labels.txt"])
def test_a_damaged_savedmodel_is_refused(cnn, classes, name, tmp_path):
    export_savedmodel(cnn, classes, tmp_path / "m")
    (tmp_path / "m" / name).unlink()
    with pytest.raises(ModelFileError, match="cannot load SavedModel"):
        load_exported(tmp_path / "m")


def test_a_savedmodel_of_another_purpose_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
    with pytest.raises(ModelFileError, match="has no 'serving_default'"):
        load_exported(tmp_path / "m", trust=True)
