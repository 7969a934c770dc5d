"""Where the faces of a video are, frame by frame: a detector now and then, optical flow in between."""

from __future__ import annotations

import math

import numpy as np

from ..boxes import Box
from ..detection.protocol import Detector
from ..stages import Stages
from .optical_flow import flow_picture, follow_boxes
from .reader import Frame
from .tracking import FaceTracker

# Seconds between two detections. Haar takes thirty times as long as optical flow; a face that comes into the picture
# is seen this much later at most.
DEFAULT_DETECT_EVERY = 0.3


class FaceFollower:
    """The faces of one video, each under its number.

    Attributes:
        tracker: holds the numbers.
        detections: how often the detector ran.
    """

    def __init__(self, detector: Detector | None, *, detect_every: float = DEFAULT_DETECT_EVERY, stages: Stages):
        """Start.

        Args:
            detector: None takes each whole frame as face 0.
            detect_every: seconds of video between two detections; 0 detects in each frame.
            stages: where times are added.
        """
        self._detector, self._detect_every, self._stages = detector, detect_every, stages
        self._before: np.ndarray | None = None
        self._last = -math.inf
        self.tracker = FaceTracker()
        self.detections = 0

    def find(self, frame: Frame) -> tuple[list[tuple[int, Box | None]], set[int]]:
        """Return number and box of each face in the frame, and the numbers that are lost for good since the last."""
        if self._detector is None:
            return [(0, None)], set()
        with self._stages.measure("track"):
            self._follow(frame)
        lost = self._detect(frame) if self._is_due(frame) else set()
        height, width = frame.pixels.shape[:2]
        seen = [(track.face, track.box.clipped(width, height)) for track in self.tracker.visible]
        return [(face, box) for face, box in seen if box is not None], lost

    @property
    def faces(self) -> int:
        """How many numbers were given so far."""
        return 1 if self._detector is None else self.tracker.count

    def _follow(self, frame: Frame) -> None:
        picture = flow_picture(frame.pixels)
        if self.tracker.visible and self._before is not None:
            factor = picture.shape[1] / frame.pixels.shape[1]
            boxes = [track.box for track in self.tracker.visible]
            moved = follow_boxes(self._before, picture, boxes, factor)
            self.tracker.moved(moved)
            if None in moved:  # a cut or a quick turn: look again now, not when it is time
                self._last = -math.inf
        self._before = picture

    def _is_due(self, frame: Frame) -> bool:
        # Half a frame of tolerance at 100 frames per second: 0.3 s must not become 0.33 s by rounding.
        return frame.timestamp - self._last >= self._detect_every - 0.005

    def _detect(self, frame: Frame) -> set[int]:
        self._last, self.detections = frame.timestamp, self.detections + 1
        with self._stages.measure("detect"):
            boxes = self._detector.detect(frame.pixels)
        with self._stages.measure("track"):
            return self.tracker.detected(boxes, frame.timestamp)
