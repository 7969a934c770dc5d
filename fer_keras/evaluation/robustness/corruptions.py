"""Systematic damage to faces, as in common-corruption benchmarks (Hendrycks & Dietterich 2019, arXiv:1903.12261).

Pure functions on numpy arrays, no TensorFlow. What is random follows from the corruption and the index of the face: a
face is damaged alike in any batch, on any machine, and a higher severity is more of the same damage.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from ...errors import DataError, InputError

# Lengths are given for this side and grow with the faces, so that a severity means the same at any image size.
REFERENCE_SIDE = 48
GRAY = 128
# Rows of eyes and mouth as parts of the side, from the mean face of FER2013's training split.
EYES, MOUTH = 0.375, 0.79

Apply = Callable[[np.ndarray, float, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """One kind of damage.

    Attributes:
        name: key in files, such as ``low_resolution``.
        title: for headings.
        parameter: what a severity sets, with its unit.
        severities: its values, mildest first; ``gamma`` has two on either side of ``identity``, in rising order.
        identity: the value that changes nothing; None where there is none.
        apply: from images (n, S, S, 1) uint8, the value and indices (n,) to damaged images of the same shape and type.
    """

    name: str
    title: str
    parameter: str
    severities: tuple[float, ...]
    identity: float | None
    apply: Apply

    def __call__(self, images: np.ndarray, value: float, indices: np.ndarray | None = None) -> np.ndarray:
        """Damage faces.

        Args:
            images: (n, S, S, 1) uint8; left as they are.
            value: of ``parameter``, one of ``severities`` or another.
            indices: (n,) non-negative integers that decide what is random; default 0, 1, ...

        Returns:
            (n, S, S, 1) uint8, a new array.

        Raises:
            DataError: images of another shape or type.
            InputError: a value that the corruption does not take.
        """
        if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 1 or images.dtype != np.uint8:
            received = f"{images.dtype} {images.shape}"
            raise DataError("cannot damage these images", allowed="uint8 (n, S, S, 1)", received=received)
        if not np.isfinite(value) or value < 0:
            raise InputError(f"{self.name} does not take this value", allowed="0 or more", received=value)
        return self.apply(images, float(value), np.arange(len(images)) if indices is None else np.asarray(indices))


def in_pixels(value: float, side: int) -> float:
    """A length given in pixels of a 48-pixel face, in pixels of a face of ``side``."""
    return value * side / REFERENCE_SIDE


def _whole_pixels(value: float, side: int) -> int:
    return min(side, round(in_pixels(value, side)))


def _generators(name: str, indices: np.ndarray) -> list[np.random.Generator]:
    """One generator per face, of its index and the letters of the corruption's name."""
    return [np.random.default_rng([*name.encode(), int(index)]) for index in indices]


def _to_pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def blur(images: np.ndarray, sigma: float, indices: np.ndarray) -> np.ndarray:
    """Gaussian blur; the border is repeated."""
    del indices
    sigma = in_pixels(sigma, images.shape[1])
    return _to_pixels(ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0), mode="nearest"))


def gamma(images: np.ndarray, exponent: float, indices: np.ndarray) -> np.ndarray:
    """255 (p / 255) ** exponent: brighter below 1, darker above."""
    del indices
    return _to_pixels(255 * (np.arange(256) / 255) ** exponent)[images]


def shift(images: np.ndarray, pixels: float, indices: np.ndarray) -> np.ndarray:
    """Moved along both axes, towards one of the four corners; the border is repeated."""
    side, distance = images.shape[1], _whole_pixels(pixels, images.shape[1])
    corners = [generator.integers(2, size=2) * 2 - 1 for generator in _generators("shift", indices)]
    sources = np.clip(np.arange(side) - distance * np.array([[-1], [1]]), 0, side - 1)  # (2, S): backwards, forwards
    down, right = (np.array(corners, int).reshape(-1, 2).T + 1) // 2  # (n,) each, index into sources
    rows = np.take_along_axis(images, sources[down][:, :, None, None], axis=1)  # (n, S, S, 1)
    return np.take_along_axis(rows, sources[right][:, None, :, None], axis=2)


def low_resolution(images: np.ndarray, resolution: float, indices: np.ndarray) -> np.ndarray:
    """Made smaller, each new pixel a mean over the old ones, and enlarged again bilinearly.

    ``resolution`` is the smaller side in pixels, at any side of the images; one that is not smaller changes nothing.
    """
    del indices
    side, small = images.shape[1], round(resolution)
    if small < 1:
        raise InputError("low_resolution does not take this value", allowed="1 or more", received=resolution)
    if small >= side:
        return images.copy()
    return _map_pictures(images, lambda picture: _resize(_resize(picture, small, "BOX"), side, "BILINEAR"))


