"""Expressions in videos of any length, and from a camera: frames in, predictions out, memory constant."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError, InputError
from ..boxes import Box
from ..predictor import Predictor
from ..results import Prediction
from .following import DEFAULT_DETECT_EVERY, FaceFollower, Stages
from .outputs import AnalysedFrame, Sink, VideoOutputs, VideoSummary, summarise
from .reader import Frame, VideoReader, open_camera, open_video
from .tracking import DEFAULT_SMOOTHING, ExponentialSmoother
from .writer import check_video_path

BATCH_FACES = 16
# Frames wait for their batch; of large ones, which are kept for drawing, only a few do.
_MAX_FRAMES, _MAX_BYTES = 16, 32 * 2**20
# Called with the time reached and the length that the container states, in seconds (None: it states none).
Observer = Callable[[float, float | None], None]


def predict_video(
    path: Path | str,
    predictor: Predictor,
    *,
    every: int = 1,
    detect_every: float = DEFAULT_DETECT_EVERY,
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
        detect_every: seconds of video between two detections; optical flow moves the boxes in between.
        smoothing: time constant in seconds of the probabilities of each face, 0 for none.
        annotate: MP4 file to write, with boxes and names on each analysed frame, at the times of the original.
        csv: file to write, one row per face and frame.
        max_seconds: stop at this time of the video.
        observer: told of progress after each batch.
        sink: gets the predictions of each batch.

    Raises:
        InputError: no such file, or an option.
        DataError: not a video, or one without a frame that can be decoded.
    """
    _check_options(every, detect_every, smoothing, max_seconds)
    if annotate is not None:
        annotate = check_video_path(annotate, path)
    if csv is not None and Path(csv).exists() and Path(csv).samefile(path):
        raise InputError("the CSV file would replace the video that is read", received=str(csv))
    with ExitStack() as stack:
        reader = stack.enter_context(open_video(path))
        stages = Stages()
        batches = FrameBatches(
            predictor,
            str(path),
            detect_every=detect_every,
            smoothing=smoothing,
            keep_pixels=annotate is not None,
            stages=stages,
        )
        outputs = VideoOutputs(stack, stages, predictor.classes, reader.fps / every, annotate, csv, sink)
        start = time.perf_counter()
        stopped = _run(reader, batches, outputs, every, max_seconds, observer)
        if not outputs.frames:
            raise DataError(f"video {path} holds no frame that can be decoded")
        stack.close()  # files are finished before the time is taken
        return summarise(path, reader, batches.follower, outputs, stopped, smoothing, time.perf_counter() - start)


def predict_camera(
    index: int,
    predictor: Predictor,
    *,
    seconds: float | None = None,
    detect_every: float = DEFAULT_DETECT_EVERY,
    smoothing: float = DEFAULT_SMOOTHING,
) -> Generator[list[Prediction], None, None]:
    """Yield the predictions of each picture of a camera as soon as they are known.

    Args:
        index: number of the camera, from 0.
        predictor: model and detector.
        seconds: end after that time; None goes on until the camera is gone.
        detect_every: seconds between two detections.
        smoothing: time constant in seconds, 0 for none.

    Raises:
        InputError: no such camera, or an option.
    """
    _check_options(1, detect_every, smoothing, seconds)
    with open_camera(index) as camera:
        batches = FrameBatches(
            predictor, f"camera {index}", detect_every=detect_every, smoothing=smoothing, batch_faces=1
        )
        for frame in camera.read():
            if seconds is not None and frame.timestamp > seconds:
                return
            for analysed in (*batches.add(frame), *batches.flush()):
                yield analysed.predictions


@dataclass(slots=True)
class _Waiting:
    number: int
    timestamp: float
    pixels: np.ndarray | None
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
        kept = frame.pixels if self._keep_pixels else None
        self._waiting.append(_Waiting(frame.number, frame.timestamp, kept, faces, lost, crops))
        return self.flush() if self._is_full(frame) else []

    def flush(self) -> list[AnalysedFrame]:
        """Classify what waits; returns its frames in order."""
        waiting, self._waiting = self._waiting, []
        crops = [crop for item in waiting for crop in item.crops]
        with self.stages.measure("classify"):
            rows = iter(self._predictor.classify(np.stack(crops)) if crops else ())  # of (classes,)
        return [AnalysedFrame(item.timestamp, item.pixels, self._describe(item, rows)) for item in waiting]

    def _is_full(self, frame: Frame) -> bool:
        frames = len(self._waiting)
        too_large = self._keep_pixels and frames * frame.pixels.nbytes >= _MAX_BYTES
        return frames >= min(_MAX_FRAMES, self._limit) or too_large or self._faces_waiting() >= self._limit

    def _faces_waiting(self) -> int:
        return sum(len(item.crops) for item in self._waiting)

    def _describe(self, item: _Waiting, rows: Iterator[np.ndarray]) -> list[Prediction]:
        file, frame, timestamp = self._file, item.number, item.timestamp
        self._smoother.forget(item.lost)
        if not item.faces:
            return [Prediction(file, frame, timestamp)]
        described = []
        for face, box in item.faces:
            smoothed = self._smoother.update(face, timestamp, next(rows))
            described.append(
                self._predictor.describe(smoothed, file=file, frame=frame, timestamp=timestamp, face=face, box=box)
            )
        return described


def _check_options(every: int, detect_every: float, smoothing: float, seconds: float | None) -> None:
    if every < 1:
        raise InputError("every how many frames", allowed="at least 1", received=every)
    limits = {"seconds between detections": (detect_every, 60.0), "time constant of smoothing": (smoothing, 60.0)}
    for name, (value, most) in limits.items():
        if not 0 <= value <= most:
            raise InputError(f"{name} out of range", allowed=f"0 to {most:g} seconds", received=value)
    if seconds is not None and not seconds > 0:
        raise InputError("the time to stop at is out of range", allowed="above 0 seconds", received=seconds)


def _run(
    reader: VideoReader,
    batches: FrameBatches,
    outputs: VideoOutputs,
    every: int,
    max_seconds: float | None,
    observer: Observer | None,
) -> str:
    """Send all frames through; returns why it ended."""
    stopped = "end"
    try:
        for frame in _timed(reader.read(every), batches.stages):
            if max_seconds is not None and frame.timestamp > max_seconds:
                stopped = "max_seconds"
                break
            analysed = batches.add(frame)
            outputs.take(analysed)
            if analysed and observer is not None:
                observer(frame.timestamp, reader.declared_seconds)
    except KeyboardInterrupt:
        stopped = "interrupted"
    outputs.take(batches.flush())
    return stopped


def _timed(frames: Iterator[Frame], stages: Stages) -> Iterator[Frame]:
    while True:
        with stages.measure("decode"):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame
