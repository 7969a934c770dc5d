"""Where the faces of a video are, frame by frame: a detector, and optical flow where it does not look or finds nothing.

Median flow (Kalal et al., "Forward-Backward Error: Automatic Detection of Tracking Failures", ICPR 2010): points on a
grid in the box are followed with pyramidal Lucas-Kanade there and back; the half that comes back best votes by its
median for the shift and for the change of size.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from ..boxes import Box
from ..detection.protocol import Detector, is_cheap, require_cv2
from .reader import Frame
from .tracking import FaceTracker

# Seconds between two detections with a detector that takes longer than a frame lasts. A face that comes into the
# picture is seen this much later at most.
DEFAULT_DETECT_EVERY = 0.3
# Longest side in pixels of the pictures in which points are followed; more costs time and gains nothing.
MAX_SIDE = 320
# Points on each side of the box, pixels of the window around each, and how many times the picture is halved. With 8,
# 21 and 3 the boxes move the same, at six times the cost.
_GRID, _WINDOW, _HALVINGS = 5, (11, 11), 1
_INNER = 0.8  # share of the box that holds them: its rim is background
_MAX_ERROR = 2.0  # pixels that points may miss their start by, at the median, before a face counts as lost


class Stages:
    """How long each step of a video takes: adds up seconds by stage.

    Attributes:
        seconds: time by stage, that of all threads added up, in the order in which the stages first ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time of a ``with`` block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent


class FaceFollower:
    """The faces of one video, each under its number.

    Attributes:
        detect_every: seconds between two detections; 0 for each frame.
        tracker: holds the numbers.
        detections: how often the detector ran.
    """

    def __init__(self, detector: Detector | None, *, detect_every: float | None = None, stages: Stages):
        """Start.

        Args:
            detector: None takes each whole frame as face 0.
            detect_every: seconds of video between two detections; 0 detects in each frame. None is 0 for a detector
                that is cheap enough, else 0.3.
            stages: where times are added.
        """
        usual = 0.0 if is_cheap(detector) else DEFAULT_DETECT_EVERY
        self._detector, self._stages = detector, stages
        self.detect_every = usual if detect_every is None else detect_every
        self._before: _Pixels | None = None
        self._last = -math.inf
        self.tracker = FaceTracker()
        self.detections = 0

    def find(self, frame: Frame, boxes: Sequence[Box] | None = None) -> tuple[list[tuple[int, Box | None]], set[int]]:
        """Return number and box of each face in the frame, and the numbers that are lost for good since the last.

        Args:
            frame: the next one.
            boxes: what the detector found in it, where it was asked already.
        """
        if self._detector is None:
            return [(0, None)], set()
        now = _Pixels(frame.pixels)
        lost = self._begin_anew() if self._before and self._before.pixels.shape != now.pixels.shape else set()
        with self._stages.measure("track"):
            followed = boxes is None and not self._is_due(frame) and self._follow_all(now)
        if not followed:
            lost |= self._detect(frame, now, boxes)
        self._before = now
        height, width = frame.pixels.shape[:2]
        seen = [(track.face, track.box) for track in self.tracker.visible]
        return [(face, box) for face, box in seen if box.clipped(width, height) is not None], lost

    @property
    def faces(self) -> int:
        """How many numbers were given so far."""
        return 1 if self._detector is None else self.tracker.count

    def _begin_anew(self) -> set[int]:
        """Boxes of a picture of another shape say nothing about the next."""
        self._before, self._last = None, -math.inf
        return self.tracker.forget_all()

    def _follow_all(self, now: _Pixels) -> bool:
        """Move all boxes to the frame; False where one is lost, as at a cut or a quick turn, so that it is searched."""
        moved = self._follow([track.box for track in self.tracker.visible], now)
        if None not in moved:
            self.tracker.moved(moved)
        return None not in moved

    def _follow(self, boxes: list[Box], now: _Pixels) -> list[Box | None]:
        if self._before is None or not boxes:
            return [None] * len(boxes)
        return follow_boxes(self._before.small, now.small, boxes, now.small.shape[1] / now.pixels.shape[1])

    def _is_due(self, frame: Frame) -> bool:
        # Half a frame of tolerance at 100 frames per second: 0.3 s must not become 0.33 s by rounding.
        return frame.timestamp - self._last >= self.detect_every - 0.005

    def _detect(self, frame: Frame, now: _Pixels, boxes: Sequence[Box] | None) -> set[int]:
        self._last, self.detections = frame.timestamp, self.detections + 1
        if boxes is None and self._detector is not None:
            with self._stages.measure("detect"):
                boxes = self._detector.detect(frame.pixels)
        with self._stages.measure("track"):
            return self.tracker.detected(boxes or (), frame.timestamp, lambda missed: self._follow(missed, now))


