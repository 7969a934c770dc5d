import subprocess
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.errors import InputError, ModelFileError, RunFolderError
from fer_keras.export.exported_model import load_exported
from fer_keras.export.parity.compare import keras_probabilities
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.export.tflite import convert as tflite
from fer_keras.export.tflite.convert import convert_tflite, export_tflite, refuse_custom_operators
from fer_keras.export.tflite.metadata import parse
from fer_keras.export.tflite.report import end_details, operator_names, tensor_types, weight_share
from fer_keras.models.layers import GrayscaleToRGB, ResizeImages


class Inverse(keras.layers.Layer):
    """Needs an operator that TensorFlow has and TFLite has not."""

    def call(self, x):
        return x @ tf.linalg.inv(tf.eye(7) + tf.reduce_mean(x) ** 2)


def not_convertible():
    return keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7), Inverse()])


@pytest.fixture(scope="module", params=["cnn", "transfer", "leaky"])
def pair(request, tmp_path_factory):
    model = request.getfixturevalue(request.param)
    path = tmp_path_factory.mktemp("tflite") / "model_float32.tflite"
    export_tflite(model, path)
    return model, path


@pytest.mark.parametrize("n", [1, 7, 70])
def test_equals_keras_for_any_batch(pair, faces, n):
    model, path = pair
    found = load_exported(path)(faces[:n])
    assert (found.shape, found.dtype) == ((n, 7), np.float32)
    np.testing.assert_allclose(found, keras_probabilities(model, faces[:n]), atol=2e-5)


def test_batch_one_needs_no_resize_and_seven_one_resize(pair, faces):
    from ai_edge_litert.interpreter import Interpreter

    model, path = pair
    interpreter = Interpreter(model_content=path.read_bytes())
    (images,), (probabilities,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert images["shape"].tolist() == [1, 48, 48, 1]
    assert images["shape_signature"].tolist() == [-1, 48, 48, 1]
    for n in (1, 7, 1):
        if n != interpreter.get_input_details()[0]["shape"][0]:
            interpreter.resize_tensor_input(images["index"], (n, 48, 48, 1))
        interpreter.allocate_tensors()
        interpreter.set_tensor(images["index"], faces[:n].astype(np.float32))
        interpreter.invoke()
        found = interpreter.get_tensor(probabilities["index"])
        np.testing.assert_allclose(found, keras_probabilities(model, faces[:n]), atol=2e-5)
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["images"], "outputs": ["probabilities"]}}


def test_every_operator_is_built_in(pair):
    operators = operator_names(pair[1].read_bytes())
    assert {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX"} <= set(operators)
    assert all(operators.values())


def test_operator_list_agrees_with_the_interpreter(pair):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(pair[1]), experimental_op_resolver_type=plain)
    assert set(operator_names(pair[1].read_bytes())) == {op["op_name"] for op in interpreter._get_ops_details()}


def test_savedmodel_folder_and_file_give_the_same_answers(cnn, classes, faces, tmp_path):
    export_savedmodel(cnn, classes, tmp_path / "saved")
    export_tflite(cnn, tmp_path / "b.tflite")
    first, second = (load_exported(tmp_path / name)(faces) for name in ("saved", "b.tflite"))
    np.testing.assert_allclose(first, second, atol=2e-5)


def test_operators_outside_tflite_are_refused_by_name(tmp_path):
    with pytest.raises(ModelFileError, match=r"does not build in\. Received: MatrixInverse"):
        export_tflite(not_convertible(), tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("operator", "name"), [(tf.linalg.inv, "FlexMatrixInverse"), (tf.math.erfinv, "Erfinv")])
