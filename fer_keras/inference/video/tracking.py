"""What is kept of each face from frame to frame: a number that stays the same, and smoothed probabilities.

Boxes are assigned to tracks by the largest sum of intersections over union (Kuhn 1955, the Hungarian method, by scipy),
as in SORT (Bewley et al. 2016, arXiv:1602.00763). There is no motion model: a box that a detection does not continue is
moved by optical flow, see :mod:`fer_keras.inference.video.following`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..boxes import Box

# The smallest overlap at which a detection is the face of a track, as in SORT.
MIN_IOU = 0.3
# Seconds. How long a face that the detector misses goes on being reported while optical flow holds it, since detectors
# miss a turned head for some frames. And how long a number waits for its face to come back to the same place.
COAST, MAX_GAP = 0.5, 2.0
_SURE = 0.195  # seconds from the first detection of a face to the last one, from which on it is held
Follow = Callable[[list[Box]], list[Box | None]]
# Time constant in seconds. A new expression has half of its weight after 0.21 s, 90 % after 0.69 s.
DEFAULT_SMOOTHING = 0.3


@dataclass(slots=True)
class Track:
    """One face.

    Attributes:
        face: its number, from 0, never given twice.
        box: where it was last.
        first_detected, last_detected: seconds.
        visible: whether the box is that of the current frame.
    """

    face: int
    box: Box
    first_detected: float
    last_detected: float
    visible: bool = True


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
            coast: seconds without detection during which a face that is followed by optical flow is still reported.
            max_gap: seconds without detection after which a number is not given to a face again.
        """
        self.min_iou, self.coast, self.max_gap = min_iou, coast, max_gap
        self.tracks: list[Track] = []
        self.count = 0

    @property
    def visible(self) -> list[Track]:
        """Tracks whose box is that of the current frame."""
        return [track for track in self.tracks if track.visible]

    def detected(self, boxes: Sequence[Box], timestamp: float, follow: Follow | None = None) -> set[int]:
        """Take the detections of a frame.

        Args:
            boxes: found.
            timestamp: of the frame, in seconds.
            follow: moves boxes of the frame before to this one, None for each that is lost; it is asked for those
                that no detection continues. Without it the boxes are of this frame already.

        Returns:
            Numbers of the faces that are lost for good.
        """
        taken = self._continue(self.tracks, boxes, timestamp)
        missed = [track for track in self.visible if track.last_detected != timestamp]
        if missed and follow is not None:
            _move(missed, follow([track.box for track in missed]))
            rest = [box for column, box in enumerate(boxes) if column not in taken]
            again = self._continue([track for track in missed if track.visible], rest, timestamp)
            boxes, taken = rest, again
        for track in missed:
            track.visible = track.visible and (track.last_detected == timestamp or self._is_held(track, timestamp))
        for column, box in enumerate(boxes):
            if column not in taken:
                self.tracks.append(Track(self.count, box, timestamp, timestamp))
                self.count += 1
        return self._drop(lambda track: timestamp - track.last_detected > self.max_gap)

    def moved(self, boxes: Sequence[Box | None]) -> None:
        """Take where optical flow has moved the visible tracks; None where it lost one."""
        _move(self.visible, boxes)

    def forget_all(self) -> set[int]:
        """Begin anew, as where the picture changes its shape; returns the numbers that end."""
        return self._drop(lambda track: True)

    def _is_held(self, track: Track, timestamp: float) -> bool:
        """Whether a track goes on without a detection; what was seen for a moment only was no face, as a rule."""
        seen = track.last_detected - track.first_detected
        return seen >= _SURE and timestamp - track.last_detected <= self.coast

    def _continue(self, tracks: Sequence[Track], boxes: Sequence[Box], timestamp: float) -> set[int]:
        """Give boxes to the tracks that they continue; returns which were given."""
        pairs = self._assign(tracks, boxes)
        for row, column in pairs.items():
            track = tracks[row]
            track.box, track.last_detected, track.visible = boxes[column], timestamp, True
        return set(pairs.values())

    def _assign(self, tracks: Sequence[Track], boxes: Sequence[Box]) -> dict[int, int]:
        if not tracks or not boxes:
            return {}
        overlaps = overlap_table([track.box for track in tracks], boxes)
        # A pair below the limit counts nothing, so that it never takes a box from a pair above it.
        rows, columns = linear_sum_assignment(np.where(overlaps >= self.min_iou, overlaps, 0), maximize=True)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        return {row: column for row, column in pairs if overlaps[row, column] >= self.min_iou}

    def _drop(self, ends: Callable[[Track], bool]) -> set[int]:
        lost = {track.face for track in self.tracks if ends(track)}
        self.tracks = [track for track in self.tracks if track.face not in lost]
        return lost


def _move(tracks: Sequence[Track], boxes: Sequence[Box | None]) -> None:
    for track, box in zip(tracks, boxes, strict=True):
        track.visible = box is not None
        track.box = box or track.box


def overlap_table(first: Sequence[Box], second: Sequence[Box]) -> np.ndarray:
    """Intersection over union of each box with each, (first, second)."""
    one, other = (
        np.array([(box.left, box.top, box.right, box.bottom) for box in boxes]).reshape(-1, 4)
        for boxes in (first, second)
    )
    sides = np.minimum(one[:, None, 2:], other[None, :, 2:]) - np.maximum(one[:, None, :2], other[None, :, :2])
    common = np.prod(np.maximum(sides, 0), axis=-1)
    areas = [np.prod(corners[:, 2:] - corners[:, :2], axis=-1) for corners in (one, other)]
    return common / (areas[0][:, None] + areas[1][None] - common)


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
