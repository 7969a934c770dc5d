import keras
import numpy as np
import pytest

from fer_keras.export.model import as_float32, make_embedding
from fer_keras.export.parity.compare import check_parity, keras_probabilities, require_parity
from fer_keras.export.tflite.convert import export_tflite
from fer_keras.models import build_cnn, build_mini_xception, build_simple_cnn

k = keras.layers


def noise(side=48):
    return np.random.default_rng(0).uniform(0, 255, (2, side, side, 1)).astype(np.float32)


def test_pooled_features_come_before_the_classifier():
    model = build_cnn(7, width=8)
    found = make_embedding(model)(noise(), training=False)
    assert found.shape == (2, 32)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(found @ kernel + bias, model(noise(), training=False), atol=1e-4)


def test_without_pooled_features_it_is_the_input_of_the_last_dense_layer():
    assert make_embedding(build_simple_cnn(7, head_units=16)).output_shape == (None, 16)
    assert make_embedding(build_simple_cnn(7, head_units=0)).output_shape == (None, 6400)


def test_a_fully_convolutional_head_is_averaged_over_its_positions():
    assert make_embedding(build_mini_xception(7)).output_shape == (None, 128)


def test_a_classifier_inside_the_model_is_found():
    images = keras.Input((32, 32, 3))
    inner = keras.Model(images, k.Dense(5)(k.GlobalAveragePooling2D()(k.Conv2D(6, 3)(images))))
    model = keras.Sequential([keras.Input((32, 32, 1)), k.Conv2D(3, 1), inner])
    found = make_embedding(model)(noise(32), training=False)
    kernel, bias = inner.layers[-1].get_weights()
    np.testing.assert_allclose(found @ kernel + bias, model(noise(32), training=False), atol=1e-4)


@pytest.mark.parametrize("last", [k.BatchNormalization(), k.PReLU()], ids=["normalised", "activated"])
def test_a_network_with_another_head_has_none(last):
    assert make_embedding(keras.Sequential([keras.Input((4, 4, 1)), k.Flatten(), k.Dense(7), last])) is None


def test_a_network_without_weights_has_none():
    assert make_embedding(keras.Sequential([keras.Input((4, 4, 1)), k.Flatten()])) is None


@pytest.fixture(scope="module", params=["mixed_bfloat16", "mixed_float16"])
def mixed(request):
    """Mixed precision also inside a nested model, as in a transfer model."""
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    k = keras.layers
    backbone = keras.Sequential([keras.Input((48, 48, 3)), k.Conv2D(8, 3), k.BatchNormalization(), k.ReLU()])
    repeat = k.Concatenate()
    images = keras.Input((48, 48, 1))
    features = backbone(repeat([k.Rescaling(1 / 255)(images)] * 3))
    features = k.GlobalAveragePooling2D()(features)
    model = keras.Model(images, k.Dense(7, kernel_initializer="random_uniform", dtype="float32")(features))
    keras.config.set_dtype_policy(before)
    return model


def test_twin_has_the_same_weights_and_computes_in_float32(mixed, faces):
    twin = as_float32(mixed)
    assert {layer.compute_dtype for layer in twin.layers + twin.layers[3].layers} == {"float32"}
    for old, new in zip(mixed.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_allclose(keras_probabilities(twin, faces), keras_probabilities(mixed, faces), atol=2e-3)


def test_a_float32_model_is_returned_itself(cnn, transfer):
    assert as_float32(cnn) is cnn


def test_a_mixed_model_becomes_a_float32_file(mixed, tmp_path, faces):
    export_tflite(mixed, tmp_path / "m.tflite")
    require_parity(check_parity(as_float32(mixed), {"tflite": tmp_path / "m.tflite"}, faces))
