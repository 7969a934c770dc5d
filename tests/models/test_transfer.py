import h5py
import keras
import numpy as np
import pytest

from fer_keras.errors import ConfigError, ModelFileError
from fer_keras.models import MODELS, build_model, build_transfer
from fer_keras.models.transfer import BACKBONES, find_backbone, freeze, split_at_features, weights_file
from fer_keras.recipe.model import SECTIONS, TransferModel
from fer_keras.recipe.recipe import make_recipe

FAMILIES = {
    "mobilenetv2": keras.applications.mobilenet_v2,
    "vgg16": keras.applications.vgg16,
    "resnet50": keras.applications.resnet50,
    "mobilenetv3small": keras.applications.mobilenet_v3,
    "efficientnetv2b0": keras.applications.efficientnet_v2,
}
NAMES = tuple(FAMILIES)
SMALL = {"weights": "none", "input_size": 32, "head_units": 8}


def step(model, images, labels, steps: int) -> float:
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    return [float(model.train_on_batch(images, labels)) for _ in range(steps)][-1]


@pytest.mark.slow
def test_a_base_of_random_weights_can_learn_faces_by_heart(tmp_path):
    """With its batch normalisation left at mean 0 and variance 1 the loss stays at that of guessing, 1.95."""
    keras.utils.set_random_seed(0)
    options = {"name": "mobilenetv3small", "input_size": 32, "head_units": 0, "dropout": 0.0, "fine_tune_from": "all"}
    images = np.random.default_rng(0).integers(0, 256, (64, 48, 48, 1)).astype(np.float32)
    labels = np.eye(7, dtype=np.float32)[np.arange(64) % 7]
    model = build_model(make_recipe({"model": options | {"weights": "none"}}).model, 7)
    assert step(model, images, labels, 12) < 0.3
    norms = [layer for layer in find_backbone(model).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all(norm.trainable for norm in norms)
    assert not any(np.all(norm.moving_variance == 1) for norm in norms)
    find_backbone(model).save_weights(tmp_path / "base.weights.h5")
    options["weights"] = str(tmp_path / "base.weights.h5")
    pretrained = build_model(make_recipe({"model": options}).model, 7)
    assert not any(
        layer.trainable
        for layer in find_backbone(pretrained).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )


@pytest.mark.parametrize(
    ("model", "fine_tune", "said"),
    [
        ({}, {}, "the base is frozen at random weights"),
        ({"fine_tune_from": "conv_1"}, {}, "the base is frozen below conv_1 at random weights"),
        ({}, {"epochs": 1, "from_layer": "conv_1"}, "the base is frozen below conv_1"),
        ({}, {"epochs": 1}, ""),
        ({"fine_tune_from": "all"}, {}, ""),
        ({"weights": "imagenet"}, {}, ""),
    ],
)
def test_a_frozen_base_of_random_weights_is_said_aloud(model, fine_tune, said):
    recipe = make_recipe({"model": {"name": "resnet50", "weights": "none"} | model, "fine_tune": fine_tune})
    assert len(recipe.notices) == bool(said)
    assert said in "".join(recipe.notices)


@pytest.fixture(scope="module")
def networks():
    keras.utils.set_random_seed(0)
    return {name: build_model(SECTIONS[name](**SMALL), 7) for name in NAMES}


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1)).astype(np.float32)


