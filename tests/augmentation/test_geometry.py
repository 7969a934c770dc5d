"""The composed warp against ``ImageDataGenerator.apply_transform`` with the same parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import ndimage

from fer_keras.augmentation.geometry import affine_matrices
from fer_keras.augmentation.warping import BORDER, warp

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

# Both interpolate linearly, SciPy with float64 and TensorFlow with float32 coordinates. A float32 coordinate of up to
# 48 is off by at most about 1e-5 pixel after its few roundings, and neighbours differ by at most 255 grey levels.
TOLERANCE = 0.02

ALONE = [
    {"theta": 17.0},
    {"theta": -140.0},
    {"theta": 90.0},
    {"tx": 3.3},
    {"tx": -5.0},
    {"ty": 4.6},
    {"ty": -2.0},
    {"shear": 20.0},
    {"shear": -35.0},
    {"zx": 0.7},
    {"zx": 1.4},
    {"zy": 0.8},
    {"zy": 1.3},
    {"flip_horizontal": True},
    {"flip_vertical": True},
]
TOGETHER = [
    {"theta": 12.0, "tx": 3.0},
    {"theta": 12.0, "shear": 25.0},
    {"shear": 25.0, "zx": 0.8, "zy": 1.2},
    {"theta": -30.0, "flip_horizontal": True},
    {"tx": 2.5, "ty": -4.5, "flip_horizontal": True, "flip_vertical": True},
    {"theta": 33.0, "tx": 2.2, "ty": -3.7, "shear": 14.0, "zx": 0.83, "zy": 1.21},
    {"theta": -71.0, "tx": -6.0, "ty": 5.5, "shear": -9.0, "zx": 1.3, "zy": 0.75, "flip_horizontal": True},
    {"theta": 8.0, "tx": 1.5, "ty": 2.5, "shear": 4.0, "zx": 0.9, "zy": 1.1, "flip_vertical": True},
]
SIZES = [48, 47, 5]


def random_image(height: int, width: int, channels: int = 1) -> np.ndarray:
    """White noise, the hardest image to agree on."""
    return np.random.default_rng(height * width).uniform(0, 255, (height, width, channels)).astype(np.float32)


def ours(image: np.ndarray, parameters: dict, fill_mode: str = "nearest", cval: float = 0.0) -> np.ndarray:
    matrices = affine_matrices(**parameters, height=image.shape[0], width=image.shape[1])
    return warp(image[np.newaxis], matrices, fill_mode, cval).numpy()[0]


def legacy(image: np.ndarray, parameters: dict, fill_mode: str = "nearest", cval: float = 0.0) -> np.ndarray:
    return ImageDataGenerator(fill_mode=fill_mode, cval=cval).apply_transform(image, parameters)


def source_coordinates(parameters: dict, height: int, width: int) -> np.ndarray:
    """Where each output pixel looks in the input: (2, H, W) of x, y, from plain 3x3 products."""
    values = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1} | parameters
    theta, shear = math.radians(values["theta"]), math.radians(values["shear"])
    centre = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
    rotation = [[math.cos(theta), -math.sin(theta), 0], [math.sin(theta), math.cos(theta), 0], [0, 0, 1]]
    shift = [[1, 0, values["tx"]], [0, 1, values["ty"]], [0, 0, 1]]
    slant = [[1, -math.sin(shear), 0], [0, math.cos(shear), 0], [0, 0, 1]]
    mirror = [-1 if values.get(name) else 1 for name in ("flip_horizontal", "flip_vertical")]
    scale = np.diag([values["zx"] * mirror[0], values["zy"] * mirror[1], 1])
    matrix = np.linalg.multi_dot([centre, rotation, shift, slant, scale, np.linalg.inv(centre)])
    y, x = np.mgrid[:height, :width]
    return np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))[:2]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("parameters", ALONE + TOGETHER, ids=str)
def test_the_warp_equals_the_legacy_class(parameters, size):
    image = random_image(size, size)
    for fill_mode in ("nearest", "reflect"):
        expected = legacy(image, parameters, fill_mode)
        np.testing.assert_allclose(ours(image, parameters, fill_mode), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("parameters", ALONE + TOGETHER, ids=str)
def test_modes_that_jump_at_the_border_equal_the_legacy_class_too(parameters, size):
    """``constant`` and ``wrap`` are not continuous there: of a point on the border, rounding decides the side."""
    image = random_image(size, size)
    x, y = source_coordinates(parameters, size, size)
    to_border = np.minimum(np.minimum(abs(x), abs(size - 1 - x)), np.minimum(abs(y), abs(size - 1 - y)))
    period = np.minimum(abs(x / (size - 1) - np.rint(x / (size - 1))), abs(y / (size - 1) - np.rint(y / (size - 1))))
    for fill_mode, compared in (("constant", to_border > 2 * BORDER), ("wrap", period > 2 * BORDER)):
        difference = ours(image, parameters, fill_mode, 77.0) - legacy(image, parameters, fill_mode, 77.0)
        assert compared.mean() > 0.3
        assert np.abs(difference[compared]).max() <= TOLERANCE


def test_a_turn_by_a_right_angle_keeps_the_border():
    image = random_image(48, 48)
    for theta in (90.0, 180.0, 270.0):
        turned = np.rot90(image, -int(theta / 90))
        for fill_mode in ("nearest", "reflect", "constant", "wrap"):
            np.testing.assert_allclose(ours(image, {"theta": -theta}, fill_mode), turned, atol=TOLERANCE)


def test_outside_pixels_take_cval():
    image = random_image(48, 48)
    assert (ours(image, {"tx": 100.0}, "constant", 77.0) == 77).all()


@pytest.mark.parametrize("parameters", ALONE + TOGETHER, ids=str)
@pytest.mark.parametrize("shape", [(40, 57), (31, 16)])
def test_images_that_are_not_square_turn_about_their_true_centre(parameters, shape):
    image = random_image(*shape, channels=3)
    x, y = source_coordinates(parameters, *shape)
    expected = [ndimage.map_coordinates(image[..., c], [y, x], order=1, mode="nearest") for c in range(3)]
    np.testing.assert_allclose(ours(image, parameters), np.stack(expected, -1), atol=TOLERANCE, rtol=0)


def test_tx_moves_along_the_width_and_ty_along_the_height():
    image = np.zeros((9, 9, 1), np.float32)
    image[4, 4] = 255
    for parameters, place in (({"tx": 2}, [4, 2]), ({"ty": 2}, [2, 4])):
        for transform in (ours, legacy):
            assert np.argwhere(transform(image, parameters, "constant")[..., 0]).tolist() == [place]


def test_flips_are_exact():
    image = random_image(48, 48)
    np.testing.assert_array_equal(ours(image, {"flip_horizontal": True}), image[:, ::-1])
    np.testing.assert_array_equal(ours(image, {"flip_vertical": True}), image[::-1])


def test_no_parameters_change_nothing():
    image = random_image(47, 48)
    np.testing.assert_array_equal(ours(image, {}), image)


def test_a_batch_has_one_matrix_per_image():
    images = np.stack([random_image(48, 48)] * 3)
    theta = np.array([0.0, 20.0, -50.0])
    matrices = affine_matrices(theta=theta, tx=2.0, height=48, width=48)
    assert matrices.shape == (3, 8)
    for index, angle in enumerate(theta):
        expected = ours(images[index], {"theta": angle, "tx": 2.0})
        np.testing.assert_array_equal(warp(images, matrices)[index], expected)


def test_a_matrix_does_not_depend_on_the_batch():
    theta = np.random.default_rng(0).uniform(-180, 180, 100)
    alone = tf.concat([affine_matrices(theta=theta[i : i + 1], shear=7.0, height=48, width=48) for i in range(100)], 0)
    np.testing.assert_array_equal(affine_matrices(theta=theta, shear=7.0, height=48, width=48), alone)
