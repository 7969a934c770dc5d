"""What became of a video: counts, times, files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from .frame_batches import FrameBatches
from .outputs import VideoOutputs
from .reader import VideoReader
from .smoothing import smoothing_lag


@dataclass(frozen=True, slots=True)
class VideoSummary:
    """What became of a video.

    Attributes:
        file: as given.
        frames_read, frames_analysed: all of them, and every n-th.
        frames_with_face: of those analysed.
        faces: numbers given to faces; a face that leaves and comes back has two.
        seconds: time of the last frame that was read.
        declared_seconds: length that the container states, None where it states none.
        cut_short: the file states a length and its pictures end well before: truncated or damaged.
        repaired_timestamps: frames without a usable time of their own.
        stopped: ``end``, ``max_seconds`` or ``interrupted``.
        detections: how often the detector ran.
        smoothing, lag: time constant, and seconds until half of a sudden change shows.
        stage_seconds: wall time by stage: decode, track, detect, crop, classify, and draw, encode, write where used.
        wall_seconds: all of it.
        annotated, encoder, csv: files written, None without.
    """

    file: str
    frames_read: int
    frames_analysed: int
    frames_with_face: int
    faces: int
    seconds: float
    declared_seconds: float | None
    cut_short: bool
    repaired_timestamps: int
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


def summarise(
    path: Path | str,
    reader: VideoReader,
    batches: FrameBatches,
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
        faces=batches.follower.faces,
        seconds=reader.last,
        declared_seconds=reader.declared_seconds,
        cut_short=stopped == "end" and _ends_early(reader),
        repaired_timestamps=reader.repaired,
        stopped=stopped,
        detections=batches.follower.detections,
        smoothing=smoothing,
        lag=smoothing_lag(smoothing),
        stage_seconds={name: round(seconds, 4) for name, seconds in batches.stages.seconds.items()},
        wall_seconds=wall_seconds,
        annotated=None if outputs.annotate is None else str(outputs.annotate),
        encoder=outputs.encoder,
        csv=None if outputs.csv is None else str(outputs.csv),
    )


def _ends_early(reader: VideoReader) -> bool:
    """The last picture of a sound file ends where the file does, to within its own duration and rounding."""
    missing = (reader.declared_seconds or 0.0) - (reader.last + 1 / reader.fps)
    return missing > max(0.5, 0.02 * reader.last)
