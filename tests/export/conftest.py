"""Small models in the shapes of the project's own, with batch statistics that make training mode show."""

import keras
import numpy as np
import pytest

from fer_keras.export.tflite.convert import KINDS, export_tflite

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class Upscale(keras.layers.Layer):
    """Resize and repeat to RGB, as the transfer models do."""

    def call(self, images):
        images = keras.ops.image.resize(images, (64, 64))  # (B, 64, 64, 1)
        return keras.ops.repeat(images, 3, axis=-1)  # (B, 64, 64, 3)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 64, 64, 3)


def randomise_statistics(model):
    """Give every batch normalisation moving statistics far from those of any batch."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.moving_mean.shape[0]
            layer.moving_mean.assign(rng.normal(0, 0.5, n))
            layer.moving_variance.assign(rng.uniform(0.2, 2, n))
    return model


def build(*layers):
    keras.utils.set_random_seed(0)
    return randomise_statistics(keras.Sequential([keras.Input((48, 48, 1)), *layers]))


@pytest.fixture(scope="session")
def cnn():
    k = keras.layers
    return build(
        k.Rescaling(1 / 255),
        k.Conv2D(8, 3, padding="same", use_bias=False),
        k.BatchNormalization(),
        k.ReLU(),
        k.MaxPooling2D(4),
        k.Flatten(),
        k.Dropout(0.3),
        k.Dense(7, kernel_initializer=keras.initializers.RandomNormal(stddev=0.2)),
    )


@pytest.fixture(scope="session")
def transfer():
    k = keras.layers
    return build(
        k.Rescaling(1 / 127.5, offset=-1),
        Upscale(),
        k.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        k.BatchNormalization(),
        k.ReLU(6.0),
        k.DepthwiseConv2D(3, padding="same", use_bias=False),
        k.BatchNormalization(),
        k.ReLU(6.0),
        k.GlobalAveragePooling2D(),
        k.Dropout(0.3),
        k.Dense(7, kernel_initializer=keras.initializers.RandomNormal(stddev=2)),
    )


@pytest.fixture(scope="session")
def leaky():
    """keras.layers.Resizing leaves training=True behind it when the call does not say otherwise."""
    k = keras.layers
    return build(
        k.Resizing(32, 32),
        k.Rescaling(1 / 255),
        k.Conv2D(8, 3),
        k.BatchNormalization(),
        k.ReLU(),
        k.GlobalAveragePooling2D(),
        k.Dense(7, kernel_initializer=keras.initializers.RandomNormal(stddev=2)),
    )


@pytest.fixture(scope="session")
def faces():
    """(70, 48, 48, 1) uint8: more than one batch of 64, smooth and of different brightness."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (70, 6, 6, 1))
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)


@pytest.fixture(scope="session")
def classes():
    return CLASSES


@pytest.fixture(scope="session")
def tflite_files(cnn, faces, classes, tmp_path_factory):
    """One file of each kind by its name, of the model ``cnn``, with a contract inside."""
    folder = tmp_path_factory.mktemp("tflite_files")
    for kind in KINDS:
        path = folder / f"model_{kind}.tflite"
        export_tflite(cnn, path, kind=kind, calibration_faces=faces, contract={"classes": list(classes)})
    return {kind: folder / f"model_{kind}.tflite" for kind in KINDS}
