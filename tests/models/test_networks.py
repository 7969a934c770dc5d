import keras
import numpy as np
import pytest

from fer_keras.errors import ConfigError, ModelFileError
from fer_keras.models import MODELS, GrayscaleToRGB, ResizeImages, build_cnn, build_model, count_macs
from fer_keras.models.transfer import WEIGHTS_LATER
from fer_keras.recipe.model import CnnModel, MobileNetV2Model

build_mobilenetv2 = MODELS["mobilenetv2"]
SMALL = {"weights": "none", "input_size": 32, "head_units": 16}


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (4, 48, 48, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def mobilenet():
    keras.utils.set_random_seed(0)
    return build_mobilenetv2(7, **SMALL)


def test_both_networks_are_sequential_and_end_in_logits(faces, mobilenet):
    for model in (build_model(CnnModel(width=8), 7), mobilenet):
        assert isinstance(model, keras.Sequential)
        logits = np.asarray(model(faces, training=False))
        assert logits.shape == (4, 7)
        assert not np.allclose(logits.sum(axis=1), 1)


def test_saved_and_reloaded_models_give_the_same_outputs(tmp_path, faces, mobilenet):
    for name, model in (("cnn", build_cnn(7, width=8)), ("mobilenetv2", mobilenet)):
        model.save(tmp_path / f"{name}.keras")
        again = keras.models.load_model(tmp_path / f"{name}.keras", compile=False)
        np.testing.assert_array_equal(again(faces, training=False), model(faces, training=False))


def test_every_option_of_the_cnn_changes_it():
    base = build_cnn(7, width=8)
    assert build_cnn(7, width=16).count_params() > base.count_params()
    assert build_cnn(7, width=8, dropout=0.6).get_layer("dropout").rate == 0.6
    assert build_cnn(5, width=8).output_shape == (None, 5)


def test_parameters_and_macs_by_hand():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, padding="same"),
            keras.layers.DepthwiseConv2D(3, strides=2, padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    assert count_macs(model) == 64 * 9 * 4 + 16 * 9 * 4 + 64 * 5


def test_macs_of_mobilenetv2_at_224_match_the_paper():
    model = build_mobilenetv2(7, weights="none", input_size=224, head_units=0)
    assert count_macs(model) == pytest.approx(300e6, rel=0.02)  # Sandler et al. 2018, table 4, less the 1000-way head


def test_grayscale_to_rgb_repeats_the_channel(faces):
    rgb = np.asarray(GrayscaleToRGB()(faces))
    assert rgb.shape == (4, 48, 48, 3)
    for channel in range(3):
        np.testing.assert_array_equal(rgb[..., channel], faces[..., 0])
    with pytest.raises(ValueError, match="one channel"):
        GrayscaleToRGB().compute_output_shape((None, 48, 48, 3))


def test_resize_is_keras_bilinear_without_its_leak(faces):
    expected = keras.layers.Resizing(96, 96)(faces)
    np.testing.assert_array_equal(ResizeImages(96)(faces), expected)


def test_keras_resizing_leaks_training_mode_and_ours_does_not(faces):
    """The first silent trap: after ``Resizing``, a bare call runs batch normalisation in training mode."""

    def build(resize):
        return keras.Sequential([keras.Input((48, 48, 1)), resize, keras.layers.BatchNormalization()])

    leaky, sound = build(keras.layers.Resizing(24, 24)), build(ResizeImages(24))
    assert not np.allclose(leaky(faces), leaky(faces, training=False)), "Keras mended it: drop this half of the test"
    np.testing.assert_array_equal(sound(faces), sound(faces, training=False))


def test_the_backbone_is_frozen_with_its_batch_normalisation(mobilenet, faces):
    assert len(mobilenet.trainable_variables) == 4  # two dense layers
    before = [np.asarray(v).copy() for v in mobilenet.non_trainable_variables]
    mobilenet(faces, training=True)
    for old, variable in zip(before, mobilenet.non_trainable_variables, strict=True):
        if "seed" not in variable.name:
            np.testing.assert_array_equal(old, variable)


def test_fine_tuning_opens_layers_but_never_batch_normalisation():
    pretrained = SMALL | {"weights": WEIGHTS_LATER}
    opened = build_mobilenetv2(7, fine_tune_from="block_16_expand", **pretrained)
    everything = build_mobilenetv2(7, fine_tune_from="all", **pretrained)
    assert 4 < len(opened.trainable_variables) < len(everything.trainable_variables)
    names = {v.name for v in everything.trainable_variables}
    assert not names & {"gamma", "beta"}
    with pytest.raises(ConfigError, match="Did you mean 'block_16_expand'"):
        build_mobilenetv2(7, fine_tune_from="block_16_expnd", **SMALL)


def test_weights_that_cannot_be_had_say_what_to_give(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        if kwargs["weights"] == "imagenet":
            raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    with pytest.raises(ModelFileError, match=r"mobilenet_v2_weights.*no_top\.h5.*--set model\.weights=PATH"):
        build_mobilenetv2(7, weights="imagenet")
    with pytest.raises(ConfigError, match="no weights file"):
        build_mobilenetv2(7, weights=str(tmp_path / "none.h5"))


def test_weights_from_a_file_are_used_and_a_wrong_file_is_refused(tmp_path, mobilenet, faces):
    backbone = next(layer for layer in mobilenet.layers if isinstance(layer, keras.Model))
    path = tmp_path / "backbone.weights.h5"
    backbone.save_weights(path)
    section = MobileNetV2Model(**{**SMALL, "weights": str(path)})
    loaded = next(layer for layer in build_model(section, 7).layers if isinstance(layer, keras.Model))
    for ours, theirs in zip(loaded.weights, backbone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    path.write_bytes(b"no weights")
    with pytest.raises(ModelFileError, match="holds no weights of MobileNetV2"):
        build_model(section, 7)