def _resize(picture: Image.Image, side: int, filter_name: str) -> Image.Image:
    return picture.resize((side, side), Image.Resampling[filter_name])


def jpeg(images: np.ndarray, quality: float, indices: np.ndarray) -> np.ndarray:
    """Written as JPEG of this quality (1 to 95, as Pillow counts) and read again."""
    del indices
    if not 1 <= quality <= 95:
        raise InputError("jpeg does not take this quality", allowed="1 to 95", received=quality)

    def through_a_file(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=round(quality))
        return Image.open(buffer, formats=("JPEG",))

    return _map_pictures(images, through_a_file)


def _map_pictures(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    damaged = np.empty_like(images)
    for row, image in enumerate(images[..., 0]):  # (S, S)
        damaged[row, ..., 0] = np.asarray(change(Image.fromarray(np.ascontiguousarray(image))))
    return damaged


def square(images: np.ndarray, pixels: float, indices: np.ndarray) -> np.ndarray:
    """A grey square of this side, whole and at a random place; a larger one covers the smaller."""
    damaged, side, length = images.copy(), images.shape[1], _whole_pixels(pixels, images.shape[1])
    for image, generator in zip(damaged, _generators("square", indices), strict=True):
        top, left = np.floor(generator.random(2) * (side - length + 1)).astype(int)
        image[top : top + length, left : left + length] = GRAY
    return damaged


def eyes_band(images: np.ndarray, pixels: float, indices: np.ndarray) -> np.ndarray:
    """A grey band of this height over the eyes."""
    del indices
    return _band(images, EYES, pixels)


def mouth_band(images: np.ndarray, pixels: float, indices: np.ndarray) -> np.ndarray:
    """A grey band of this height over the mouth."""
    del indices
    return _band(images, MOUTH, pixels)


def _band(images: np.ndarray, centre: float, pixels: float) -> np.ndarray:
    damaged, side, height = images.copy(), images.shape[1], _whole_pixels(pixels, images.shape[1])
    top = max(0, min(side - height, round(centre * side - height / 2)))
    damaged[:, top : top + height] = GRAY
    return damaged


def noise(images: np.ndarray, sigma: float, indices: np.ndarray) -> np.ndarray:
    """Gaussian noise of this standard deviation in grey levels, independent for each pixel."""
    damaged = np.empty_like(images)
    for row, generator in enumerate(_generators("noise", indices)):
        damaged[row] = _to_pixels(images[row] + sigma * generator.standard_normal(images.shape[1:], np.float32))
    return damaged


def rotation(images: np.ndarray, degrees: float, indices: np.ndarray) -> np.ndarray:
    """Turned about the middle, half of the faces each way, bilinear; the border is repeated."""
    damaged = np.empty_like(images)
    to_left = np.array([generator.random() < 0.5 for generator in _generators("rotation", indices)], bool)  # (n,)
    for rows, angle in ((to_left, degrees), (~to_left, -degrees)):
        turned = ndimage.rotate(images[rows].astype(np.float32), angle, (1, 2), reshape=False, order=1, mode="nearest")
        damaged[rows] = _to_pixels(turned)
    return damaged


CORRUPTIONS = (
    Corruption("blur", "Gaussian blur", "sigma, pixels of 48", (0.5, 1, 2), 0, blur),
    Corruption("gamma", "Gamma", "exponent, below 1 is brighter", (0.4, 0.67, 1.5, 2.5), 1, gamma),
    Corruption("shift", "Shift, both axes", "pixels of 48", (2, 4, 6), 0, shift),
    Corruption("low_resolution", "Low resolution", "side, pixels", (24, 16, 12), None, low_resolution),
    Corruption("jpeg", "JPEG", "quality", (50, 20, 10, 5), None, jpeg),
    Corruption("square", "Grey square", "side, pixels of 48", (12, 18, 24), 0, square),
    Corruption("eyes_band", "Band over the eyes", "height, pixels of 48", (8, 16), 0, eyes_band),
    Corruption("mouth_band", "Band over the mouth", "height, pixels of 48", (8, 16), 0, mouth_band),
    Corruption("noise", "Gaussian noise", "sigma, grey levels", (8, 16, 32), 0, noise),
    Corruption("rotation", "Rotation", "degrees, left or right", (15, 30), 0, rotation),
)