def test_foreign_operators_in_a_finished_file_are_refused_by_name(operator, name):
    function = tf.function(lambda x: operator(x), input_signature=[tf.TensorSpec((7, 7))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    converter.allow_custom_ops = True
    content = converter.convert()
    assert [key for key, is_builtin in operator_names(content).items() if not is_builtin] == [name]
    with pytest.raises(ModelFileError, match=rf"Received: {name}\."):
        refuse_custom_operators(content)


def test_no_flatbuffer_has_no_operators():
    with pytest.raises(ModelFileError, match="no TFLite file"):
        operator_names(b"PK\3\4 something else")


def test_a_place_that_cannot_be_written_is_named(cnn, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="cannot write"):
        export_tflite(cnn, tmp_path / "file" / "m.tflite")


def test_a_failed_conversion_leaves_the_old_file(tmp_path):
    (tmp_path / "m.tflite").write_bytes(b"old")
    with pytest.raises(ModelFileError):
        export_tflite(not_convertible(), tmp_path / "m.tflite")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


QUIET = """
import sys
import keras
from fer_keras.export.exported_model import load_exported
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.export.tflite.convert import export_tflite
model = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
print("begin", file=sys.stderr, flush=True)
export_savedmodel(model, ("a", "b"), sys.argv[1] + "/s")
export_tflite(model, sys.argv[1] + "/m.tflite")
load_exported(sys.argv[1] + "/s")
load_exported(sys.argv[1] + "/m.tflite")
print("end", file=sys.stderr, flush=True)
"""


def test_the_terminal_stays_quiet(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", QUIET, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr.split("begin\n")[1] == "end\n"


def test_conversion_is_deterministic(cnn):
    assert convert_tflite(cnn) == convert_tflite(cnn)


@pytest.mark.parametrize("kind", ["float16", "dynamic", "int8"])
def test_quantised_files_are_small_and_take_any_batch(cnn, tflite_files, faces, kind):
    path = tflite_files[kind]
    found, expected = load_exported(path)(faces), keras_probabilities(cnn, faces)
    assert (found.shape, found.dtype) == ((70, 7), np.float32)
    assert np.abs(found - expected).max() < {"float16": 0.005, "dynamic": 0.05, "int8": 0.15}[kind]
    for n in (1, 32):
        np.testing.assert_allclose(load_exported(path)(faces[:n]), found[:n], atol=1e-6)
    share = weight_share(path.read_bytes(), "float16" if kind == "float16" else "int8")
    assert share > 0.5
    assert all(operator_names(path.read_bytes()).values())


def test_an_int8_file_holds_integers_only_and_takes_raw_pixels(tflite_files):
    content = tflite_files["int8"].read_bytes()
    types, ends = tensor_types(content), end_details(content)
    assert set(types) == {"int8", "int32", "uint8"}
    assert types["int8"] >= 8
    assert ends["input"]["quantization"] == {"scale": 1.0, "zero_point": 0}
    assert ends["output"] == {
        "dtype": "uint8",
        "shape": ["batch", 7],
        "quantization": {"scale": 1 / 256, "zero_point": 0},
    }


def test_weights_are_quantised_per_channel(tflite_files):
    graph = parse(tflite_files["int8"].read_bytes()).subgraphs[0]
    scales = {tuple(tensor.shape): np.size(tensor.quantization.scale) for tensor in graph.tensors}
    assert (scales[(8, 3, 3, 1)], scales[(7, 1152)]) == (8, 7)


def test_types_are_those_of_the_interpreter(tflite_files):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    path = str(tflite_files["int8"])
    details = Interpreter(model_path=path, experimental_op_resolver_type=plain).get_tensor_details()
    counts = Counter(np.dtype(detail["dtype"]).name for detail in details)
    assert {name: counts[name] for name in ("int8", "uint8")} == {
        name: tensor_types(tflite_files["int8"].read_bytes())[name] for name in ("int8", "uint8")
    }


def test_int8_needs_faces_and_kinds_are_known(cnn, tmp_path):
    with pytest.raises(InputError, match="needs training faces"):
        export_tflite(cnn, tmp_path / "m.tflite", kind="int8")
    with pytest.raises(InputError, match=r"Received: 'int'\. Did you mean 'int8'"):
        export_tflite(cnn, tmp_path / "m.tflite", kind="int")
    assert list(tmp_path.iterdir()) == []


def test_dark_training_faces_still_give_raw_pixels(cnn, faces):
    content = convert_tflite(cnn, "int8", calibration_faces=faces // 4)
    assert end_details(content)["input"]["quantization"] == {"scale": 1.0, "zero_point": 0}


def test_a_file_in_which_nothing_was_quantised_is_refused():
    # Below the 1,024 numbers from which the converter quantises weights, without a word.
    k = keras.layers
    small = [keras.Input((48, 48, 1)), k.Conv2D(4, 3), k.GlobalAveragePooling2D(), k.Dense(3)]
    with pytest.raises(ModelFileError, match="stored only 0% of the weights as int8"):
        tflite._check_kind(convert_tflite(keras.Sequential(small), "dynamic"), "dynamic")


def test_a_fixed_batch_and_a_temperature(cnn, faces, tflite_files, tmp_path):
    export_tflite(cnn, tmp_path / "m.tflite", temperature=3.0)
    found = load_exported(tmp_path / "m.tflite")(faces)
    np.testing.assert_allclose(found, keras_probabilities(cnn, faces, 3.0), atol=2e-5)
    fixed = parse(tflite_files["int8"].read_bytes()).subgraphs[0]
    assert fixed.tensors[fixed.inputs[0]].shape.tolist() == [1, 48, 48, 1]


@pytest.mark.parametrize("size", [32, 96])
def test_an_int8_file_of_a_network_that_resizes_first_takes_raw_pixels(size, tmp_path):
    """Dark faces, as own pictures may be: what the resize makes of one white pixel is not white."""
    k = keras.layers
    layers = [ResizeImages(size), GrayscaleToRGB(), k.Rescaling(1 / 127.5, offset=-1), k.Conv2D(8, 3), k.ReLU()]
    model = keras.Sequential([keras.Input((48, 48, 1)), *layers, k.GlobalAveragePooling2D(), k.Dense(4)])
    dark = np.random.default_rng(0).integers(20, 120, (40, 48, 48, 1)).astype(np.uint8)
    export_tflite(model, tmp_path / "int8.tflite", kind="int8", calibration_faces=dark)
    pixels = end_details((tmp_path / "int8.tflite").read_bytes())["input"]
    assert (pixels["dtype"], pixels["quantization"]) == ("uint8", {"scale": 1.0, "zero_point": 0})
