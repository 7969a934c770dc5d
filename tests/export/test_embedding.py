import keras
import numpy as np
import pytest

from fer_keras.export.embedding import make_embedding
from fer_keras.models import build_cnn, build_mini_xception, build_simple_cnn

k = keras.layers


def faces(side=48):
    return np.random.default_rng(0).uniform(0, 255, (2, side, side, 1)).astype(np.float32)


def test_pooled_features_come_before_the_classifier():
    model = build_cnn(7, width=8)
    found = make_embedding(model)(faces(), training=False)
    assert found.shape == (2, 32)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(found @ kernel + bias, model(faces(), training=False), atol=1e-4)


def test_without_pooled_features_it_is_the_input_of_the_last_dense_layer():
    assert make_embedding(build_simple_cnn(7, head_units=16)).output_shape == (None, 16)
    assert make_embedding(build_simple_cnn(7, head_units=0)).output_shape == (None, 6400)


def test_a_fully_convolutional_head_is_averaged_over_its_positions():
    assert make_embedding(build_mini_xception(7)).output_shape == (None, 128)


def test_a_classifier_inside_the_model_is_found():
    images = keras.Input((32, 32, 3))
    inner = keras.Model(images, k.Dense(5)(k.GlobalAveragePooling2D()(k.Conv2D(6, 3)(images))))
    model = keras.Sequential([keras.Input((32, 32, 1)), k.Conv2D(3, 1), inner])
    found = make_embedding(model)(faces(32), training=False)
    kernel, bias = inner.layers[-1].get_weights()
    np.testing.assert_allclose(found @ kernel + bias, model(faces(32), training=False), atol=1e-4)


@pytest.mark.parametrize("last", [k.BatchNormalization(), k.PReLU()], ids=["normalised", "activated"])
def test_a_network_with_another_head_has_none(last):
    assert make_embedding(keras.Sequential([keras.Input((4, 4, 1)), k.Flatten(), k.Dense(7), last])) is None


def test_a_network_without_weights_has_none():
    assert make_embedding(keras.Sequential([keras.Input((4, 4, 1)), k.Flatten()])) is None
