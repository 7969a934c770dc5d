"""From frames to predictions: faces are followed frame by frame, classified in small batches, smoothed in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..boxes import Box
from ..prediction import Prediction
from ..predictor import Predictor
from ..stages import Stages
from .following import DEFAULT_DETECT_EVERY, FaceFollower
from .reader import Frame
from .smoothing import DEFAULT_SMOOTHING, ExponentialSmoother

BATCH_FACES = 16
# Frames wait for their batch; of large ones, which are kept for drawing, only a few do.
_MAX_FRAMES, _MAX_BYTES = 16, 32 * 2**20


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
    """A frame and what is said about its faces.

    Attributes:
        frame: as read; its pixels are None unless they were asked for.
        predictions: one per face; one with ``face_found=False`` where there is none.
    """

    frame: Frame
    predictions: list[Prediction]


@dataclass(slots=True)
class _Waiting:
    frame: Frame
    faces: list[tuple[int, Box | None]]
    lost: set[int]
    crops: list[np.ndarray]


class FrameBatches:
    """The way of frames through detection, tracking, classification and smoothing; memory does not grow.

    Attributes:
        follower: holds the face numbers.
        stages: seconds by stage: track, detect, crop, classify.
    """

    def __init__(
        self,
        predictor: Predictor,
        file: str,
        *,
        detect_every: float = DEFAULT_DETECT_EVERY,
        smoothing: float = DEFAULT_SMOOTHING,
        keep_pixels: bool = False,
        batch_faces: int = BATCH_FACES,
        stages: Stages | None = None,
    ):
        """Start.

        Args:
            predictor: finds and classifies.
            file: name that the predictions carry.
            detect_every: seconds between two detections.
            smoothing: time constant in seconds, 0 for none.
            keep_pixels: hand the pixels on with the predictions.
            batch_faces: faces that are classified together; 1 answers each frame at once.
            stages: where times are added.
        """
        self._predictor, self._file, self._keep_pixels, self._limit = predictor, file, keep_pixels, batch_faces
        self.stages = stages or Stages()
        self.follower = FaceFollower(predictor.detector, detect_every=detect_every, stages=self.stages)
        self._smoother = ExponentialSmoother(smoothing)
        self._waiting: list[_Waiting] = []

    def add(self, frame: Frame) -> list[AnalysedFrame]:
        """Take the next frame; returns the frames of a batch when it is full, else nothing."""
        faces, lost = self.follower.find(frame)
        with self.stages.measure("crop"):
            crops = [self._predictor.crop(frame.pixels, box) for _, box in faces]
        kept = frame if self._keep_pixels else Frame(frame.number, frame.timestamp, None)
        self._waiting.append(_Waiting(kept, faces, lost, crops))
        return self.flush() if self._is_full(frame) else []

    def flush(self) -> list[AnalysedFrame]:
        """Classify what waits; returns its frames in order."""
        waiting, self._waiting = self._waiting, []
        crops = [crop for item in waiting for crop in item.crops]
        with self.stages.measure("classify"):
            rows = iter(self._predictor.classify(np.stack(crops)) if crops else ())  # of (classes,)
        return [AnalysedFrame(item.frame, self._describe(item, rows)) for item in waiting]

    def _is_full(self, frame: Frame) -> bool:
        frames = len(self._waiting)
        too_large = self._keep_pixels and frames * frame.pixels.nbytes >= _MAX_BYTES
        return frames >= min(_MAX_FRAMES, self._limit) or too_large or self._faces_waiting() >= self._limit

    def _faces_waiting(self) -> int:
        return sum(len(item.crops) for item in self._waiting)

    def _describe(self, item: _Waiting, rows) -> list[Prediction]:
        place = {"file": self._file, "frame": item.frame.number, "timestamp": item.frame.timestamp}
        self._smoother.forget(item.lost)
        if not item.faces:
            return [Prediction(**place)]
        described = []
        for face, box in item.faces:
            smoothed = self._smoother.update(face, item.frame.timestamp, next(rows))
            described.append(self._predictor.describe(smoothed, face=face, box=box, **place))
        return described
