"""Grad-CAM: by hand, where the evidence is known, after randomised weights, for every network, and refusals."""

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.stats import spearmanr

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.errors import DataError, InputError, ModelFileError
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.explanation.grad_cam import explain, grad_cam
from fer_keras.models import MODELS, build_cnn
from fer_keras.models.feature_layers import find_feature_layer
from fer_keras.runs.run_folder import RunFolder

SHIPPED = Path(__file__).resolve().parents[2] / "saved_models" / "cnn-fer2013"
LAST_MAPS = {
    "cnn": ("stage3_2_relu", 6, {"width": 8}),
    "cnn_small": ("stage3_2_relu", 6, {"stem": 8}),
    "scratch_cnn": ("relu6", 6, {}),
    "simple_cnn": ("conv2", 21, {}),
    "mini_xception": ("class_maps", 4, {}),
    "mobilenetv2": ("out_relu", 2, {"weights": "none", "input_size": 48}),
    "vgg16": ("block5_conv3", 3, {"weights": "none", "input_size": 48}),
    "resnet50": ("conv5_block3_out", 2, {"weights": "none", "input_size": 48}),
    "mobilenetv3small": ("activation_17", 2, {"weights": "none", "input_size": 48}),
    "efficientnetv2b0": ("top_activation", 2, {"weights": "none", "input_size": 48}),
}


