"""Small videos with a face-like patch at known places, and a detector and predictor that know it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fer_keras.inference.boxes import Box, crop_face, fit_whole
from fer_keras.inference.results import Prediction

WIDTH, HEIGHT, SIDE = 160, 120, 40
CLASSES = ("dark", "middle", "bright")


def patch(level: int) -> np.ndarray:
    """(40, 40) uint8: texture that optical flow can hold, with a mean that tells the class."""
    noise = np.random.default_rng(5).normal(0, 1, (10, 10)).astype(np.float32)
    return np.clip(level + 25 * cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 10, 255).astype(
        np.uint8
    )


def picture(*places: tuple[float, float, int]) -> np.ndarray:
    """(120, 160, 3) uint8: black, with patches (left, top, level)."""
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    for left, top, level in places:
        image[round(top) : round(top) + SIDE, round(left) : round(left) + SIDE] = patch(level)
    return np.repeat(image[..., None], 3, axis=2)


def write_video(path: Path, frames, fps: float = 25.0, code: str = "mp4v") -> Path:
    """Write frames (H, W, 3) at a constant rate with OpenCV."""
    frames = list(frames)
    height, width = frames[0].shape[:2]
    file = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), fps, (width, height))
    assert file.isOpened()
    for frame in frames:
        file.write(frame)
    file.release()
    return path


class PatchDetector:
    """Finds what is not black."""

    name = "patch"

    def __init__(self, blind: tuple[int, ...] = ()):
        self.calls, self.blind = 0, blind

    def detect(self, image: np.ndarray) -> list[Box]:
        self.calls += 1
        if self.calls in self.blind:
            return []
        mask = (image.max(axis=-1) > 8).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        return [Box(*map(float, row[:4])) for row in stats[1:] if row[4] > 300]


class BrightnessPredictor:
    """Stands in for ``Predictor``: the brightness of the crop tells the class."""

    classes, image_size, threshold = CLASSES, 48, 0.5

    def __init__(self, detector=None):
        self.detector, self.batches = detector, []

    def crop(self, image, box):
        face = fit_whole(image, 48) if box is None else crop_face(image, box, 0.0, 48)
        return face[..., None]

    def classify(self, crops):
        self.batches.append(len(crops))
        means = crops.reshape(len(crops), -1).mean(axis=1)
        distances = -np.abs(means[:, None] - np.array([50, 120, 200])) / 10
        shares = np.exp(distances)
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)

    def describe(self, probabilities, **place):
        best = int(probabilities.argmax())
        return Prediction(
            face_found=place["box"] is not None,
            expression=CLASSES[best],
            confidence=float(probabilities[best]),
            uncertain=bool(probabilities[best] < self.threshold),
            probabilities=dict(zip(CLASSES, map(float, probabilities), strict=True)),
            **place,
        )
