"""What is kept of each face from frame to frame: a number that stays the same, and smoothed probabilities.

Boxes are assigned to tracks by the largest sum of intersections over union (Kuhn 1955, the Hungarian method, by scipy),
as in SORT (Bewley et al. 2016, arXiv:1602.00763). There is no motion model: between detections optical flow moves the
boxes, see :mod:`fer_keras.inference.video.following`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..boxes import Box, iou

# The smallest overlap at which a detection is the face of a track, as in SORT.
MIN_IOU = 0.3
# Seconds. How long a face that the detector misses goes on being reported while optical flow holds it: cascades miss a
# turned head for some frames. And how long a number waits for its face to come back to the same place.
COAST, MAX_GAP = 0.5, 2.0
# Time constant in seconds. A new expression has half of its weight after 0.21 s, 90 % after 0.69 s.
DEFAULT_SMOOTHING = 0.3


@dataclass(slots=True)
class Track:
    """One face.

    Attributes:
        face: its number, from 0, never given twice.
        box: where it was last.
        last_detected: seconds.
        visible: whether the box is that of the current frame.
        confirmed: detected more than once. A detection that the next one does not repeat was no face, as a rule.
    """

    face: int
    box: Box
    last_detected: float
    visible: bool = True
    confirmed: bool = False


class FaceTracker:
    """Tracks of the faces of one video.

    Attributes:
        tracks: those that are shown or may come back, oldest first.
        count: faces so far.
    """

    def __init__(self, *, min_iou: float = MIN_IOU, coast: float = COAST, max_gap: float = MAX_GAP):
        """Start without faces.

        Args:
            min_iou: 0..1, the smallest overlap of a detection with its track.
            coast: seconds without detection during which a face followed by optical flow is still reported.
            max_gap: seconds without detection after which a number is not given to a face again.
        """
        self.min_iou, self.coast, self.max_gap = min_iou, coast, max_gap
        self.tracks: list[Track] = []
        self.count = 0

    @property
    def visible(self) -> list[Track]:
        """Tracks whose box is that of the current frame."""
        return [track for track in self.tracks if track.visible]

    def detected(self, boxes: Sequence[Box], timestamp: float) -> set[int]:
        """Take the detections of a frame; flow, where there is one, has moved the tracks to this frame before.

        Returns:
            Numbers of the faces that are lost for good.
        """
        pairs = self._assign(boxes)
        for row, column in pairs.items():
            track = self.tracks[row]
            track.box, track.last_detected, track.visible = boxes[column], timestamp, True
            track.confirmed = True
        for row, track in enumerate(self.tracks):
            if row not in pairs and not (track.confirmed and timestamp - track.last_detected <= self.coast):
                track.visible = False
        for column in sorted(set(range(len(boxes))) - set(pairs.values())):
            self.tracks.append(Track(self.count, boxes[column], timestamp))
            self.count += 1
        return self._drop_lost(timestamp)

    def moved(self, boxes: Sequence[Box | None]) -> None:
        """Take where optical flow has moved the visible tracks; None where it lost one."""
        for track, box in zip(self.visible, boxes, strict=True):
            track.visible = box is not None
            track.box = box or track.box

    def _assign(self, boxes: Sequence[Box]) -> dict[int, int]:
        if not self.tracks or not boxes:
            return {}
        overlaps = np.array([[iou(track.box, box) for box in boxes] for track in self.tracks])  # (tracks, boxes)
        # A pair below the limit counts nothing, so that it never takes a box from a pair above it.
        rows, columns = linear_sum_assignment(np.where(overlaps >= self.min_iou, overlaps, 0), maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: column for row, column in pairs if overlaps[row, column] >= self.min_iou}

    def _drop_lost(self, timestamp: float) -> set[int]:
        lost = {track.face for track in self.tracks if timestamp - track.last_detected > self.max_gap}
        self.tracks = [track for track in self.tracks if track.face not in lost]
        return lost


class ExponentialSmoother:
    """First-order low pass with a time constant in seconds, so that frame rate and gaps do not change the lag.

    With the time ``dt`` since the face's last value, ``y += (1 - exp(-dt / time_constant)) * (x - y)``: the exact
    response of the first-order system to an input held for ``dt``. Rows that sum to 1 keep that sum. The first value of
    a face is taken as it is.
    """

    def __init__(self, time_constant: float = DEFAULT_SMOOTHING):
        """Start without faces.

        Args:
            time_constant: seconds; 0 switches smoothing off.

        Raises:
            ValueError: below 0 or not finite.
        """
        if not math.isfinite(time_constant) or time_constant < 0:
            raise ValueError(f"the time constant is a number of seconds of at least 0, not {time_constant}")
        self.time_constant = time_constant
        self._states: dict[int, tuple[float, np.ndarray]] = {}

    def update(self, face: int, timestamp: float, probabilities: np.ndarray) -> np.ndarray:
        """Return the smoothed probabilities of a face.

        Args:
            face: number of the track.
            timestamp: seconds; must not go back.
            probabilities: (classes,) float32.

        Returns:
            (classes,) float32.
        """
        if self.time_constant == 0:
            return probabilities
        before, state = self._states.get(face, (timestamp, probabilities))
        weight = -math.expm1((before - timestamp) / self.time_constant)
        smoothed = (state + weight * (probabilities - state)).astype(np.float32)
        self._states[face] = (timestamp, smoothed)
        return smoothed

    def forget(self, faces: set[int]) -> None:
        """Drop faces that are gone, so that a long video needs no more memory than a short one."""
        for face in faces:
            self._states.pop(face, None)


def smoothing_lag(time_constant: float) -> float:
    """Seconds after a sudden change until half of it shows: ``time_constant * ln 2``; 0 without smoothing."""
    return time_constant * math.log(2)
