"""Frames and their times from a video file or a camera, one at a time, with OpenCV's FFmpeg.

Times are the container's own: ``CAP_PROP_POS_MSEC`` read right after a frame is that frame's presentation time, also
where the frame rate varies. The number of the frame divided by the frame rate is not: it is wrong by seconds there.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...atomic_files import path_for_libraries
from ...errors import DataError, InputError
from ...imaging import MAX_PIXELS
from ..detection.protocol import require_cv2

_MPEG_4, _MPEG, _OTHERS = (".3gp", ".m4v", ".mov", ".mp4"), (".mpeg", ".mpg", ".mts", ".ts"), (".avi", ".flv", ".wmv")
SUFFIXES = frozenset((*_MPEG_4, *_MPEG, *_OTHERS, ".mkv", ".ogv", ".webm"))
FORMATS = "MP4, MOV, 3GP, AVI, MKV, WebM, MPEG, TS, FLV, WMV, OGV"
# Used where neither container nor camera states a usable rate.
DEFAULT_FPS = 25.0
_MAX_FPS = 1000.0

# Playlists are text that makes FFmpeg open other files and addresses, so a file is known by its first bytes.
_MAGIC = (b"\x1aE\xdf\xa3", b"FLV", b"0&\xb2u", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"OggS", b"G")
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    Attributes:
        number: from 0, in the order of presentation.
        timestamp: seconds since the first picture of the file, or since the camera was opened; rises strictly.
        pixels: (H, W, 3) uint8 RGB, upright.
    """

    number: int
    timestamp: float
    pixels: np.ndarray


def is_video(path: Path | str) -> bool:
    """Whether the suffix of a path is one of a video file."""
    return Path(path).suffix.lower() in SUFFIXES


class VideoReader:
    """Reads the frames of an open capture one by one; nothing is kept.

    Attributes:
        fps: frames per second that the container or camera states, 25 where it states nothing usable.
        declared_seconds: length that the container states, None where it states none.
        repaired: frames so far whose time was missing or not after the one before, and was set to one frame later.
        frames: frames read so far.
        last: time of the last of them in seconds, 0 before the first.
    """

    def __init__(self, capture: Any, *, clock: Any = None):
        self._cv2 = cv2 = require_cv2()
        self._capture, self._clock = capture, clock
        fps, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.fps = fps if math.isfinite(fps) and 0 < fps <= _MAX_FPS else DEFAULT_FPS
        # The count is often the length times the rate; the length is right where the rate varies, the count is not.
        self.declared_seconds = count / fps if clock is None and count > 0 and self.fps == fps else None
        self.frames, self.repaired, self.last = 0, 0, 0.0

    def read(self, every: int = 1) -> Iterator[Frame]:
        """Yield every n-th frame until the file ends, or until what follows cannot be decoded."""
        while self._capture.grab():
            number, self.frames = self.frames, self.frames + 1
            self.last = self._time()
            if number % every:
                continue
            decoded, pixels = self._capture.retrieve()
            if not decoded:
                return
            yield Frame(number, self.last, self._cv2.cvtColor(pixels, self._cv2.COLOR_BGR2RGB))

    def _time(self) -> float:
        now = self._clock() if self._clock else self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000  # ms -> s
        if self.frames == 1:
            return max(now, 0.0) if math.isfinite(now) else 0.0
        if math.isfinite(now) and now > self.last:
            return now
        self.repaired += 1
        return self.last + 1 / self.fps


@contextmanager
def open_video(path: Path | str) -> Iterator[VideoReader]:
    """Open a video file; rotation that the file states is applied to its frames.

    Raises:
        InputError: no such file, or OpenCV is missing.
        DataError: not a video of a known container, damaged beyond its header, of an unknown codec, or its frames have
            more pixels than pictures may have.
    """
    path = Path(path)
    cv2 = _quiet_cv2()
    _check_container(path)
    with path_for_libraries(path) as place:
        capture = cv2.VideoCapture(str(place), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            hint = "It is damaged, was cut off before its index was written, or holds no picture of a known codec"
            raise DataError(f"cannot open video {path}", hint=hint)
        _check_size(cv2, capture, path)
        yield VideoReader(capture)
    finally:
        capture.release()


@contextmanager
def open_camera(index: int = 0) -> Iterator[VideoReader]:
    """Open a camera of this machine; times are seconds since now.

    Raises:
        InputError: there is no such camera, or it is in use.
    """
    cv2 = _quiet_cv2()
    capture = cv2.VideoCapture(index)
    try:
        if not capture.isOpened():
            raise InputError(
                f"no camera with number {index} can be opened",
                hint="Is one connected, free, and may this user open its device (on Linux: group 'video')?",
            )
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, where the driver knows the setting
        start = time.monotonic()
        yield VideoReader(capture, clock=lambda: time.monotonic() - start)
    finally:
        capture.release()


def _quiet_cv2() -> Any:
    """OpenCV and its FFmpeg print of every damaged frame; what matters is in the errors and in the summary."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET, read when the first file is opened
    cv2 = require_cv2()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _check_container(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not head:
        raise DataError(f"video {path} is empty (0 bytes)")
    known = head.startswith(_MAGIC) or head[4:8] in _MP4_BOXES or (head[:4] == b"RIFF" and head[8:11] == b"AVI")
    if not known:
        raise DataError(f"{path} is not a video of a known container", allowed=FORMATS)


def _check_size(cv2: Any, capture: Any, path: Path) -> None:
    width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > MAX_PIXELS:
        raise DataError(
            f"the frames of video {path} have too many pixels",
            allowed=f"at most {MAX_PIXELS}",
            received=f"{width}x{height}",
        )
