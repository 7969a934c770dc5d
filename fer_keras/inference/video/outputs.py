"""What a video turns into while it is read: rows, an annotated copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from ...atomic_files import atomic_path
from ..drawing import draw_predictions
from ..prediction import Prediction
from ..results import CsvWriter
from ..stages import Stages
from .frame_batches import AnalysedFrame
from .reader import Frame
from .writer import VideoWriter, make_writer

Sink = Callable[[list[Prediction]], None]


class VideoOutputs:
    """Where analysed frames go: CSV, annotated video, a caller; counts them on the way.

    Attributes:
        annotate, csv: paths, None without.
        encoder: of the annotated video, None before its first frame.
        frames, with_face: frames so far, and those with a face.
    """

    def __init__(
        self,
        stack: ExitStack,
        stages: Stages,
        classes: Sequence[str],
        fps: float,
        annotate: Path | None,
        csv: Path | str | None,
        sink: Sink | None,
    ):
        """Open what is asked for; ``stack`` closes it.

        Raises:
            RunFolderError: the file system refuses.
        """
        self._stack, self._stages, self._fps, self._sink = stack, stages, fps, sink
        self.annotate, self.csv = annotate, csv
        self._scratch = None if annotate is None else stack.enter_context(atomic_path(annotate))
        self._rows = None if csv is None else stack.enter_context(CsvWriter(csv, classes))
        self._writer: VideoWriter | None = None
        self.encoder: str | None = None
        self.frames = self.with_face = 0

    def take(self, analysed: list[AnalysedFrame]) -> None:
        """Write the frames of one batch, in order."""
        for item in analysed:
            self.frames += 1
            self.with_face += item.predictions[0].face is not None
            if self.annotate is not None:
                self._add_picture(item)
        rows = [prediction for item in analysed for prediction in item.predictions]
        with self._stages.measure("write"):
            if self._rows is not None:
                self._rows.write(rows)
            if self._sink is not None and rows:
                self._sink(rows)

    def _add_picture(self, item: AnalysedFrame) -> None:
        with self._stages.measure("draw"):
            pixels = draw_predictions(item.frame.pixels, item.predictions)
        with self._stages.measure("encode"):
            if self._writer is None:
                self._writer = self._open(item.frame)
            self._writer.write(pixels, item.frame.timestamp)

    def _open(self, frame: Frame) -> VideoWriter:
        writer = make_writer(self._scratch, frame.pixels.shape, self._fps)
        self.encoder = writer.encoder
        self._stack.enter_context(_Finish(writer, self._stages))
        return writer


class _Finish(AbstractContextManager):
    def __init__(self, writer: VideoWriter, stages: Stages):
        self._writer, self._stages = writer, stages

    def __exit__(self, *exc):
        with self._stages.measure("encode"):
            self._writer.close()
