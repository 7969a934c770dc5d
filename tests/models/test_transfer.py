import h5py
import keras
import numpy as np
import pytest

from fer_keras.errors import ModelFileError
from fer_keras.models import MODELS, build_model
from fer_keras.models.transfer import BACKBONES, find_backbone, freeze, split_at_features
from fer_keras.recipe.model import SECTIONS, TransferModel

FAMILIES = {
    "mobilenetv2": keras.applications.mobilenet_v2,
    "vgg16": keras.applications.vgg16,
    "resnet50": keras.applications.resnet50,
    "mobilenetv3small": keras.applications.mobilenet_v3,
    "efficientnetv2b0": keras.applications.efficientnet_v2,
}
NAMES = tuple(FAMILIES)
SMALL = {"weights": "none", "input_size": 32, "head_units": 8}


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
    def offline(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, BACKBONES[name].title, offline)
    with pytest.raises(ModelFileError, match=rf"{BACKBONES[name].weights_file}.*--set model\.weights=PATH"):
        build_model(SECTIONS[name](), 7)
