from functools import partial

import keras
import numpy as np
import pytest

from fer_keras.errors import ConfigError
from fer_keras.models import build_cnn_small, build_mini_xception, build_simple_cnn, build_transfer
from fer_keras.recipe.train import TrainSection
from fer_keras.training.optimization import compile_model
from fer_keras.training.trainee import open_to_any_size


def compiled(model):
    compile_model(model, TrainSection(), 10)
    return model


def test_training_on_crops_trains_the_network_itself():
    model = compiled(build_cnn_small(7, stem=8, filters=(8, 8, 8)))
    twin = open_to_any_size(model, 40, TrainSection(), 10)
    before = model.get_weights()
    labels = np.eye(7, dtype=np.float32)[:4]
    for side in (40, 48):
        twin.train_on_batch(np.full((4, side, side, 1), 9.0, np.float32), labels)
    assert int(model.optimizer.iterations) == 2
    assert not all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    faces = np.random.default_rng(0).uniform(0, 255, (3, 48, 48, 1)).astype(np.float32)
    same = (keras.ops.convert_to_numpy(network(faces, training=False)) for network in (model, twin))
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize(
    "build", [build_mini_xception, partial(build_transfer, "mobilenetv3small", weights="none", input_size=48)]
)
def test_a_network_that_resizes_inside_is_refused(build):
    """A crop of 40 pixels, resized to 64, is enlarged 1.60 times; the whole faces that scores are of, 1.33 times."""
    model = compiled(build(7))
    with pytest.raises(ConfigError, match=r"crop=40: .* resizes what it is given to one side"):
        open_to_any_size(model, 40, TrainSection(), 10)


def test_a_network_of_one_size_is_refused():
    model = compiled(build_simple_cnn(7))
    with pytest.raises(ConfigError, match=r"crop=40: simple_cnn has layers for images of one size"):
        open_to_any_size(model, 40, TrainSection(), 10)
