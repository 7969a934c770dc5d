import keras
import numpy as np
import pytest

from fer_keras.models import MODELS, build_model, build_scratch_cnn, build_simple_cnn, count_macs
from fer_keras.recipe.model import SECTIONS, TransferModel
from fer_keras.recipe.recipe import make_recipe

NAMES = [name for name, section in SECTIONS.items() if not issubclass(section, TransferModel)]


@pytest.fixture(scope="module")
def networks():
    keras.utils.set_random_seed(0)
    return {name: build_model(make_recipe({"model": {"name": name}}).model, 7) for name in NAMES}


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1)).astype(np.float32)


def test_every_section_has_a_network_and_every_network_a_section():
    assert list(SECTIONS) == list(MODELS)


def test_parameters_of_the_published_networks(networks):
    counts = {"scratch_cnn": 1_055_887, "simple_cnn": 839_047, "vgg10": 2_359_847, "mini_xception": 58_423}
    assert {name: networks[name].count_params() for name in counts} == counts


def test_scratch_cnn_layer_by_layer(networks):
    model = networks["scratch_cnn"]
    kinds = (keras.layers.Conv2D, keras.layers.Dense, keras.layers.Dropout, keras.layers.MaxPooling2D)
    shown = [(type(layer).__name__, layer.output.shape[1:]) for layer in model.layers if isinstance(layer, kinds)]
    assert shown == [
        ("Conv2D", (48, 48, 32)), ("Conv2D", (48, 48, 32)), ("MaxPooling2D", (24, 24, 32)),
        ("Conv2D", (24, 24, 64)), ("Conv2D", (24, 24, 64)), ("MaxPooling2D", (12, 12, 64)),
        ("Conv2D", (12, 12, 128)), ("MaxPooling2D", (6, 6, 128)),
        ("Conv2D", (6, 6, 264)), ("MaxPooling2D", (3, 3, 264)),
        ("Dropout", (2376,)), ("Dense", (256,)), ("Dropout", (256,)), ("Dense", (7,)),
    ]  # fmt: skip
    assert {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)} == {0.4}
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.epsilon, layer.momentum) for layer in norms} == {(1e-5, 0.9)}
    assert all(layer.use_bias for layer in model.layers if isinstance(layer, keras.layers.Conv2D))


def test_vgg10_sees_at_full_resolution_first_and_keeps_places_last():
    model = MODELS["vgg10"](7, width=40)
    convolutions = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    sides, widths = (48, 24, 12, 6), (40, 80, 160, 320)
    assert convolutions == [(side, side, width) for side, width in zip(sides, widths, strict=True) for _ in range(2)]
    assert model.get_layer("flatten").output.shape == (None, 3 * 3 * 320)
    assert (model.count_params(), count_macs(model)) == (3_314_159, 184_784_384)


