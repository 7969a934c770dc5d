"""Write annotated videos with PyAV: H.264, which every browser plays, each picture at the time of the original."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from ...atomic_files import refusal
from ...errors import InputError, RunFolderError
from ..detection.protocol import require_cv2

# Of a second; whole parts of it are milliseconds and pictures at 24, 25, 30, 30000/1001 and 60 a second. MPEG-4 part 2
# has no finer clock than 1/65535.
_CLOCK = Fraction(1, 60_000)
# The first that this FFmpeg has; every FFmpeg has the last.
_ENCODERS: dict[Literal["libx264", "libopenh264", "mpeg4"], str] = {
    "libx264": "H.264",
    "libopenh264": "H.264",
    "mpeg4": "MPEG-4 part 2",
}
# A short look-ahead: encoders keep that many pictures in memory.
_X264 = {"preset": "veryfast", "crf": "20", "rc-lookahead": "10"}


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


class VideoWriter:
    """An MP4 file that is being written.

    Attributes:
        encoder: what people call it.
        frames: pictures so far.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], shown: Path | None = None):
        """Open.

        Args:
            path: of the file.
            shape: (H, W, 3) of the pictures; others are fitted into it.
            shown: name of the file in errors, where it is another one.

        Raises:
            RunFolderError: the file system refuses.
        """
        import av

        name = next(name for name in _ENCODERS if name in av.codecs_available)
        self.encoder, self.frames = f"{_ENCODERS[name]} (PyAV)", 0
        self._path, self._shown = path, shown or path
        self._size = (shape[1] + shape[1] % 2, shape[0] + shape[0] % 2)  # 4:2:0 needs even sides
        with self._refusals():
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        options = dict(_X264) if name == "libx264" else {}
        self._stream = self._container.add_stream(name, rate=30, options=options)  # the rate is a hint for x264
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = _CLOCK

    def write(self, pixels: np.ndarray, timestamp: float) -> None:
        """Add a picture (H, W, 3) uint8 RGB at a time in seconds; times rise.

        Raises:
            RunFolderError: the file system refuses.
        """
        from av import VideoFrame

        frame = VideoFrame.from_ndarray(_fitted(pixels, *self._size), format="rgb24")
        frame.pts, frame.time_base = round(timestamp / _CLOCK), _CLOCK
        with self._refusals():
            self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Finish the file, and count its pictures: FFmpeg does not report all that a full disk has lost.

        Raises:
            RunFolderError: the file system refuses, or pictures are missing.
        """
        with self._refusals():
            self._container.mux(self._stream.encode(None))
            self._container.close()
            kept = _count_pictures(self._path)
            if kept != self.frames:
                raise OSError(errno.EIO, f"only {kept:,} of {self.frames:,} pictures have arrived there")

    def abandon(self) -> None:
        """Let the file go, after an error."""
        with suppress(RunFolderError), self._refusals():
            self._container.close()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What FFmpeg and the file system say of the file, with its name."""
        from av import FFmpegError

        try:
            yield
        except (FFmpegError, OSError) as error:
            reason = OSError(error.errno or errno.EIO, error.strerror or str(error))
            raise refusal(self._shown, reason) from error


def _count_pictures(path: Path) -> int:
    import av

    with av.open(str(path)) as written:
        return sum(packet.size > 0 for packet in written.demux(video=0))


def _fitted(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Repeat the last row and column where a side is odd; a frame of another shape stands in the middle, on black."""
    below, right = height - pixels.shape[0], width - pixels.shape[1]
    if below == right == 0:
        return np.ascontiguousarray(pixels)
    if below in (0, 1) and right in (0, 1):
        return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
    factor = min(width / pixels.shape[1], height / pixels.shape[0])
    size = [max(1, round(side * factor)) for side in (pixels.shape[1], pixels.shape[0])]
    resized = require_cv2().resize(pixels, size)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = resized
    return canvas
