"""Expressions in videos of any length, and from a camera: frames in, predictions out, memory constant."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ...errors import DataError, InputError
from ...threads import map_in_order, usable_cores
from ..boxes import Box
from ..detection.protocol import Detector, is_thread_safe
from ..predictor import Predictor
from ..results import Prediction
from .following import FaceFollower, Stages
from .outputs import AnalysedFrame, Sink, VideoOutputs, VideoSummary, summarise
from .reader import Frame, open_camera, open_video
from .tracking import DEFAULT_SMOOTHING, ExponentialSmoother
from .writer import check_video_path

# Boxes of a frame, and the probabilities of the face in each, (classes,).
Found = Mapping[Box | None, np.ndarray]
# Called with the time reached and the length that the container states, in seconds (None: it states none).
Observer = Callable[[float, float | None], None]


def predict_video(
    path: Path | str,
    predictor: Predictor,
    *,
    every: int = 1,
    rate: float | None = None,
    detect_every: float | None = None,
    smoothing: float = DEFAULT_SMOOTHING,
    annotate: Path | str | None = None,
    csv: Path | str | None = None,
    max_seconds: float | None = None,
    observer: Observer | None = None,
    sink: Sink | None = None,
) -> VideoSummary:
    """Follow and classify the faces of a video file.

    What can be read of a damaged file is kept, and so is what was done before Ctrl-C.

    Args:
        path: MP4, MOV, AVI, MKV, WebM and others, see ``docs/video.md``.
        predictor: model and detector.
        every: analyse every n-th frame.
        rate: analyse at most so many frames a second, chosen by their times; instead of ``every``.
        detect_every: seconds of video between two detections; optical flow moves the boxes in between. None searches
            each frame where the detector is cheap, as BlazeFace is, and else every 0.3 s.
        smoothing: time constant in seconds of the probabilities of each face, 0 for none.
        annotate: MP4 file to write, with boxes and names on each analysed frame, at the times of the original.
        csv: file to write, one row per face and frame.
        max_seconds: stop at this time of the video.
        observer: told of progress after each frame.
        sink: gets the predictions of each frame.

    Raises:
        InputError: no such file, or an option.
        DataError: not a video, or one without a frame that can be decoded.
    """
    _check_options(every, detect_every, smoothing, max_seconds, rate)
    if annotate is not None:
        annotate = check_video_path(annotate, path)
    if csv is not None and Path(csv).exists() and Path(csv).samefile(path):
        raise InputError("the CSV file would replace the video that is read", received=str(csv))
    with ExitStack() as stack:
        reader = stack.enter_context(open_video(path))
        stages = Stages()
        analysis = FrameAnalysis(predictor, str(path), detect_every=detect_every, smoothing=smoothing, stages=stages)
        outputs = VideoOutputs(stack, stages, predictor.classes, annotate, csv, sink)

        def observe(seconds: float) -> None:
            if observer is not None:
                observer(seconds, reader.declared_seconds)

        start = time.perf_counter()
        stopped = _run(reader.read(every, rate), analysis, outputs, max_seconds, observe)
        if not outputs.frames:
            before = "" if max_seconds is None else f" before {max_seconds:g} s"
            raise DataError(f"video {path} holds no frame{before} that can be decoded")
        stack.close()  # files are finished before the time is taken
        return summarise(path, reader, analysis.follower, outputs, stopped, smoothing, time.perf_counter() - start)


def predict_camera(
    index: int,
    predictor: Predictor,
    *,
    seconds: float | None = None,
    detect_every: float | None = None,
    smoothing: float = DEFAULT_SMOOTHING,
) -> Generator[list[Prediction], None, None]:
    """Yield the predictions of each picture of a camera as soon as they are known.

    Args:
        index: number of the camera, from 0.
        predictor: model and detector.
        seconds: end after that time; None goes on until the camera is gone.
        detect_every: seconds between two detections; None as for :func:`predict_video`.
        smoothing: time constant in seconds, 0 for none.

    Raises:
        InputError: no such camera, or an option.
    """
    _check_options(1, detect_every, smoothing, seconds)
    with open_camera(index) as camera:
        analysis = FrameAnalysis(predictor, f"camera {index}", detect_every=detect_every, smoothing=smoothing)
        for frame in camera.read():
            if seconds is not None and frame.timestamp > seconds:
                return
            yield analysis.add(frame).predictions


class FrameAnalysis:
    """The way of frames through detection, classification, tracking and smoothing; memory does not grow.

    Attributes:
        follower: holds the face numbers.
        stages: seconds by stage: detect, classify, track.
    """

    def __init__(
        self,
        predictor: Predictor,
        file: str,
        *,
        detect_every: float | None = None,
        smoothing: float = DEFAULT_SMOOTHING,
        stages: Stages | None = None,
    ):
        """Start.

        Args:
            predictor: finds and classifies.
            file: name that the predictions carry.
            detect_every: seconds between two detections; None is 0 where the detector is cheap, else 0.3.
            smoothing: time constant in seconds, 0 for none.
            stages: where times are added.
        """
        self._predictor, self._file = predictor, file
        self.stages = stages or Stages()
        self.follower = FaceFollower(predictor.detector, detect_every=detect_every, stages=self.stages)
        self._smoother = ExponentialSmoother(smoothing)

    def run(self, frames: Iterable[Frame]) -> Iterator[AnalysedFrame]:
        """Yield what is said of each frame, in order; on all cores where each frame is searched by itself."""
        detector = self._predictor.detector
        if detector is None or self.follower.detect_every > 0 or not is_thread_safe(detector):
            yield from map(self.add, frames)
            return
        for frame, found in map_in_order(lambda frame: (frame, self._look(frame, detector)), frames, usable_cores()):
            yield self.add(frame, found)

    def add(self, frame: Frame, found: Found | None = None) -> AnalysedFrame:
        """Take the next frame.

        Args:
            frame: the next one.
            found: boxes that the detector found in it and the probabilities of each, where that is known already.
        """
        faces, lost = self.follower.find(frame, None if found is None else [box for box in found if box is not None])
        self._smoother.forget(lost)
        rows = dict(found or {})
        missing = [box for _, box in faces if box not in rows]
        if missing:
            rows.update(self._classify(frame, missing))
        described = [self._describe(frame, face, box, rows[box]) for face, box in faces]
        return AnalysedFrame(frame, described or [Prediction(self._file, frame.number, frame.timestamp)])

    def _look(self, frame: Frame, detector: Detector) -> Found:
        with self.stages.measure("detect"):
            boxes = detector.detect(frame.pixels)
        return self._classify(frame, boxes)

    def _classify(self, frame: Frame, boxes: Sequence[Box | None]) -> Found:
        with self.stages.measure("classify"):
            return dict(zip(boxes, self._predictor.predict_boxes(frame.pixels, boxes), strict=True))

    def _describe(self, frame: Frame, face: int, box: Box | None, row: np.ndarray) -> Prediction:
        smoothed = self._smoother.update(face, frame.timestamp, row)
        return self._predictor.describe(
            smoothed, file=self._file, frame=frame.number, timestamp=frame.timestamp, face=face, box=box
        )


def _check_options(
    every: int, detect_every: float | None, smoothing: float, seconds: float | None, rate: float | None = None
) -> None:
    if every < 1:
        raise InputError("every how many frames", allowed="at least 1", received=every)
    limits = {"seconds between detections": (detect_every or 0, 60.0), "time constant of smoothing": (smoothing, 60.0)}
    for name, (value, most) in limits.items():
        if not 0 <= value <= most:
            raise InputError(f"{name} out of range", allowed=f"0 to {most:g} seconds", received=value)
    for name, above in {"time to stop at": seconds, "frames a second": rate}.items():
        if above is not None and not above > 0:
            raise InputError(f"the {name} is out of range", allowed="above 0", received=above)


def _run(
    frames: Iterator[Frame],
    analysis: FrameAnalysis,
    outputs: VideoOutputs,
    max_seconds: float | None,
    observer: Callable[[float], None],
) -> str:
    """Send all frames through; returns why it ended."""
    ended = {"by": "end"}

    def wanted() -> Iterator[Frame]:
        for frame in _timed(frames, analysis.stages):
            if max_seconds is not None and frame.timestamp > max_seconds:
                ended["by"] = "max_seconds"
                return
            yield frame

    try:
        for analysed in analysis.run(wanted()):
            outputs.take(analysed)
            observer(analysed.frame.timestamp)
    except KeyboardInterrupt:
        ended["by"] = "interrupted"
    return ended["by"]


def _timed(frames: Iterator[Frame], stages: Stages) -> Iterator[Frame]:
    while True:
        with stages.measure("decode"):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame
