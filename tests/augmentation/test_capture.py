"""Blur, low resolution and noise, against scipy and Pillow."""

from __future__ import annotations

import numpy as np
import pytest

from fer_keras.augmentation.batch import augment_batch
from fer_keras.augmentation.capture import add_noise, blur_matrices, low_resolution_matrices, mix_pixels
from fer_keras.evaluation.robustness.corruptions import CORRUPTIONS
from fer_keras.recipe.augmentation import AugmentationSection

RANDOM = np.random.default_rng(3)
FACES = RANDOM.integers(0, 256, (5, 48, 48, 1), dtype=np.uint8)
# Neighbouring pixels of faces are alike; those of pure noise would hide a shift by a pixel behind the blur.
FACES = np.clip(np.cumsum(FACES.astype(int) - 128, axis=1) // 4 + 128, 0, 255).astype(np.uint8)
NAMED = {corruption.name: corruption for corruption in CORRUPTIONS}


def both_ways(matrices) -> np.ndarray:
    return mix_pixels(FACES.astype(np.float32), matrices, matrices).numpy()


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_blur_is_that_of_scipy_away_from_the_border(sigma):
    expected = NAMED["blur"](FACES, sigma).astype(float)
    inner = slice(8, 40)
    difference = both_ways(blur_matrices(np.full(5, sigma), 48)) - expected
    assert np.abs(difference[:, inner, inner]).max() < 0.6  # expected is rounded to whole grey levels


@pytest.mark.parametrize("side", [1, 5, 31, 47])
def test_low_resolution_is_the_mean_over_areas_and_linear_between_their_centres(side):
    line = RANDOM.random(48)
    small = np.repeat(line, side).reshape(side, 48).mean(1)
    centres = (np.arange(side) + 0.5) * 48 / side
    expected = np.interp(np.arange(48) + 0.5, centres, small)
    matrix = low_resolution_matrices(np.array([side]), 48)[0].numpy()
    np.testing.assert_allclose(matrix @ line, expected, atol=1e-6)


@pytest.mark.parametrize("side", [1, 12, 16, 24])
def test_low_resolution_is_that_of_pillow_where_areas_are_whole_pixels(side):
    expected = NAMED["low_resolution"](FACES, side).astype(float)
    assert np.abs(both_ways(low_resolution_matrices(np.full(5, side), 48)) - expected).max() < 2


@pytest.mark.parametrize("matrices", [blur_matrices(np.zeros(5), 48), low_resolution_matrices(np.full(5, 48), 48)])
def test_the_amount_of_nothing_changes_nothing(matrices):
    np.testing.assert_array_equal(both_ways(matrices), FACES)


@pytest.mark.parametrize("size", [1, 2, 7, 48])
def test_rows_of_weights_sum_to_one(size):
    amounts = np.linspace(0, 5, 9)
    sides = np.clip(np.round(np.linspace(1, size, 9)), 1, size)
    for matrices in (blur_matrices(amounts, size), low_resolution_matrices(sides, size)):
        assert matrices.shape == (9, size, size)
        np.testing.assert_allclose(matrices.numpy().sum(-1), 1, atol=1e-6)
        assert matrices.numpy().min() >= 0


def test_rows_and_columns_are_mixed_by_their_own_matrix():
    images = RANDOM.random((2, 3, 5, 4)).astype(np.float32)
    rows, columns = RANDOM.random((2, 3, 3)).astype(np.float32), RANDOM.random((2, 5, 5)).astype(np.float32)
    expected = [
        np.stack([rows[n] @ images[n, ..., channel] @ columns[n].T for channel in range(4)], axis=-1) for n in (0, 1)
    ]
    np.testing.assert_allclose(mix_pixels(images, rows, columns), expected, rtol=1e-5)


def test_noise_has_the_asked_deviation_and_nothing_in_common_with_its_neighbours():
    grey = np.full((3, 200, 200, 1), 128, np.float32)
    words = RANDOM.integers(0, 2**64, 3, dtype=np.uint64)
    noise = add_noise(grey, np.array([0.0, 8.0, 16.0]), words).numpy()[..., 0] - 128
    assert not noise[0].any()
    for row, sigma in ((1, 8), (2, 16)):
        assert noise[row].std() == pytest.approx(sigma, rel=0.02)
        assert abs(noise[row].mean()) < 0.02 * sigma
        assert abs(np.corrcoef(noise[row][:, 1:].ravel(), noise[row][:, :-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[1].ravel(), noise[2].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("options", [{"blur": 2.0}, {"low_resolution": 0.25}, {"noise": 30.0}], ids=str)
def test_half_of_the_faces_stay_as_they_are(options):
    keys = np.stack([np.zeros(2000, int), np.zeros(2000, int), np.arange(2000)], axis=1)
    images, labels = np.repeat(FACES[:1], 2000, axis=0), np.eye(7, dtype=np.float32)[np.zeros(2000, int)]
    augmented, _ = augment_batch(images, labels, keys, AugmentationSection(**options))
    changed = (augmented.numpy() != images).any((1, 2, 3)).mean()
    assert 0.46 < changed <= 0.54


def test_blur_grows_with_the_side_and_not_with_the_crop():
    """A crop of 40 pixels is blurred as the whole face is, a face of 96 pixels twice as many pixels wide."""
    keys, labels = np.array([[0, 0, index] for index in range(5)]), np.eye(7, dtype=np.float32)[:5]
    whole, _ = augment_batch(FACES, labels, keys, AugmentationSection(blur=1.5))
    crop, _ = augment_batch(FACES, labels, keys, AugmentationSection(blur=1.5, crop=40))
    np.testing.assert_allclose(crop[:, 12:28, 12:28], whole[:, 16:32, 16:32], atol=0.01)
    large = np.repeat(np.repeat(FACES, 2, axis=1), 2, axis=2)
    blurred, _ = augment_batch(large, labels, keys, AugmentationSection(blur=1.5))
    halved = blurred.numpy().reshape(5, 48, 2, 48, 2, 1).mean((2, 4))
    assert np.abs(halved - whole)[:, 8:40, 8:40].mean() < 1.5