def test_cnn_tiny_is_cheap_and_suits_the_kernels_of_phones(networks):
    model = networks["cnn_tiny"]
    widths = {layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    assert all(width % 16 == 0 for width in widths)
    assert (model.count_params(), count_macs(model)) == (237_911, 14_165_888)


@pytest.mark.parametrize("options", [{"full": True}, {"gates": True}, {"head": "map"}])
def test_variants_of_cnn_small_give_logits_of_every_face(faces, options):
    model = build_model(make_recipe({"model": {"name": "cnn_small", **options}}).model, 7)
    logits = model.predict(faces, verbose=0)
    assert logits.shape == (3, 7)
    assert np.isfinite(logits).all()
    with_names = [layer.name for layer in model.layers]
    assert ("stem_pool" in with_names, "stage3_gate" in with_names, "parts" in with_names) == tuple(
        bool(options.get(key)) for key in ("full", "gates", "head")
    )


def test_se_resnet14_has_thirteen_convolutions_beside_shortcuts_and_weighs_channels(networks):
    model = networks["se_resnet14"]
    body = model.get_layer("body")
    kernels = [
        layer.kernel_size for part in (model, body) for layer in part.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    assert (kernels.count((3, 3)), kernels.count((1, 1))) == (13, 3)
    assert body.get_layer("stage3_2_excite").output.shape == (None, 1, 1, 192)
    assert model.get_layer("stem_conv").output.shape == (None, 48, 48, 32)
    assert (model.count_params(), count_macs(model)) == (1_585_563, 130_302_912)


def test_a_residual_block_begins_as_its_shortcut(networks, faces):
    body = networks["se_resnet14"].get_layer("body")
    maps = np.random.default_rng(0).uniform(0, 1, (2, 48, 48, 32)).astype(np.float32)
    first, second = (keras.Model(body.input, body.get_layer(f"stage1_{n}_relu").output) for n in (1, 2))
    np.testing.assert_allclose(second(maps), first(maps), atol=1e-6)
    assert np.std(first(maps)) > 0


def test_scratch_cnn_normalises_with_mean_and_deviation_one_half(networks, faces):
    expected = (faces / 255 - 0.5) / 0.5
    np.testing.assert_allclose(networks["scratch_cnn"].get_layer("rescale")(faces), expected, atol=1e-6)


def test_scratch_cnn_begins_with_pytorchs_weights(networks):
    for name, fan_in in (("conv4", 9 * 64), ("dense", 2376)):
        for weights in networks["scratch_cnn"].get_layer(name).get_weights():
            assert 0.9 / fan_in**0.5 < np.abs(weights).max() <= 1 / fan_in**0.5


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_sequential_end_in_logits_and_survive_a_file(name, networks, faces, tmp_path):
    model = networks[name]
    assert isinstance(model, keras.Sequential)
    logits = np.asarray(model(faces, training=False))
    assert logits.shape == (3, 7)
    assert not np.allclose(logits.sum(axis=1), 1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again(faces, training=False), logits)


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_call_does_not_run_in_training_mode(name, networks, faces):
    """The first silent trap: a layer before batch normalisation that leaves ``training=True`` behind."""
    model = networks[name]
    before = model.get_weights()
    np.testing.assert_array_equal(model(faces), model(faces, training=False))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_mini_xception_resizes_inside_and_has_no_dense_layer(networks):
    model = networks["mini_xception"]
    assert model.get_layer("resize").output.shape == (None, 64, 64, 1)
    assert model.get_layer("class_maps").output.shape == (None, 4, 4, 7)
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 56_951
    assert not any(isinstance(layer, keras.layers.Dense) for layer in model.layers)
    assert 9e6 < count_macs(model) < 11e6


def test_the_shortcut_of_mini_xception_is_a_strided_convolution_without_being_one(networks):
    """A strided 1x1 convolution crashes in oneDNN's gradient; see the module."""
    body = networks["mini_xception"].get_layer("body")
    convolutions = [layer for layer in body.layers if isinstance(layer, keras.layers.Conv2D)]
    assert not any(layer.strides != (1, 1) for layer in convolutions)
    maps = np.random.default_rng(0).normal(size=(2, 15, 15, 32)).astype(np.float32)
    strided = keras.layers.Conv2D(64, 1, strides=2, padding="same", use_bias=False)
    strided.build(maps.shape)
    strided.set_weights(body.get_layer("module3_shortcut").get_weights())
    ours = body.get_layer("module3_shortcut")(body.get_layer("module3_stride")(maps))
    np.testing.assert_allclose(ours, strided(maps), atol=1e-5)


def test_options_change_the_networks():
    assert build_scratch_cnn(5, dropout=0.1).get_layer("dropout1").rate == 0.1
    assert build_scratch_cnn(8).output_shape == (None, 8)
    assert build_scratch_cnn(7, image_size=64).get_layer("flatten").output.shape == (None, 4 * 4 * 264)
    assert build_simple_cnn(7, head_units=0).count_params() == 320 + 18_496 + 6400 * 7 + 7
    assert build_simple_cnn(7, dropout=0.25).get_layer("dropout").rate == 0.25
