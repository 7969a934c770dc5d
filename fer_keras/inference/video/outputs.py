"""What a video turns into while it is read: rows, an annotated copy, and a summary at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...atomic_files import atomic_path, path_for_libraries
from ..drawing import draw_predictions
from ..results import CsvWriter, Prediction
from .following import FaceFollower, Stages
from .reader import Frame, VideoReader
from .tracking import smoothing_lag
from .writer import VideoWriter

Sink = Callable[[list[Prediction]], None]


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
    """A frame and what is said about its faces.

    Attributes:
        frame: as read.
        predictions: one per face; one with ``face_found=False`` where there is none.
    """

    frame: Frame
    predictions: list[Prediction]


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What became of a video.

    Attributes:
        file: as given.
        frames_read, frames_analysed: all of them, and those that were chosen.
        frames_with_face: of those analysed.
        faces: numbers given to faces; a face that leaves and comes back has two.
        start, seconds: times of the first and the last frame that was read, on the file's own clock: pictures may
            begin after the sound.
        declared_seconds: length that the container states, None where it states none.
        cut_short: the file states a length, and neither pictures nor sound reach it: truncated or damaged.
        repaired_timestamps: frames without a usable time of their own.
        undecodable: parts of the picture stream that could not be decoded.
        stopped: ``end``, ``max_seconds`` or ``interrupted``.
        detections: how often the detector ran.
        smoothing, lag: time constant, and seconds until half of a sudden change shows.
        stage_seconds: time by stage, of all threads: decode, detect, classify (crops too), track, and draw, encode,
            write where used.
        wall_seconds: all of it.
        annotated, encoder, csv: files written, None without.
    """

    file: str
    frames_read: int
    frames_analysed: int
    frames_with_face: int
    faces: int
    start: float
    seconds: float
    declared_seconds: float | None
    cut_short: bool
    repaired_timestamps: int
    undecodable: int
    stopped: str
    detections: int
    smoothing: float
    lag: float
    stage_seconds: dict[str, float]
    wall_seconds: float
    annotated: str | None
    encoder: str | None
    csv: str | None

    def as_dict(self) -> dict:
        """The same for JSON."""
        return asdict(self)


class VideoOutputs:
    """Where analysed frames go: CSV, annotated video, a caller; counts them on the way.

    Attributes:
        stages: where times are added.
        annotate, csv: paths, None without.
        frames, with_face: frames so far, and those with a face.
    """

    def __init__(
        self,
        stack: ExitStack,
        stages: Stages,
        classes: Sequence[str],
        annotate: Path | None,
        csv: Path | str | None,
        sink: Sink | None,
    ):
        """Open what is asked for; ``stack`` closes it.

        Raises:
            RunFolderError: the file system refuses.
        """
        self.stages, self.annotate, self.csv, self._sink = stages, annotate, csv, sink
        self._rows = None if csv is None else stack.enter_context(CsvWriter(csv, classes))
        self._copy = None
        if annotate is not None:
            scratch = stack.enter_context(path_for_libraries(stack.enter_context(atomic_path(annotate))))
            self._copy = stack.enter_context(_Copy(scratch, annotate, stages))
        self.frames = self.with_face = 0

    def take(self, item: AnalysedFrame) -> None:
        """Write the next frame."""
        self.frames += 1
        self.with_face += item.predictions[0].face is not None
        if self._copy is not None:
            self._copy.add(item.frame.pixels, item.predictions, item.frame.timestamp)
        with self.stages.measure("write"):
            if self._rows is not None:
                self._rows.write(item.predictions)
            if self._sink is not None:
                self._sink(item.predictions)

    @property
    def encoder(self) -> str | None:
        """Of the annotated video; None before its first frame."""
        return self._copy and self._copy.writer and self._copy.writer.encoder


class _Copy(AbstractContextManager):
    """The annotated video; opened with its first frame, which tells the size."""

    def __init__(self, path: Path, shown: Path, stages: Stages):
        self._path, self._shown, self._stages = path, shown, stages
        self.writer: VideoWriter | None = None

    def add(self, pixels: np.ndarray, predictions: Sequence[Prediction], timestamp: float) -> None:
        with self._stages.measure("draw"):
            drawn = draw_predictions(pixels, predictions)
        with self._stages.measure("encode"):
            if self.writer is None:
                self.writer = VideoWriter(self._path, pixels.shape, self._shown)
            self.writer.write(drawn, timestamp)

    def __exit__(self, kind: object, *_: object) -> None:
        if self.writer is not None and kind is not None:
            self.writer.abandon()
        elif self.writer is not None:
            with self._stages.measure("encode"):
                self.writer.close()


def summarise(
    path: Path | str,
    reader: VideoReader,
    follower: FaceFollower,
    outputs: VideoOutputs,
    stopped: str,
    smoothing: float,
    wall_seconds: float,
) -> VideoSummary:
    """Collect what the parts have counted."""
    return VideoSummary(
        file=str(path),
        frames_read=reader.frames,
        frames_analysed=outputs.frames,
        frames_with_face=outputs.with_face,
        faces=follower.faces,
        start=reader.first,
        seconds=reader.last,
        declared_seconds=reader.declared_seconds,
        cut_short=stopped == "end" and reader.ends_early,
        repaired_timestamps=reader.repaired,
        undecodable=reader.undecodable,
        stopped=stopped,
        detections=follower.detections,
        smoothing=smoothing,
        lag=smoothing_lag(smoothing),
        stage_seconds={name: round(seconds, 4) for name, seconds in outputs.stages.seconds.items()},
        wall_seconds=wall_seconds,
        annotated=None if outputs.annotate is None else str(outputs.annotate),
        encoder=outputs.encoder,
        csv=None if outputs.csv is None else str(outputs.csv),
    )
