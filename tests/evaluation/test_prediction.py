"""``predict_probabilities``: inference mode, batches, mirror images, refusals."""

import keras
import numpy as np
import pytest

from fer_keras.datasets.chosen_faces import ChosenFaces
from fer_keras.errors import DataError, InputError, ModelFileError
from fer_keras.evaluation import prediction
from fer_keras.evaluation.prediction import predict_probabilities


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).integers(0, 256, (45, 48, 48, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    """Batch statistics far from the moving ones, so that training mode would show; not symmetric under flips."""
    keras.utils.set_random_seed(0)
    k = keras.layers
    model = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            k.Rescaling(1 / 255),
            k.Conv2D(4, 5, strides=4),
            k.BatchNormalization(moving_mean_initializer=keras.initializers.RandomNormal(stddev=0.5)),
            k.Dropout(0.5),
            k.Flatten(),
            k.Dense(7, kernel_initializer=keras.initializers.RandomNormal(stddev=0.2)),
        ]
    )
    return model


@pytest.mark.parametrize("batch_size", [1, 7, 45, 64])
def test_probabilities_do_not_depend_on_the_batch_size(model, images, batch_size):
    expected = predict_probabilities(model, images, batch_size=16)
    got = predict_probabilities(model, images, batch_size=batch_size)
    assert got.shape == (45, 7)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).all()
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)


def test_probabilities_are_softmax_of_inference_logits_and_leave_the_model_alone(model, images):
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in model.variables]
    got = predict_probabilities(model, images, batch_size=8)
    logits = np.asarray(model(images.astype("float32"), training=False))
    np.testing.assert_allclose(got, keras.ops.softmax(logits), atol=1e-6)
    for old, new in zip(before, model.variables, strict=True):
        assert np.array_equal(old, keras.ops.convert_to_numpy(new))


def test_resizing_layer_does_not_switch_to_training_mode(images):
    """A ``Resizing`` layer makes later batch normalisation train unless the mode is given explicitly."""
    keras.utils.set_random_seed(0)
    k = keras.layers
    layers = [keras.Input((48, 48, 1)), k.Resizing(8, 8), k.BatchNormalization(), k.Flatten(), k.Dense(7)]
    model = keras.Sequential(layers)
    predict_probabilities(model, images, batch_size=8)
    assert keras.ops.convert_to_numpy(model.layers[1].moving_mean) == pytest.approx(0)


def test_partial_batches_do_not_retrace(model, images):
    shapes = []

    class Spy(keras.layers.Layer):
        def call(self, images):
            shapes.append(tuple(images.shape))
            return images

    spied = keras.Sequential([keras.Input((48, 48, 1)), Spy(), model])
    shapes.clear()
    predict_probabilities(spied, images, batch_size=8, tta="flip")
    assert len(shapes) == 1


def test_flip_is_the_mean_over_image_and_mirror_image(model, images):
    plain = predict_probabilities(model, images, batch_size=16)
    mirrored = predict_probabilities(model, np.ascontiguousarray(images[:, :, ::-1]), batch_size=16)
    got = predict_probabilities(model, images, batch_size=16, tta="flip")
    np.testing.assert_allclose(got, (plain + mirrored) / 2, atol=1e-6)
    assert np.abs(got - plain).max() > 1e-3


def test_large_faces_are_predicted_a_few_batches_at_a_time(model, images, monkeypatch):
    whole = predict_probabilities(model, images, batch_size=4, tta="flip")
    chosen, sizes, predict_part = ChosenFaces(images[::-1], np.arange(len(images))[::-1]), [], prediction._predict_part
    monkeypatch.setattr(prediction, "_BYTES_AT_ONCE", 2 * 4 * 48 * 48)
    monkeypatch.setattr(
        prediction, "_predict_part", lambda *given: (sizes.append(len(given[1])), predict_part(*given))[1]
    )
    np.testing.assert_array_equal(predict_probabilities(model, chosen, batch_size=4, tta="flip"), whole)
    assert max(sizes) == 8
    assert sum(sizes) == 2 * len(images)


@pytest.mark.parametrize(
    ("images", "options", "error", "problem"),
    [
        (np.zeros((2, 48, 48, 1), np.uint8), {"tta": "flop"}, InputError, "Did you mean 'flip'"),
        (np.zeros((2, 48, 48, 1), np.uint8), {"batch_size": 0}, InputError, "batch size"),
        (np.zeros((2, 48, 48, 1), np.float32), {}, DataError, "float32"),
        (np.zeros((2, 48, 48), np.uint8), {}, DataError, "cannot predict"),
        (np.zeros((0, 48, 48, 1), np.uint8), {}, DataError, "cannot predict"),
    ],
)
def test_predict_refuses(model, images, options, error, problem):
    with pytest.raises(error, match=problem):
        predict_probabilities(model, images, **{"batch_size": 8, **options})


def test_logits_that_are_not_finite_are_refused(images):
    broken = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)])
    broken.layers[-1].bias.assign(np.full(7, np.nan))
    with pytest.raises(ModelFileError, match="not finite"):
        predict_probabilities(broken, images, batch_size=8)
