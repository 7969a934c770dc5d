"""The fused batch normalisation against Keras' own: outputs, gradients, moving statistics, whole networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_keras.evaluation.prediction import load_run_model
from fer_keras.models import build_model
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.fused_normalization import FusedBatchNormalization, fuse_batch_norms
from fer_keras.training.train import prepare_model, train


def batch_norms(model):
    found = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert found
    return found


def step(layer, images, weights):
    """Outputs in training, and the gradients of a weighted sum by input, gamma and beta."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images, training=True)
        loss = tf.reduce_sum(outputs * weights)
    return outputs, tape.gradient(loss, [images, *layer.trainable_variables])


@pytest.fixture
def pair():
    """Keras' layer and ours, with the same scale and offset."""
    layers = [kind(momentum=0.9, epsilon=1e-5) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    generator = np.random.default_rng(0)
    start = [generator.uniform(0.5, 2, 6), generator.normal(size=6), generator.normal(size=6), np.ones(6)]
    for layer in layers:
        layer.build((None, 5, 5, 6))
        layer.set_weights(start)
    return layers


def test_outputs_gradients_and_moving_statistics_are_those_of_keras(pair):
    generator = np.random.default_rng(1)
    images = tf.constant(generator.normal(3, 2, (4, 5, 5, 6)), tf.float32)
    weights = tf.constant(generator.normal(size=(4, 5, 5, 6)), tf.float32)
    (plain, plain_gradients), (fused, fused_gradients) = (step(layer, images, weights) for layer in pair)
    np.testing.assert_allclose(fused, plain, atol=1e-5)
    for ours, theirs in zip(fused_gradients, plain_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
    for ours, theirs in zip(pair[1].get_weights(), pair[0].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)  # the variance too: 1 % off were it the unbiased one


def test_outside_training_it_is_the_layer_of_keras(pair):
    images = np.random.default_rng(2).normal(size=(2, 5, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(pair[1](images, training=False), pair[0](images, training=False))
    flat = images.reshape(-1, 6)
    layers = [kind(momentum=0.9) for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)]
    np.testing.assert_array_equal(*(layer(flat, training=True) for layer in layers))


@pytest.mark.parametrize("name", ["cnn", "scratch_cnn", "mini_xception"])
def test_a_network_keeps_its_weights_and_answers(name):
    model = build_model(make_recipe({"model": {"name": name}}).model, 7)
    fused = fuse_batch_norms(model)
    assert all(type(layer) is FusedBatchNormalization for layer in batch_norms(fused))
    assert [w.path for w in fused.weights] == [w.path for w in model.weights]
    images = np.random.default_rng(3).integers(0, 256, (2, 48, 48, 1)).astype(np.float32)
    np.testing.assert_array_equal(fused(images, training=False), model(images, training=False))


def test_training_uses_it_and_the_saved_model_does_not(tiny_dataset, tmp_path):
    recipe = make_recipe({"model": {"name": "cnn", "width": 8}, "train": {"epochs": 1, "batch_size": 14}})
    assert all(type(layer) is FusedBatchNormalization for layer in batch_norms(prepare_model(recipe, tiny_dataset)))
    run = RunFolder.create(tmp_path / "run")
    assert train(recipe, tiny_dataset, run).finished
    assert all(type(layer) is keras.layers.BatchNormalization for layer in batch_norms(load_run_model(run)))
