"""One row per face and minute."""

from __future__ import annotations

import csv
import io

import numpy as np

from .timeline import FaceTimeline, Timeline, mean_between

MINUTE = 60.0


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


def to_csv(rows: list[dict], classes: tuple[str, ...]) -> str:
    """Return the rows as CSV: the classes become ``mean_<class>`` and ``share_<class>``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["face", "minute", "seconds_seen", "dominant", "uncertain"]
    writer.writerow([*head, *(f"mean_{name}" for name in classes), *(f"share_{name}" for name in classes)])
    for row in rows:
        cells = ["" if row[name] is None else row[name] for name in head]
        writer.writerow([*cells, *(row["mean"][name] for name in classes), *(row["share"][name] for name in classes)])
    return text.getvalue()