@pytest.fixture(scope="module")
def bright_or_dark():
    """Class 0 is told by bright patches and class 1 by dark ones, each by its own channel; class 2 by nothing."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((48, 48, 1), name="images"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(2, 8, strides=8, activation="relu", name="patches"),  # (B, 6, 6, 2)
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(3, name="logits"),
        ]
    )
    kernel = np.full((8, 8, 1, 2), 1 / 64, np.float32) * (1, -1)
    model.get_layer("patches").set_weights([kernel, np.array([-0.6, 0.4])])
    model.get_layer("logits").set_weights([np.array([[5.0, 0, 0], [0, 5.0, 0]]), np.array([0, 0, 0.2])])
    return model


@pytest.fixture(scope="module")
def patched():
    """Mid-gray with a bright patch at row 1, column 4 and a dark one at row 5, column 0, of a 6 x 6 grid."""
    image = np.full((1, 48, 48, 1), 128, np.uint8)
    image[0, 8:16, 32:40] = 255
    image[0, 40:48, 0:8] = 0
    return image


def peak(heatmap):
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    return row // 8, column // 8


def test_map_points_at_the_evidence_of_the_class_that_is_asked_for(bright_or_dark, patched):
    bright, dark = explain(bright_or_dark, patched, 0), explain(bright_or_dark, patched, 1)
    assert (bright.layer, bright.resolution) == ("patches", (6, 6))
    assert (bright.heatmaps.shape, bright.heatmaps.dtype) == ((1, 48, 48), np.float32)
    assert peak(bright.heatmaps[0]) == (1, 4)
    assert peak(dark.heatmaps[0]) == (5, 0)
    assert bright.heatmaps[0, 30:, :16].max() == 0  # nothing where the evidence of the other class is
    assert dark.heatmaps[0, :24, 24:].max() == 0


def test_map_is_that_of_the_paper_computed_by_hand(bright_or_dark, patched):
    # Channel 0 is 0.4 at one of 36 places, its weight is 5 / 36; channel 1 has no weight for class 0.
    assert explain(bright_or_dark, patched, 0).strength == pytest.approx(0.4 * 5 / 36, rel=1e-5)
    features, gradient = np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 2, 2))
    features[0, 0] = [[1, 3], [2, -4]]
    gradient[0, 0] = [[1, 0], [0, 1]]  # means 0.5 and 0.5
    np.testing.assert_allclose(grad_cam(features, gradient), [[[2, 0]]])


def test_class_that_no_place_speaks_for_gets_a_flat_map(bright_or_dark, patched):
    found = explain(bright_or_dark, patched, 2)
    assert (found.heatmaps == 0).all()
    assert found.strength.tolist() == [0]


def test_predicted_class_and_one_class_per_image(bright_or_dark, patched):
    gray = np.full((1, 48, 48, 1), 128, np.uint8)
    both = np.concatenate([patched, gray])
    assert explain(bright_or_dark, both).class_index.tolist() == [2, 2]
    mixed = explain(bright_or_dark, both, [1, 0])
    assert mixed.class_index.tolist() == [1, 0]
    assert peak(mixed.heatmaps[0]) == (5, 0)
    assert (mixed.heatmaps[1] == 0).all()
    np.testing.assert_allclose(mixed.probabilities.sum(axis=1), 1, atol=1e-6)


def test_images_do_not_depend_on_their_batch(bright_or_dark):
    images = np.random.default_rng(0).integers(0, 256, (40, 48, 48, 1), dtype=np.uint8)
    together = explain(bright_or_dark, images, 0)
    alone = explain(bright_or_dark, images[35:36], 0)
    np.testing.assert_allclose(together.heatmaps[35], alone.heatmaps[0], atol=1e-5)


def rank_correlation(first, second):
    """Mean Spearman correlation of pairs of maps, flat ones left out."""
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(first, second, strict=True) if a.any() and b.any()]
    return np.mean([spearmanr(a, b).statistic for a, b in pairs])


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="the shipped run saved_models/cnn-fer2013 is not here")
def test_randomised_weights_change_the_map():
    """Model parameter randomisation test of Adebayo et al. 2018, arXiv:1810.03292, and three controls."""
    model, faces = load_run_model(RunFolder.open(SHIPPED)), draw_faces(np.arange(28) % 7, 0).reshape(28, 48, 48, 1)
    found = explain(model, faces)
    classes = found.class_index.tolist()
    darker = explain(model, (0.9 * faces).astype(np.uint8), classes).heatmaps
    assert rank_correlation(found.heatmaps, darker) > 0.9  # the same network, the same faces
    mirrored = explain(model, np.ascontiguousarray(faces[:, :, ::-1]), classes).heatmaps[:, :, ::-1]
    assert rank_correlation(found.heatmaps, mirrored) > 0.55  # a network is not quite symmetric
    others = explain(model, faces, ((found.class_index + 3) % 7).tolist()).heatmaps
    assert rank_correlation(found.heatmaps, others) < 0.4  # the same network, another class
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        assert rank_correlation(found.heatmaps, explain(build_cnn(7), faces, classes).heatmaps) < 0.3


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in ("resnet50", "efficientnetv2b0") else n for n in LAST_MAPS],
)
def test_last_feature_map_of_every_network_is_found(name):
    layer, side, options = LAST_MAPS[name]
    keras.utils.set_random_seed(0)
    model = MODELS[name](7, **options)
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1), dtype=np.uint8)
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.non_trainable_variables]
    found = explain(model, images)
    assert found.layer.startswith(layer.rpartition("_")[0] if layer.startswith("activation") else layer)
    assert found.resolution == (side, side)
    assert np.isfinite(found.heatmaps).all()
    expected = keras.ops.softmax(model(images.astype("float32"), training=False))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    for old, new in zip(before, model.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(new))  # inference mode: no moving statistics


@pytest.mark.parametrize("name", sorted(MODELS.keys() - LAST_MAPS.keys()))
def test_a_network_that_came_later_has_a_last_feature_map_too(name):
    found = explain(MODELS[name](7), np.zeros((1, 48, 48, 1), np.uint8))
    assert found.heatmaps.shape == (1, 48, 48)
    assert min(found.resolution) >= 2


def test_a_layer_can_be_chosen_and_functional_networks_work(bright_or_dark, patched):
    model = build_cnn(7, width=8)
    assert explain(model, patched, 0, "stage1_2_relu").resolution == (24, 24)
    functional = keras.Model(bright_or_dark.inputs, bright_or_dark.outputs)
    expected = explain(bright_or_dark, patched, 0).heatmaps
    np.testing.assert_allclose(explain(functional, patched, 0).heatmaps, expected, atol=1e-6)


def test_wrong_requests_are_named(bright_or_dark, patched):
    with pytest.raises(InputError, match="Did you mean 'patches'"):
        explain(bright_or_dark, patched, layer="patch")
    with pytest.raises(InputError, match=r"Allowed: .*patches"):
        find_feature_layer(bright_or_dark, "logits")
    for wrong in (3, -1, [0, 1], 0.5):
        with pytest.raises(InputError, match="class index"):
            explain(bright_or_dark, patched, wrong)
    for images in (patched[0], patched[:0], patched.astype("float64"), patched[:, :24]):
        with pytest.raises(DataError, match="cannot explain"):
            explain(bright_or_dark, images)
    dense = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(InputError, match="no convolution"):
        explain(dense, patched)


def test_damaged_weights_are_refused(bright_or_dark, patched):
    broken = keras.models.clone_model(bright_or_dark)
    broken.set_weights([np.full_like(weight, np.nan) for weight in bright_or_dark.get_weights()])
    with pytest.raises(ModelFileError, match="not finite"):
        explain(broken, patched)
