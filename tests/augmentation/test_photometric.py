"""Brightness, contrast, channel shift, random erasing, cutout and mixup, one operation at a time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing.image import apply_brightness_shift, apply_channel_shift
from scipy import stats

from fer_keras.augmentation.erasing import AREA_RANGE, ASPECT_RANGE, cutout_squares, paint, random_rectangles
from fer_keras.augmentation.mixing import mixup, symmetric_beta
from fer_keras.augmentation.photometric import adjust_brightness, adjust_contrast, image_means, shift_channels

RANDOM = np.random.default_rng(7)
IMAGES = RANDOM.integers(0, 256, (6, 20, 31, 3)).astype(np.float32)
MANY = tuple(RANDOM.random((4, 20_000)))


@pytest.mark.parametrize("factor", [0.2, 0.8, 1.0, 1.2, 1.9])
def test_brightness_is_that_of_the_legacy_class_within_one_grey_level(factor):
    expected = np.stack([apply_brightness_shift(image, factor, scale=False) for image in IMAGES])
    difference = adjust_brightness(IMAGES, np.full(len(IMAGES), factor)) - expected
    assert np.abs(difference).max() <= 1


def test_channel_shift_is_that_of_the_legacy_class():
    """Equal where the image itself reaches 0 and 255, so that both clip alike."""
    images = IMAGES.copy()
    images[:, 0, 0], images[:, 0, 1] = 0, 255
    intensities = np.linspace(-90, 90, len(images))
    pairs = zip(images, intensities, strict=True)
    expected = np.stack([apply_channel_shift(image, value, channel_axis=2) for image, value in pairs])
    np.testing.assert_allclose(shift_channels(images, intensities), expected, atol=1e-4)


def test_contrast_is_that_of_tf_image():
    factors = np.linspace(0.5, 1.5, len(IMAGES))
    pairs = zip(IMAGES, factors, strict=True)
    expected = tf.stack([tf.image.adjust_contrast(image, factor) for image, factor in pairs])
    np.testing.assert_allclose(adjust_contrast(IMAGES, factors), tf.clip_by_value(expected, 0, 255), atol=0.01)


def test_means_are_exact_to_a_256th():
    np.testing.assert_allclose(image_means(IMAGES)[:, 0, 0], IMAGES.mean((1, 2), dtype=float), atol=1 / 256)


@pytest.mark.parametrize(("height", "width"), [(48, 48), (64, 40)])
def test_erased_rectangles_have_the_area_aspect_and_place_of_the_paper(height, width):
    top, left, tall, wide = (value.numpy() for value in random_rectangles(MANY, height, width))
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + tall).max() == height
    assert (left + wide).max() == width
    area = tall * wide / (height * width)
    rounding = 0.5 / tall + 0.5 / wide  # sides are whole pixels
    assert (area * (1 + 2 * rounding) >= AREA_RANGE[0]).all()
    assert (area * (1 - rounding) <= AREA_RANGE[1]).all()
    assert area.mean() == pytest.approx(np.mean(AREA_RANGE), rel=0.03)
    aspect = tall / wide
    assert (aspect * (1 + 2 * rounding) >= ASPECT_RANGE[0]).all()
    assert (aspect * (1 - rounding) <= ASPECT_RANGE[1]).all()
    assert np.median(aspect) == pytest.approx(np.mean(ASPECT_RANGE), rel=0.1)


def test_paint_covers_the_rectangle_and_nothing_else():
    images = np.zeros((1, 10, 12, 1), np.float32)
    rectangles = cutout_squares((np.array([0.0]), np.array([0.5])), 4, 10, 12)  # centre row 0, column 6
    painted = paint(images, rectangles, 9.0).numpy()[0, ..., 0]
    expected = np.zeros((10, 12))
    expected[0:2, 4:8] = 9
    np.testing.assert_array_equal(painted, expected)


@pytest.mark.parametrize("side", [1, 7, 8])
def test_cutout_centres_are_uniform_over_all_pixels(side):
    top, left, tall, wide = (value.numpy() for value in cutout_squares(MANY[:2], side, 20, 31))
    assert (tall == side).all()
    assert (wide == side).all()
    assert stats.chisquare(np.bincount(top + side // 2, minlength=20)).pvalue > 1e-4
    assert stats.chisquare(np.bincount(left + side // 2, minlength=31)).pvalue > 1e-4


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0, 10.0])
def test_mixup_weights_follow_the_beta_distribution(alpha):
    weights = symmetric_beta(MANY[:3], alpha).numpy()
    assert stats.kstest(weights, stats.beta(alpha, alpha).cdf).pvalue > 1e-4


@pytest.mark.parametrize("alpha", [1e-9, 0.01, 10.0])
def test_mixup_weights_are_numbers_at_the_ends_of_the_generator(alpha):
    ends = np.array([0, 2**-53, 0.25, 0.5, 1 - 2**-53])
    radius, angle, sign = (part.ravel() for part in np.meshgrid(ends, ends, ends))
    weights = symmetric_beta((radius, angle, sign), alpha).numpy()
    assert ((weights >= 0) & (weights <= 1)).all()


def test_mixup_is_the_convex_mix_with_the_image_before_in_the_drawn_circle():
    labels = np.eye(7, dtype=np.float32)[:6]
    weights, places = np.linspace(0, 1, 6), np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.2])
    images, mixed = mixup(IMAGES, labels, weights, places)
    circle = [1, 5, 3, 0, 4, 2]
    for place, index in enumerate(circle):
        before, weight = circle[place - 1], weights[index]
        expected = weight * IMAGES[index] + (1 - weight) * IMAGES[before]
        np.testing.assert_allclose(images[index], expected, atol=1e-4)
        np.testing.assert_allclose(mixed[index], weight * labels[index] + (1 - weight) * labels[before], atol=1e-6)
