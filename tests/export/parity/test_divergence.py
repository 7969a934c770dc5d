import keras
import numpy as np
import pytest

from fer_keras.errors import ModelFileError
from fer_keras.export.parity.divergence import (
    LIMITS,
    _layers_of_scopes,
    compare_operators,
    find_divergence,
    layer_outputs,
)
from fer_keras.export.tflite.convert import KINDS, convert_tflite


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_file_diverges_nowhere(cnn, tflite_files, faces, kind):
    rows = compare_operators(tflite_files[kind].read_bytes(), cnn, faces[:4], kind=kind)
    assert [row.index for row in rows] == sorted(row.index for row in rows)
    assert {"CONV_2D", "FULLY_CONNECTED"} <= {row.operator for row in rows}
    assert find_divergence(rows, LIMITS[kind]) is None


@pytest.mark.parametrize("name", ["transfer", "leaky"])
def test_resized_and_repeated_faces_are_compared_in_inference_mode(request, faces, name):
    model = request.getfixturevalue(name)
    rows = compare_operators(convert_tflite(model), model, faces[:4])
    assert find_divergence(rows, LIMITS["float32"]) is None


@pytest.mark.parametrize("kind", ["float32", "dynamic"])
def test_the_temperature_is_no_divergence(cnn, faces, kind):
    content = convert_tflite(cnn, kind, temperature=0.8)
    rows = compare_operators(content, cnn, faces[:4], kind=kind, temperature=0.8)
    assert find_divergence(rows, LIMITS[kind]) is None
    assert find_divergence(compare_operators(content, cnn, faces[:4]), LIMITS["float32"]).operator == "FULLY_CONNECTED"


def spoilt(model, layer_name):
    """The same network with the weights of one output of one layer changed."""
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    layer = other.get_layer(layer_name)
    first, *rest = layer.get_weights()
    first[..., 0] += 0.2  # one weight alone may only meet zeros
    layer.set_weights([first, *rest])
    return other


@pytest.mark.parametrize("kind", ["float32", "int8"])
@pytest.mark.parametrize(("type_", "operator"), [("Conv2D", "CONV_2D"), ("Dense", "FULLY_CONNECTED")])
def test_the_first_operator_of_a_spoilt_layer_is_named(cnn, faces, kind, type_, operator):
    layer = next(layer for layer in cnn.layers if type(layer).__name__ == type_)
    content = convert_tflite(spoilt(cnn, layer.name), kind, calibration_faces=faces)
    rows = compare_operators(content, cnn, faces[:4], kind=kind)
    found = find_divergence(rows, 0.02)
    assert found.operator == operator
    assert found.max_error > 0
    assert find_divergence(rows[: rows.index(found)], 0.02) is None
    if kind == "float32" and type_ == "Dense":
        assert found.reference.startswith(f"Keras layer {layer.name}")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["m/relu/Relu", "m/relu_1/Relu;m/conv/add"], {"relu": "relu", "relu_1": "relu_1", "conv": "conv"}),
        (
            ["m_1/relu_1/Relu;m_1/conv_1/add", "m_1/relu_1_2/Relu"],
            {"relu_1": "relu", "conv_1": "conv", "relu_1_2": "relu_1"},
        ),
        (["m/relu/Relu", "m/conv_3/add", "m/conv_4/add"], {"relu": "relu", "conv_3": "conv", "conv_4": "conv"}),
        (["m/relu_1/Relu"], {}),
    ],
    ids=["opened once", "opened again", "shared", "either of two"],
)
def test_a_numbered_scope_is_given_to_its_layer(names, expected):
    assert _layers_of_scopes(["conv", "relu", "relu_1"], names) == expected


def test_layers_with_numbers_for_names_are_not_mistaken(faces):
    """A numbered name that is also TensorFlow's for the second opening of another layer."""
    k = keras.layers
    convolutions = [k.Conv2D(4, 3, padding="same", name=name, activation="relu") for name in ("c", "c_1", "c_2")]
    model = keras.Sequential([keras.Input((48, 48, 1)), *convolutions, k.Flatten(), k.Dense(7)])
    rows = compare_operators(convert_tflite(model), model, faces[:4])
    assert [row.reference for row in rows][:3] == ["Keras layer c", "Keras layer c_1", "Keras layer c_2"]
    assert find_divergence(rows, LIMITS["float32"]) is None


def test_outputs_of_nested_models_are_found(faces):
    k = keras.layers
    inner = keras.Sequential(
        [keras.Input((48, 48, 1)), k.Flatten(name="flat"), k.Dense(5, name="inside")], name="inner"
    )
    model = keras.Sequential([keras.Input((48, 48, 1)), inner, k.Dense(3, name="outside")])
    outputs = layer_outputs(model, faces[:2])
    assert list(outputs) == ["flat", "inside", "inner", "outside"]
    np.testing.assert_allclose(outputs["outside"], model(faces[:2].astype("float32")), rtol=1e-5)
    np.testing.assert_array_equal(outputs["inside"], outputs["inner"])


def test_a_file_of_another_network_has_no_counterpart(cnn, tflite_files, faces):
    other = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(9)])
    with pytest.raises(ModelFileError, match="no tensor of the file has a counterpart"):
        compare_operators(tflite_files["float32"].read_bytes(), other, faces[:2])
