"""Boxes and crops: geometry to the pixel."""

import math

import numpy as np
import pytest

from fer_keras.errors import InputError
from fer_keras.inference.boxes import Box, crop_face, fit_whole, iou


def test_squared_keeps_the_centre_and_takes_the_longer_side():
    square = Box(10, 20, 30, 40).squared(0.25)
    assert square == Box(-5, 10, 60, 60)
    assert Box(0, 0, 10, 10).squared(-0.1) == Box(1, 1, 8, 8)


def test_clipped():
    assert Box(-5, 10, 20, 20).clipped(40, 25) == Box(0, 10, 15, 15)
    assert Box(50, 0, 5, 5).clipped(40, 25) is None


def test_iou():
    assert iou(Box(0, 0, 10, 10), Box(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert iou(Box(0, 0, 1, 1), Box(1, 0, 1, 1)) == 0
    assert iou(Box(3, 4, 5, 6), Box(3, 4, 5, 6)) == 1


@pytest.mark.parametrize("sizes", [(0, 0, 0, 1), (0, 0, 1, -1), (math.nan, 0, 1, 1), (0, math.inf, 1, 1)])
def test_a_box_has_a_finite_size(sizes):
    with pytest.raises(ValueError, match="above 0"):
        Box(*sizes)


def test_a_box_of_the_models_size_is_cut_out_pixel_by_pixel():
    image = np.random.default_rng(0).integers(0, 256, (100, 120), np.uint8)
    assert np.array_equal(crop_face(image, Box(30, 20, 48, 48), 0, 48), image[20:68, 30:78])


@pytest.mark.parametrize("tilt", [90.0, -90.0, 180.0])
def test_a_tilt_turns_the_square_about_its_centre_pixel_by_pixel(tilt):
    """A head that leans clockwise is turned back counter-clockwise."""
    image = np.random.default_rng(0).integers(0, 256, (100, 120), np.uint8)
    expected = np.rot90(image[20:68, 30:78], round(tilt / 90))
    assert np.array_equal(crop_face(image, Box(30, 20, 48, 48, tilt), 0, 48), expected)


def test_a_tilt_is_kept():
    box = Box(1, 2, 3, 4, 25.0)
    assert {box.scaled(2).tilt, box.squared(0.1).tilt, box.clipped(3, 3).tilt} == {25.0}


@pytest.mark.parametrize("box", [Box(-30, -30, 60, 60, 30), Box(300, 10, 40, 40, -45), Box(10.4, 7.7, 0.2, 0.3, 20)])
def test_a_tilted_box_may_lie_anywhere(box):
    assert (crop_face(np.full((40, 50, 3), 77, np.uint8), box, 0.3, 48) == 77).all()


def test_color_is_turned_to_luma():
    image = np.zeros((60, 60, 3), np.uint8)
    image[..., 1] = 255
    assert (crop_face(image, Box(5, 5, 50, 50), 0, 48) == 150).all()  # 0.587 * 255, ITU-R 601


def test_outside_the_picture_its_edge_is_repeated():
    image = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (100, 1))  # brightness rises to the right
    crop = crop_face(image, Box(-48, 0, 96, 96), 0, 48)
    assert (crop[:, :23] == 0).all()
    assert crop[0, -1] > 80


@pytest.mark.parametrize(("left", "top"), [(-10, 5), (90, -20), (85, 60)])
def test_every_pixel_outside_is_the_nearest_one_inside(left, top):
    image = np.random.default_rng(0).integers(0, 256, (80, 100), np.uint8)
    padded = np.pad(image, 60, mode="edge")
    expected = padded[top + 60 : top + 108, left + 60 : left + 108]
    assert np.array_equal(crop_face(image, Box(left, top, 48, 48), 0, 48), expected)


def test_a_box_in_wrong_units_is_refused():
    with pytest.raises(InputError, match="far larger"):
        crop_face(np.zeros((40, 50), np.uint8), Box(0, 0, 1e9, 1e9))


@pytest.mark.parametrize("box", [Box(-900, -900, 50, 50), Box(500, 500, 3, 3), Box(10.4, 7.7, 0.2, 0.3)])
def test_any_box_gives_a_crop(box):
    image = np.full((40, 50, 3), 77, np.uint8)
    assert (crop_face(image, box, 0.3, 48) == 77).all()


def test_a_reduced_crop_is_averaged_not_sampled():
    checkers = np.indices((480, 480)).sum(axis=0) % 2 * 255
    crop = crop_face(checkers.astype(np.uint8), Box(0, 0, 480, 480), 0, 48)
    assert np.abs(crop.astype(int) - 127).max() <= 2


def test_a_whole_crop_of_the_right_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    assert np.array_equal(fit_whole(image, 48), image)
    assert fit_whole(np.zeros((30, 90, 3), np.uint8), 48).shape == (48, 48)