def test_the_table_the_sections_and_the_networks_agree():
    sections = {name for name, section in SECTIONS.items() if issubclass(section, TransferModel)}
    assert sections == set(BACKBONES) == set(NAMES) <= set(MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_the_base_sees_what_its_family_was_trained_on(name, networks, faces):
    """Against ``preprocess_input`` of the family, on the resized face with its channel repeated."""
    model = networks[name]
    inputs = faces
    for layer in model.layers[: model.layers.index(find_backbone(model))]:
        inputs = layer(inputs)
    rgb = np.repeat(np.asarray(keras.ops.image.resize(faces, (32, 32))), 3, axis=-1)
    expected = FAMILIES[name].preprocess_input(rgb.copy())
    assert inputs.shape == (3, 32, 32, 3)
    np.testing.assert_allclose(inputs, expected, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_one_head_on_a_frozen_base(name, networks, faces):
    model = networks[name]
    assert isinstance(model, keras.Sequential)
    names = [layer.name for layer in model.layers[-5:]]
    assert names == ["features", "dropout", "hidden", "dropout_2", "logits"]
    assert len(model.trainable_variables) == 4
    assert find_backbone(model).layers[-1].output.shape[-1] == model.get_layer("features").output.shape[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_base_is_a_fixed_function_and_never_in_training_mode(name, networks, faces):
    """The first silent trap, and stochastic depth: neither may make features depend on the call."""
    model = networks[name]
    base, head = split_at_features(model)
    before = find_backbone(model).get_weights()
    features = np.asarray(base(faces, training=False))
    np.testing.assert_array_equal(base(faces, training=True), features)
    np.testing.assert_array_equal(model(faces), model(faces, training=False))
    for old, new in zip(before, find_backbone(model).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    logits = head(features[:, None, None], training=False)
    np.testing.assert_allclose(logits, model(faces, training=False), atol=1e-5)


def test_a_saved_and_reloaded_network_gives_the_same_outputs(networks, faces, tmp_path):
    """EfficientNetV2, whose dropout layers change between building and saving."""
    model = networks["efficientnetv2b0"]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(again(faces, training=False), model(faces, training=False))


@pytest.mark.parametrize(("name", "layer"), [("vgg16", "block5_conv1"), ("resnet50", "conv5_block1_1_conv")])
def test_layers_open_from_a_name_on_without_batch_normalisation(name, layer, networks):
    backbone = find_backbone(networks[name])
    freeze(backbone, layer)
    index = [item.name for item in backbone.layers].index(layer)
    assert not backbone.trainable_variables[0].path.startswith(backbone.layers[index - 1].name)
    opened = {item.name for item in backbone.layers if item.trainable_variables}
    assert layer in opened
    assert not opened & {item.name for item in backbone.layers[:index]}
    assert not opened & {item.name for item in backbone.layers if isinstance(item, keras.layers.BatchNormalization)}
    freeze(backbone, None)
    assert not backbone.trainable_variables


def test_opened_batch_normalisation_forgets_fast_enough(networks):
    backbone = find_backbone(networks["mobilenetv2"])
    norms = {item.name: item for item in backbone.layers if isinstance(item, keras.layers.BatchNormalization)}
    assert {norm.momentum for norm in norms.values()} == {0.999}
    freeze(backbone, "block_16_project", batch_norm_too=False)
    assert [name for name, norm in norms.items() if norm.trainable] == ["block_16_project_BN", "Conv_1_bn"]
    assert {norm.momentum for norm in norms.values() if norm.trainable} == {0.99}
    assert {norm.momentum for norm in norms.values() if not norm.trainable} == {0.999}
    freeze(backbone, None)


def save_as_keras_publishes_them(backbone, path):
    """The older layout of the files on keras.io, whose names end in ``.h5``, not ``.weights.h5``."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, backbone)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layout"), [("vgg16", "published.h5"), ("resnet50", "own.weights.h5")])
def test_weights_of_a_family_come_from_a_file_in_both_layouts(name, layout, networks, tmp_path):
    backbone, path = find_backbone(networks[name]), tmp_path / layout
    if layout == "own.weights.h5":
        backbone.save_weights(path)
    else:
        save_as_keras_publishes_them(backbone, path)
    loaded = find_backbone(build_model(SECTIONS[name](**{**SMALL, "weights": str(path)}), 7))
    for ours, theirs in zip(loaded.weights, backbone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_download_names_the_file_to_fetch(name, monkeypatch):
    asked = []

    def offline(file, *arguments, **options):
        asked.append(file)
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", offline)
    with pytest.raises(ModelFileError, match=r"--set model\.weights=PATH") as error:
        build_model(SECTIONS[name](), 7)
    (file,) = asked
    assert file in str(error.value)  # the very file that Keras asked for


@pytest.mark.parametrize(("side", "file"), [(96, "_96_"), (128, "_128_"), (48, "_224_"), (100, "_224_")])
def test_the_file_of_mobilenetv2_depends_on_the_side(side, file):
    assert file in weights_file(BACKBONES["mobilenetv2"], side)


def test_a_base_that_ends_early_and_keeps_places(networks, faces):
    cut = build_transfer(
        "mobilenetv2", 7, weights="none", input_size=96, head_units=0, until="block_13_expand_relu", grid=3
    )
    base = find_backbone(cut)
    assert base.output_shape == (None, 6, 6, 576)
    assert cut.get_layer("features").output.shape == (None, 9 * 576)
    assert cut.predict(faces, verbose=0).shape == (len(faces), 7)
    body, head = split_at_features(cut)
    features = body.predict(faces, verbose=0)
    again = head.predict(features[:, None, None], verbose=0)
    np.testing.assert_allclose(again, cut.predict(faces, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"until": "block_13_expand_rely"}, "block_13_expand_relu"),
        ({"until": "block_13_expand_relu", "grid": 4}, "1, 2, 3, 6"),
    ],
)
def test_a_part_that_the_base_does_not_have_is_refused(options, said):
    with pytest.raises(ConfigError) as refused:
        build_transfer("mobilenetv2", 7, weights="none", input_size=96, **options)
    assert said in str(refused.value)
