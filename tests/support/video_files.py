"""Small videos with a face-like patch at known places, and a detector and predictor that know it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
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


def write_timed(path: Path, frames, times, codec: str = "mpeg4", sound: float = 0.0, **stream) -> Path:
    """Write frames (H, W, 3) at given times in seconds with PyAV.

    Args:
        path: its suffix tells the container.
        frames: all of one size.
        times: of each.
        codec: FFmpeg's name of the encoder.
        sound: seconds of silence, from 0 on.
        stream: ``matrix`` (9 numbers of a display matrix), ``aspect`` (of a pixel), ``options`` of the container.
    """
    clock = Fraction(1, 1000)
    with av.open(str(path), "w", options=stream.get("options", {})) as container:
        picture_stream = container.add_stream(codec, rate=25)
        sound_stream = container.add_stream(_SOUND.get(path.suffix, "aac"), rate=48000) if sound else None
        if sound_stream is not None:
            sound_stream.layout = "mono"
        picture_stream.pix_fmt = "yuv420p"
        picture_stream.time_base = picture_stream.codec_context.time_base = clock
        if "aspect" in stream:
            picture_stream.codec_context.sample_aspect_ratio = Fraction(stream["aspect"])
        if "matrix" in stream:
            picture_stream.set_display_matrix(stream["matrix"])
        frames = list(frames)
        picture_stream.height, picture_stream.width = frames[0].shape[:2]
        for pixels, seconds in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(seconds / clock), clock
            container.mux(picture_stream.encode(frame))
        container.mux(picture_stream.encode(None))
        if sound_stream is not None:
            _write_silence(container, sound_stream, sound)
    return path


_SOUND = {".webm": "libopus", ".avi": "mp2", ".mpg": "mp2"}


def _write_silence(container, stream, seconds: float) -> None:
    count = 960 if stream.name == "libopus" else 1024 if stream.name == "aac" else 1152
    for first in range(0, int(48000 * seconds) - count, count):
        silence = np.zeros((1, count), np.float32 if stream.format.name == "fltp" else np.int16)
        frame = av.AudioFrame.from_ndarray(silence, format=stream.format.name, layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


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
    """Finds what is not black.

    Args:
        blind: calls in which it finds nothing.
        cheap: it is asked for every frame, by several threads.
    """

    name = "patch"

    def __init__(self, blind: tuple[int, ...] = (), cheap: bool = False):
        self.calls, self.blind, self.cheap, self.thread_safe = 0, blind, cheap, cheap

    def detect(self, image: np.ndarray) -> list[Box]:
        self.calls += 1
        if self.calls in self.blind:
            return []
        mask = (image.max(axis=-1) > 8).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        return [Box(*map(float, row[:4])) for row in stats[1:] if row[4] > 300]


class BrightnessPredictor:
    """Stands in for ``Predictor``: the brightness of the crop tells the class."""

    classes, image_size, threshold, run, notice, runtime = CLASSES, 48, 0.5, "", "", "brightness"

    def __init__(self, detector=None):
        self.detector, self.calls = detector, []

    def crop(self, image, box):
        face = fit_whole(image, 48) if box is None else crop_face(image, box, 0.0, 48)
        return face[..., None]

    def predict_boxes(self, image, boxes):
        self.calls.append(len(boxes))
        if not boxes:
            return np.zeros((0, len(CLASSES)), np.float32)
        crops = np.stack([self.crop(image, box) for box in boxes])
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
