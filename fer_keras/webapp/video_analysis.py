"""One uploaded video: analysed through a temporary file, which is removed at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..inference.predictor import Predictor
from ..inference.results import Prediction
from ..inference.timeline.csv_rows import read_observations
from ..inference.timeline.timeline import Timeline, bin_edges, make_timeline, mean_between
from ..inference.video.outputs import VideoSummary
from ..inference.video.predict import predict_video
from .analysis import for_visitors, to_csv
from .settings import VIDEO_FPS, VIDEO_SECONDS

_BINS = 150


@dataclass(frozen=True)
class FaceCurve:
    """One face over time.

    Attributes:
        face: its number.
        seconds_seen: for how long.
        times: (b,) seconds, middle of each bin.
        means: (b, classes) mean probabilities, 0 where the face was not seen.
    """

    face: int
    seconds_seen: float
    times: np.ndarray
    means: np.ndarray


@dataclass(frozen=True)
class VideoResult:
    """What became of one video.

    Attributes:
        name: of the file.
        error: why it cannot be used; empty where it can.
        notices: what the visitor should know about the file.
        summary: counts; None with an error.
        csv: text with the columns of ``fer-keras predict --csv``.
        annotated: MP4 with boxes and labels.
        classes: names of the expressions.
        curves: faces, the one seen longest first.
    """

    name: str
    error: str = ""
    notices: tuple[str, ...] = ()
    summary: VideoSummary | None = None
    csv: str = ""
    annotated: bytes = b""
    classes: tuple[str, ...] = ()
    curves: tuple[FaceCurve, ...] = ()


def analyse_video(content: bytes, name: str, predictor: Predictor, observer: Callable[[float], None]) -> VideoResult:
    """Follow and classify the faces of the first seconds of a video, a few frames a second.

    Args:
        content: of the file, whatever it is.
        name: shown, and written into the rows.
        predictor: model and detector.
        observer: told of the share that is done, 0..1.

    Raises:
        ModelFileError: the model fails. What is wrong with the video is in its result.
    """
    with tempfile.TemporaryDirectory(prefix="fer-keras-") as folder:
        source = Path(folder, "video")
        source.write_bytes(content)
        try:
            return _analyse(source, name, predictor, observer)
        except DataError as error:
            text = for_visitors(error).replace(str(source), "the file").replace("video the file", "the video")
            return VideoResult(name, f"{text}. {error.hint}".rstrip(". "))


def _analyse(source: Path, name: str, predictor: Predictor, observer: Callable[[float], None]) -> VideoResult:
    rows: list[Prediction] = []
    marked, table = source.with_name("marked.mp4"), source.with_name("rows.csv")
    summary = predict_video(
        source,
        predictor,
        rate=VIDEO_FPS,
        max_seconds=VIDEO_SECONDS,
        annotate=marked,
        observer=lambda seconds, whole: observer(min(1.0, seconds / min(whole or VIDEO_SECONDS, VIDEO_SECONDS))),
        sink=lambda found: rows.extend(replace(row, file=name) for row in found),
    )
    csv = to_csv(rows, predictor.classes)
    table.write_text(csv, encoding="utf-8", newline="")
    curves = _curves(make_timeline(read_observations(table))) if summary.frames_with_face else ()
    return VideoResult(name, "", _notices(summary), summary, csv, marked.read_bytes(), predictor.classes, curves)


def _notices(summary: VideoSummary) -> tuple[str, ...]:
    notices = []
    if summary.stopped == "max_seconds":
        notices.append(f"Only the first {VIDEO_SECONDS:g} seconds were analysed.")
    if summary.start >= 0.2:
        notices.append(f"The pictures begin at {summary.start:.2f} s; times count from the beginning of the file.")
    if summary.cut_short:
        stated = f"The file states {summary.declared_seconds:.1f} s and its pictures end at {summary.seconds:.1f} s"
        notices.append(f"{stated}: it is truncated or damaged. What can be read was analysed.")
    return tuple(notices)


def _curves(timeline: Timeline) -> tuple[FaceCurve, ...]:
    edges = bin_edges(timeline, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    return tuple(
        FaceCurve(
            face.face, face.seconds_seen, middles, np.nan_to_num(mean_between(face, face.probabilities, edges)[0])
        )
        for face in timeline.faces
    )
