"""Write annotated videos whose pictures stand at the times of the original.

With PyAV (extra ``video``): H.264, which every browser plays, each picture at its own time. Without it OpenCV writes
MPEG-4 part 2 at a constant rate: pictures are repeated or left out so that the clock is kept.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from ...errors import FerKerasError, InputError
from ..detection.protocol import require_cv2

# Rates above this are stated by containers that only know a clock of 1/1000 s.
MAX_FPS = 60.0
_MAX_GAP = 600  # seconds without a picture that are filled where the rate is constant
_CLOCK = Fraction(1, 90_000)  # of MPEG
# The first that this FFmpeg has; every FFmpeg has the last.
_ENCODERS: dict[Literal["libx264", "libopenh264", "mpeg4"], str] = {
    "libx264": "H.264",
    "libopenh264": "H.264",
    "mpeg4": "MPEG-4 part 2",
}
# A short look-ahead: encoders keep that many pictures in memory.
_X264 = {"preset": "veryfast", "crf": "20", "rc-lookahead": "10"}


class VideoWriter(Protocol):
    """One open file.

    Attributes:
        encoder: what people call it.
    """

    encoder: str

    def write(self, pixels: np.ndarray, timestamp: float) -> None:
        """Add a picture (H, W, 3) uint8 RGB at a time in seconds; times rise."""

    def close(self) -> None:
        """Finish the file."""


def check_video_path(path: Path | str, source: Path | str | None = None) -> Path:
    """Refuse a path that cannot become an annotated video.

    Raises:
        InputError: another suffix than ``.mp4``, or the file that is read.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise InputError("annotated videos are MP4 files", allowed="a name that ends in .mp4", received=str(path))
    if source is not None and path.exists() and path.samefile(source):
        raise InputError("the annotated video would replace the video that is read", received=str(path))
    return path


def make_writer(path: Path, shape: tuple[int, ...], fps: float) -> VideoWriter:
    """Open an MP4 file for writing, with PyAV where it is installed, else with OpenCV.

    Args:
        path: of the file.
        shape: (H, W, 3) of the pictures.
        fps: pictures per second, about; the file's rate where OpenCV writes.

    Raises:
        FerKerasError: the file cannot be written.
    """
    height, width = shape[:2]
    try:
        import av  # noqa: F401
    except ImportError:
        return _ConstantRateWriter(path, width, height, min(fps, MAX_FPS))
    return _TimedWriter(path, width, height, min(fps, MAX_FPS))


class _TimedWriter:
    def __init__(self, path: Path, width: int, height: int, fps: float):
        import av

        name = next(name for name in _ENCODERS if name in av.codecs_available)
        self.encoder = f"{_ENCODERS[name]} (PyAV)"
        self._av, self._size = av, (width + width % 2, height + height % 2)  # 4:2:0 needs even sides
        try:
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from error
        options = dict(_X264) if name == "libx264" else {}
        self._stream = self._container.add_stream(name, rate=Fraction(fps).limit_denominator(1001), options=options)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = _CLOCK

    def write(self, pixels: np.ndarray, timestamp: float) -> None:
        frame = self._av.VideoFrame.from_ndarray(_fitted(pixels, *self._size), format="rgb24")
        frame.pts, frame.time_base = round(timestamp / _CLOCK), _CLOCK
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


class _ConstantRateWriter:
    encoder = "MPEG-4 part 2 (OpenCV)"

    def __init__(self, path: Path, width: int, height: int, fps: float):
        self._cv2: Any = require_cv2()
        self._size, self._fps, self._written, self._last = (width, height), fps, 0, None
        code = self._cv2.VideoWriter_fourcc(*"mp4v")
        self._file = self._cv2.VideoWriter(str(path), self._cv2.CAP_FFMPEG, code, fps, self._size)
        if not self._file.isOpened():
            raise _unwritable(path)

    def write(self, pixels: np.ndarray, timestamp: float) -> None:
        place = round(timestamp * self._fps)
        if place < self._written:
            return
        picture = self._cv2.cvtColor(_fitted(pixels, *self._size), self._cv2.COLOR_RGB2BGR)
        if place - self._written > _MAX_GAP * self._fps:
            hint = 'A file at a constant rate would hold as many copies of one picture; pip install "fer_keras[video]"'
            raise FerKerasError(
                f"the video has no picture for more than {_MAX_GAP} s before {timestamp:.1f} s", hint=hint
            )
        for _ in range(place - self._written):
            self._file.write(picture if self._last is None else self._last)
        self._file.write(picture)
        self._written, self._last = place + 1, picture

    def close(self) -> None:
        self._file.release()


def _fitted(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Repeat the last row and column where a side is odd; a frame of another size than the first is resized."""
    below, right = height - pixels.shape[0], width - pixels.shape[1]
    if below == right == 0:
        return np.ascontiguousarray(pixels)
    if below in (0, 1) and right in (0, 1):
        return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
    return require_cv2().resize(pixels, (width, height))


def _unwritable(path: Path, error: Exception | None = None) -> FerKerasError:
    reason = getattr(error, "strerror", None) or "the encoder or the folder refuses"
    return FerKerasError(f"cannot write video {path}: {reason}")
