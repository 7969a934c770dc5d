"""What the pixels of a split are like: sharpness, fine detail, contrast, brightness, flatness. No TensorFlow.

A copy whose pictures were blurred, resized or equalised keeps its counts and names; these figures give it away. They
are medians over a split, which hardly differ between the splits of one data set.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

import numpy as np

from ..copies.perceptual_hash import cosine_basis, images_at_once

GREY_LEVELS = 256
# Grey levels: an image whose standard deviation is below this shows nothing that a person could name.
NEARLY_EMPTY_CONTRAST = 8.0


Value = TypeVar("Value", float, np.ndarray)


@dataclass(frozen=True)
class ImageStatistics(Generic[Value]):
    """Medians over the images of a split, or the values of each image.

    Attributes:
        sharpness: variance of the 4-neighbour Laplacian (Pech-Pacheco et al. 2000), squared grey levels.
        detail: energy of the finest eighth of the cosine frequencies over that of the middle ones; resampling
            lowers it and noise raises it, whatever the contrast.
        contrast: standard deviation, grey levels.
        mean: grey levels.
        unevenness: largest distance of the cumulative histogram from a straight line, 0..1; 0 is a flat histogram.
    """

    sharpness: Value
    detail: Value
    contrast: Value
    mean: Value
    unevenness: Value

    def median(self) -> ImageStatistics[float]:
        """Return the medians as floats."""
        return ImageStatistics(**{name: float(np.median(values)) for name, values in vars(self).items()})

    def as_dict(self) -> dict[str, float]:
        """Return plain numbers, rounded to what is meant."""
        return {name: round(float(value), 4) for name, value in asdict(self).items()}


def image_statistics(images: np.ndarray) -> ImageStatistics[np.ndarray]:
    """Measure every image.

    Args:
        images: (n, H, W, 1) uint8, at least 8 pixels a side.

    Returns:
        Five arrays (n,) float32.
    """
    size = images_at_once(images)
    columns = [_measure(images[start : start + size, :, :, 0]) for start in range(0, len(images), size)]
    if not columns:
        columns = [[np.empty(0, np.float32)] * 5]
    return ImageStatistics(*(np.concatenate(column).astype(np.float32) for column in zip(*columns, strict=True)))


def _measure(block: np.ndarray) -> list[np.ndarray]:
    pixels = block.astype(np.float32)  # (B, H, W)
    deviation = pixels.std(axis=(1, 2))
    return [_sharpness(pixels), _detail(pixels), deviation, pixels.mean(axis=(1, 2)), _unevenness(block)]


def _sharpness(pixels: np.ndarray) -> np.ndarray:
    around = pixels[:, :-2, 1:-1] + pixels[:, 2:, 1:-1] + pixels[:, 1:-1, :-2] + pixels[:, 1:-1, 2:]
    return (around - 4.0 * pixels[:, 1:-1, 1:-1]).var(axis=(1, 2))


def _detail(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[1:]
    energy = (cosine_basis(height, height) @ pixels @ cosine_basis(width, width).T) ** 2  # (B, H, W)
    frequency = np.maximum(np.arange(height)[:, None] / height, np.arange(width) / width)  # (H, W)
    fine = energy[:, frequency >= 0.875].mean(axis=1)
    middle = energy[:, (frequency >= 0.5) & (frequency < 0.75)].mean(axis=1)
    return fine / (middle + 1e-3)


def _unevenness(block: np.ndarray) -> np.ndarray:
    n, size = len(block), block[0].size
    bins = np.arange(n)[:, None] * GREY_LEVELS + block.reshape(n, -1)  # (B, H * W)
    histogram = np.bincount(bins.ravel(), minlength=n * GREY_LEVELS).reshape(n, GREY_LEVELS)
    straight = np.arange(1, GREY_LEVELS + 1) / GREY_LEVELS
    return np.abs(histogram.cumsum(axis=1) / size - straight).max(axis=1)
