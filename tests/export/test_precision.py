import keras
import numpy as np
import pytest

from fer_keras.export.parity.compare import check_parity, keras_probabilities, require_parity
from fer_keras.export.precision import as_float32
from fer_keras.export.tflite.convert import export_tflite


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
