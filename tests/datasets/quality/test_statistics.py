"""Each figure against its definition, on images whose value is known."""

import numpy as np
import pytest
from scipy import ndimage

from fer_keras.datasets.quality.statistics import image_statistics


def test_definitions(pictures):
    images = pictures(3, 0)
    found = image_statistics(images)
    for i, image in enumerate(images[..., 0].astype(float)):
        laplacian = ndimage.convolve(image, [[0, 1, 0], [1, -4, 1], [0, 1, 0]])[1:-1, 1:-1]
        assert found.sharpness[i] == pytest.approx(laplacian.var(), rel=1e-4)
        assert found.contrast[i] == pytest.approx(image.std(), rel=1e-4)
        assert found.mean[i] == pytest.approx(image.mean(), rel=1e-4)
        cumulative = np.searchsorted(np.sort(image.ravel()), np.arange(256), side="right") / image.size
        assert found.unevenness[i] == pytest.approx(np.abs(cumulative - np.arange(1, 257) / 256).max(), abs=1e-5)


def test_flat_and_even_images():
    flat = np.full((1, 48, 48, 1), 9, np.uint8)
    even = (np.arange(48 * 48).reshape(1, 48, 48, 1) // 9).astype(np.uint8)  # each level nine times
    found = image_statistics(np.concatenate([flat, even]))
    assert found.contrast[0] == found.sharpness[0] == 0
    assert found.unevenness[0] > 0.9
    assert found.unevenness[1] == pytest.approx(0, abs=1e-6)


def test_resampling_takes_detail_and_noise_gives_it(pictures):
    images = pictures(50, 1)
    blurred = ndimage.gaussian_filter(images, (0, 0.7, 0.7, 0))
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 6, images.shape), 0, 255).astype(np.uint8)
    low, usual, high = (image_statistics(x).median().detail for x in (blurred, images, noisy))
    assert low < 0.7 * usual < usual < 0.9 * high


def test_no_image_and_many(pictures, monkeypatch):
    images = pictures(7, 2)
    assert image_statistics(images[:0]).mean.shape == (0,)
    whole = image_statistics(images).median().as_dict()
    monkeypatch.setattr("fer_keras.datasets.copies.perceptual_hash._PIXELS_AT_ONCE", 2 * 48 * 48)
    assert image_statistics(images).median().as_dict() == whole
