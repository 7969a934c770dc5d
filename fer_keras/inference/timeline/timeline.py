"""Apparent expression over time: what a face seemed to show, when it was not seen, and means over any stretch of time.

A row holds until the next frame of the video, in which the face is seen again or not; where that is further away than a
gap, for one usual frame. Means are integrals over time, so that a varying frame rate weighs nothing wrongly, and a bin
of a plot is exact however many rows it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from .csv_rows import Observations

# Seconds without a row after which a face counts as not seen.
DEFAULT_GAP = 1.0
# A picture has about as many columns of pixels; more bins than that cannot be seen.
MAX_BINS = 1200
MINUTE = 60.0


@dataclass(frozen=True)
class FaceTimeline:
    """One face.

    Attributes:
        face: its number.
        starts: (n,) float64 seconds, when each row begins to hold.
        durations: (n,) float64 seconds, how long it holds.
        probabilities: (n, classes) float32.
        uncertain: (n,) float32, NaN where unknown.
        gaps: (start, end) in seconds of each time in which it was not seen, from the first row to the last.
    """

    face: int
    starts: np.ndarray
    durations: np.ndarray
    probabilities: np.ndarray
    uncertain: np.ndarray
    gaps: list[tuple[float, float]]

    @property
    def seconds_seen(self) -> float:
        """Time in which the face was seen."""
        return float(self.durations.sum())

    @property
    def dominant(self) -> np.ndarray:
        """(n,) int64, index of the most probable class of each row."""
        return self.probabilities.argmax(axis=1)


@dataclass(frozen=True)
class Timeline:
    """All faces of one video, the one seen longest first.

    Attributes:
        file: name of the video.
        classes: names of the expressions.
        seconds: end of the last row, from the start of the video.
        frames: how many there are.
        interval: usual time between them in seconds.
        gap: seconds without a row that count as not seen.
        faces: at least one.
        empty_frames: share of the frames without any face.
    """

    file: str
    classes: tuple[str, ...]
    seconds: float
    frames: int
    interval: float
    gap: float
    faces: tuple[FaceTimeline, ...]
    empty_frames: float


def make_timeline(observations: Observations, *, gap: float | None = None, face: int | None = None) -> Timeline:
    """Sort the rows of a video by face.

    Args:
        observations: the rows.
        gap: seconds without a row that count as not seen; by default 1 s, and at least three usual frames.
        face: only this one.

    Raises:
        InputError: no such face, or a gap shorter than a usual frame.
    """
    times = np.unique(observations.timestamps)
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 1 / 25
    gap = max(DEFAULT_GAP, 3 * interval) if gap is None else gap
    if not gap >= interval:
        raise InputError("the gap is shorter than a frame", allowed=f"at least {interval:.3g} seconds", received=gap)
    rows = _rows_by_face(observations.faces)
    if face is not None and face not in rows:
        allowed = ", ".join(map(str, list(rows)[:20])) + (", ..." if len(rows) > 20 else "")
        raise InputError("there is no such face", allowed=allowed, received=face)
    chosen = rows if face is None else {face: rows[face]}
    faces = [_one_face(observations, times, number, places, gap, interval) for number, places in chosen.items()]
    without = np.unique(observations.timestamps[observations.faces < 0])
    return Timeline(
        file=observations.file,
        classes=observations.classes,
        seconds=float(times[-1]) + interval,
        frames=len(times),
        interval=interval,
        gap=gap,
        faces=tuple(sorted(faces, key=lambda item: (-round(item.seconds_seen, 3), item.face))),
        empty_frames=len(without) / len(times),
    )


def _rows_by_face(faces: np.ndarray) -> dict[int, np.ndarray]:
    """Places of the rows of each face, in order; sorted once, since a crowd has thousands of numbers."""
    order = np.argsort(faces, kind="stable")
    numbers, first = np.unique(faces[order], return_index=True)
    parts = np.split(order, first[1:])
    return {number: rows for number, rows in zip(numbers.tolist(), parts, strict=True) if number >= 0}


def _one_face(
    observations: Observations, times: np.ndarray, face: int, rows: np.ndarray, gap: float, interval: float
) -> FaceTimeline:
    starts = observations.timestamps[rows]
    waits = np.append(np.diff(starts), np.inf)
    frames = np.append(times, np.inf)[np.searchsorted(times, starts, side="right")] - starts  # until the next frame
    ends = starts + np.where(frames <= gap, frames, interval)
    breaks = np.flatnonzero(waits[:-1] > gap)
    return FaceTimeline(
        face,
        starts,
        ends - starts,
        observations.probabilities[rows],
        observations.uncertain[rows],
        [(float(ends[at]), float(starts[at + 1])) for at in breaks],
    )


def bin_edges(timeline: Timeline, bins: int = MAX_BINS) -> np.ndarray:
    """Return (bins + 1,) float64 seconds from 0 to the end; fewer bins where the video has fewer frames."""
    count = int(np.clip(np.ceil(timeline.seconds / timeline.interval), 1, bins))
    return np.linspace(0, timeline.seconds, count + 1)


def mean_between(face: FaceTimeline, values: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average values over the time in which a face was seen, between each two edges.

    Args:
        face: whose rows the values belong to.
        values: (n, columns), one row for each row of the face.
        edges: (b + 1,) seconds, rising.

    Returns:
        Means (b, columns) float64, NaN where the face was not seen; and the seconds seen (b,).
    """
    ends = face.starts + face.durations
    knots = np.stack([face.starts, ends], axis=1).ravel()  # (2n,)
    weighted = np.column_stack([np.ones(len(values)), values]) * face.durations[:, None]  # (n, 1 + columns)
    after = np.cumsum(weighted, axis=0)
    integrals = np.stack([after - weighted, after], axis=1).reshape(len(knots), -1)  # (2n, 1 + columns)
    at_edges = np.stack([np.interp(edges, knots, column) for column in integrals.T], axis=1)
    sums = np.diff(at_edges, axis=0)  # (b, 1 + columns)
    seen = np.where(sums[:, 0] > 1e-9, sums[:, 0], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(seen[:, None] > 0, sums[:, 1:] / seen[:, None], np.nan)
    return means, seen


def summarise_minutes(timeline: Timeline) -> list[dict]:
    """Average each face over each minute of the video in which it was seen.

    Returns:
        Rows with ``face, minute`` (from 0), ``seconds_seen, dominant`` (class with the highest mean probability),
        ``mean`` (class to mean probability), ``share`` (class to share of the time in which it is the most probable)
        and ``uncertain`` (share of the time called uncertain, None where unknown).
    """
    edges = np.arange(0, timeline.seconds + MINUTE, MINUTE)
    return [row for face in timeline.faces for row in _minutes(face, timeline.classes, edges)]


def summarise_whole(timeline: Timeline) -> list[dict]:
    """The same over the whole video: one row per face, ``minute`` is None."""
    edges = np.array([0.0, timeline.seconds + MINUTE])
    rows = [row for face in timeline.faces for row in _minutes(face, timeline.classes, edges)]
    return [{**row, "minute": None} for row in rows]


def _minutes(face: FaceTimeline, classes: tuple[str, ...], edges: np.ndarray) -> list[dict]:
    top = np.eye(len(classes))[face.dominant]  # (n, classes)
    columns = np.column_stack([face.probabilities, top, face.uncertain])
    means, seen = mean_between(face, columns, edges)
    rows = []
    for minute in np.flatnonzero(seen > 0).tolist():
        mean, share, uncertain = np.split(means[minute], [len(classes), 2 * len(classes)])
        rows.append(
            {
                **{"face": face.face, "minute": minute, "seconds_seen": round(float(seen[minute]), 3)},
                "dominant": classes[int(mean.argmax())],
                "mean": {name: round(float(value), 4) for name, value in zip(classes, mean, strict=True)},
                "share": {name: round(float(value), 4) for name, value in zip(classes, share, strict=True)},
                "uncertain": None if np.isnan(uncertain[0]) else round(float(uncertain[0]), 4),
            }
        )
    return rows