class _Pixels:
    """A frame, and what flow is computed on, where it is."""

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels

    @cached_property
    def small(self) -> np.ndarray:
        return flow_picture(self.pixels)


def flow_picture(pixels: np.ndarray) -> np.ndarray:
    """Return the small gray picture that :func:`follow_boxes` works on.

    Args:
        pixels: (H, W, 3) uint8 RGB.

    Returns:
        (h, w) uint8, the longest side at most 320.
    """
    cv2 = require_cv2()
    factor = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
    if factor < 1:
        pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)  # (h, w)


def follow_boxes(before: np.ndarray, after: np.ndarray, boxes: Sequence[Box], factor: float) -> list[Box | None]:
    """Move boxes from one frame to the next.

    Args:
        before, after: (h, w) uint8 of :func:`flow_picture`.
        boxes: in pixels of the full frame.
        factor: size of the small pictures by that of the full frame, at most 1.

    Returns:
        The box in the later frame, or None where the points were lost; in the order of ``boxes``.
    """
    if not boxes or before.shape != after.shape:
        return [None] * len(boxes)
    cv2 = require_cv2()
    starts = np.concatenate([_grid(box.scaled(factor)) for box in boxes])  # (boxes * 25, 1, 2)
    options = {"winSize": _WINDOW, "maxLevel": _HALVINGS}
    ends, forward, _ = cv2.calcOpticalFlowPyrLK(before, after, starts, None, **options)
    back, backward, _ = cv2.calcOpticalFlowPyrLK(after, before, ends, None, **options)
    error = np.linalg.norm(back - starts, axis=-1)[:, 0]
    error[(forward[:, 0] == 0) | (backward[:, 0] == 0)] = np.inf
    size, shape = _GRID * _GRID, after.shape
    parts = [slice(i * size, (i + 1) * size) for i in range(len(boxes))]
    return [
        _move(box, starts[part, 0], ends[part, 0], error[part], factor, shape)
        for box, part in zip(boxes, parts, strict=True)
    ]


def _grid(box: Box) -> np.ndarray:
    steps = 0.5 + np.linspace(-_INNER / 2, _INNER / 2, _GRID)
    columns, rows = np.meshgrid(box.left + steps * box.width, box.top + steps * box.height)
    return np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float32)


def _move(
    box: Box, starts: np.ndarray, ends: np.ndarray, error: np.ndarray, factor: float, shape: tuple[int, int]
) -> Box | None:
    if np.median(error) > _MAX_ERROR:
        return None
    kept = error <= np.median(error)
    starts, ends = starts[kept], ends[kept]  # (points, 2)
    grown = _growth(starts, ends)
    shift = np.median(ends - starts, axis=0) / factor
    width, height = box.width * grown, box.height * grown
    moved = Box(
        float(box.left + shift[0] + (box.width - width) / 2),
        float(box.top + shift[1] + (box.height - height) / 2),
        *(width, height, box.tilt),
    )
    inside = moved.clipped(shape[1] / factor, shape[0] / factor)
    return moved if inside is not None and inside.area >= 0.5 * moved.area else None


def _growth(starts: np.ndarray, ends: np.ndarray) -> float:
    """Median ratio of the distances between points; limited, since a face does not double from frame to frame."""
    first, second = np.triu_indices(len(starts), k=1)
    before = np.linalg.norm(starts[first] - starts[second], axis=1)
    after = np.linalg.norm(ends[first] - ends[second], axis=1)
    far = before > 1.0
    return float(np.clip(np.median(after[far] / before[far]), 0.8, 1.25)) if far.any() else 1.0
