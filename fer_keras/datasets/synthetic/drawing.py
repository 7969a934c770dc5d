"""Draw schematic gray faces of 48x48 pixels with plain numpy."""

from __future__ import annotations

import numpy as np

from ...emotions import FACE_SIZE, FER7
from ...errors import InputError
from .features import PARTS, Faces
from .people import sample_faces

_CHUNK = 100  # faces drawn at once: small enough for the processor's cache


def draw_faces(labels: np.ndarray, seed: int) -> np.ndarray:
    """Draw one random face per label.

    Person, pose, light and noise follow from ``seed`` and the position in ``labels`` alone: another label shows the
    same person with another expression, and more labels leave the first faces as they are.

    Args:
        labels: (n,) integers, index into ``emotions.FER7``.
        seed: non-negative; the same seed and labels give the same pixels on every machine.

    Returns:
        (n, 48, 48, 1) uint8, gray, 0..255.

    Raises:
        InputError: ``labels`` is not one row of class indices, or ``seed`` is not a non-negative integer.
    """
    labels, (people, noise) = _check_labels(labels), _make_generators(seed)
    values = {name: column.astype(np.float32) for name, column in sample_faces(labels, people).items()}
    images = np.empty((len(labels), FACE_SIZE, FACE_SIZE), np.uint8)
    for start in range(0, len(labels), _CHUNK):
        rows = slice(start, start + _CHUNK)
        chunk = {name: column[rows, None, None] for name, column in values.items()}
        images[rows] = _draw_chunk(chunk, noise)
    return images[..., None]  # (n, 48, 48, 1)


def _check_labels(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    allowed = f"a row of integers 0..{len(FER7) - 1}"
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise InputError("labels cannot be drawn", allowed=allowed, received=f"{labels.dtype} of shape {labels.shape}")
    labels = labels.astype(np.int64)
    wrong = labels[(labels < 0) | (labels >= len(FER7))]
    if wrong.size:
        raise InputError("label is no class", allowed=allowed, received=wrong[0])
    return labels


def _make_generators(seed: int) -> list[np.random.Generator]:
    """Two independent streams: one for people, one for sensor noise."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError("seed is not usable", allowed="an integer of 0 or more", received=repr(seed))
    return [np.random.Generator(np.random.PCG64(child)) for child in np.random.SeedSequence(int(seed)).spawn(2)]


def _draw_chunk(values: dict[str, np.ndarray], noise: np.random.Generator) -> np.ndarray:
    """Draw (n, 48, 48) uint8 images from (n, 1, 1) quantities."""
    col = np.arange(FACE_SIZE, dtype=np.float32) - (FACE_SIZE - 1) / 2
    col, row = col[None, None, :], col[None, :, None]  # (1, 1, 48), (1, 48, 1)
    face = _place(values, col, row)
    for draw in PARTS:
        draw(face)
    light = 1.0 + (values["light_x"] * col + values["light_y"] * row) / np.float32(FACE_SIZE / 2)
    gray = (face.canvas * light - 0.5) * values["contrast"] + (0.5 + values["brightness"])
    gray = _blur(_blur(gray, values["blur"], axis=1), values["blur"], axis=2)
    gray += _sensor_noise(gray.shape, noise) * values["noise"]
    return (np.clip(gray, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _place(values: dict[str, np.ndarray], col: np.ndarray, row: np.ndarray) -> Faces:
    """Map pixels to head and feature coordinates on a canvas that shows the background."""
    half = values["roll"]  # rotation from the tangent of half the angle needs no sine
    cos, sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    right, down = col - values["shift_x"], row - values["shift_y"]
    x = (cos * right + sin * down) / values["scale"]  # (n, 48, 48)
    y = (cos * down - sin * right) / values["scale"]
    u = x - values["yaw"]
    side = np.where(u < 0, np.float32(-1), np.float32(1))
    m = np.abs(u) * (1 + values["yaw"] * side)  # the half that is turned away looks narrower
    background = values["background_tone"] + values["background_slope"] * (col + row) / np.float32(FACE_SIZE)
    canvas = np.broadcast_to(background, x.shape).copy()
    return Faces(canvas, x, y, side, m, y - values["pitch"], values)


def _blur(images: np.ndarray, weight: np.ndarray, axis: int) -> np.ndarray:
    """Three-tap filter along one axis of (n, 48, 48); the edge pixels repeat."""
    padding = [(0, 0)] * 3
    padding[axis] = (1, 1)
    padded = np.pad(images, padding, mode="edge")
    before, after = (padded[:, :-2], padded[:, 2:]) if axis == 1 else (padded[:, :, :-2], padded[:, :, 2:])
    return images * (1 - 2 * weight) + (before + after) * weight


def _sensor_noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Nearly normal noise, mean 0 and deviation 1: the number of ones in 32 random bits, exact on every machine."""
    ones = np.bitwise_count(rng.integers(0, 2**32, size=shape, dtype=np.uint32))
    return (ones.astype(np.float32) - 16) / np.float32(8**0.5)
