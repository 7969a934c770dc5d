"""Frames and their times from a video file, with PyAV, or from a camera, with OpenCV; one at a time.

Times and geometry are the container's: a frame stands where its presentation time says, and is turned, mirrored and
stretched as the file says that it is shown. The rate that a file states is not used: MediaRecorder's WebM states 1000.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, InputError
from ...imaging import MAX_PIXELS
from ..detection.protocol import require_cv2

_MPEG_4, _MATROSKA = (".3g2", ".3gp", ".f4v", ".m4v", ".mov", ".mp4", ".qt"), (".mkv", ".webm")
_MPEG = (".m2t", ".m2ts", ".m2v", ".mod", ".mpe", ".mpeg", ".mpg", ".mts", ".tod", ".ts", ".vob")
_OTHERS = (".asf", ".avi", ".divx", ".dv", ".flv", ".mxf", ".ogm", ".ogv", ".wmv")
SUFFIXES = frozenset((*_MPEG_4, *_MATROSKA, *_MPEG, *_OTHERS))
FORMATS = "MP4, MOV, 3GP, AVI, MKV, WebM, MPEG, TS, M2TS and MTS (AVCHD), VOB, FLV, WMV, OGV, MXF, DV"
# FFmpeg's names of what it may open, whatever the file's name is. Playlists are not among them: they are text that
# makes it open other files and addresses.
_DEMUXERS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,mxf,dv,h264,hevc,ivf"
INSTALL_PYAV = 'Install PyAV: pip install "av>=15"'
# Seconds from a picture without a usable time to the one before, where nothing tells how long one stands.
_USUAL_STEP = 1 / 25
# Seconds by which times go back where recordings were joined, each with a clock of its own.
_NEW_CLOCK = 1.0
_TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT: times of these containers begin anywhere


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    Attributes:
        number: from 0, in the order of presentation, counted over all pictures of the file.
        timestamp: seconds on the file's own clock, or since the camera was opened; rises strictly. The first picture
            has 0.8 where the sound begins 0.8 s earlier.
        pixels: (H, W, 3) uint8 RGB as shown: upright, with square pixels. H and W may change within a file.
    """

    number: int
    timestamp: float
    pixels: np.ndarray


def is_video(path: Path | str) -> bool:
    """Whether the suffix of a path is one of a video file."""
    return Path(path).suffix.lower() in SUFFIXES


class VideoReader:
    """Reads the frames of an open file one by one; nothing is kept.

    Attributes:
        declared_seconds: length that the container states, None where it states none.
        frames: pictures so far, also those that were left out.
        first, last: times of the first and the last of them in seconds, 0 before the first.
        repaired: pictures whose time was missing or not after the one before, and was set to one step later.
        undecodable: parts of the picture stream that could not be decoded.
    """

    def __init__(self, container: Any, path: Path | str):
        self._container, self._path = container, path
        self._stream = _picture_stream(container, path)
        self._stream.thread_type = "AUTO"
        self._codec = self._stream.codec_context
        self._stated_aspect, self._first_aspect = self._stream.sample_aspect_ratio, self._codec.sample_aspect_ratio
        self._is_avi = container.format.name == "avi"
        starts_anywhere = container.format.flags & _TS_DISCONT
        self._origin = (container.start_time or 0) / 1e6 if starts_anywhere else 0.0  # us -> s
        self.declared_seconds = _declared_seconds(container, self._stream)
        self.frames = self.repaired = self.undecodable = 0
        self.first = self.last = self._reached = 0.0
        self._step, self._scale = _USUAL_STEP, _Scale()

    def read(self, every: int = 1, rate: float | None = None) -> Iterator[Frame]:
        """Yield frames until the file ends, or until what follows cannot be read.

        Args:
            every: every n-th picture.
            rate: at most so many a second of the video, chosen by their times.

        Raises:
            DataError: a picture has more pixels than pictures may have.
        """
        slot = -1
        for picture in self._pictures():
            number, self.frames = self.frames, self.frames + 1
            self.last = self._time(picture)
            self.first = self.first if number else self.last
            this_slot = number // every if rate is None else int(self.last * rate + 1e-6)
            if this_slot > slot:
                slot = this_slot
                yield Frame(number, self.last, self._shown(picture))

    @property
    def ends_early(self) -> bool:
        """Whether the file states a length and ends well before: neither picture nor sound reach it."""
        missing = (self.declared_seconds or 0.0) - max(self._reached, self.last + self._step)
        return missing > max(0.5, 0.02 * self._reached)

    def _pictures(self) -> Iterator[Any]:
        import av

        packets = self._container.demux()
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):  # the end of what is sound
                return
            if packet is None:
                return
            self._reach(packet)
            if packet.stream.index != self._stream.index:
                continue
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.undecodable += 1

    def _reach(self, packet: Any) -> None:
        if packet.pts is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - self._origin
            self._reached = max(self._reached, end)

    def _time(self, picture: Any) -> float:
        if picture.duration:
            self._step = float(picture.duration * picture.time_base)
        now = self._stamp(picture)
        if self.frames == 1:
            return max(now or 0.0, 0.0)
        if now is not None and now > self.last:
            return now
        self.repaired += 1
        if now is not None and self.last - now > _NEW_CLOCK:
            self._origin -= self.last + self._step - now
        return self.last + self._step

    def _stamp(self, picture: Any) -> float | None:
        if not self._is_avi:
            return None if picture.pts is None else float(picture.pts * picture.time_base) - self._origin
        # An AVI file states the order in which pictures are decoded, and the first one is shown at 0.
        if picture.dts is None:  # the last ones, which the decoder holds back
            return self.last + self._step
        if self.frames == 1:
            self._origin = float(picture.dts * picture.time_base)
        return float(picture.dts * picture.time_base) - self._origin

    def _shown(self, picture: Any) -> np.ndarray:
        """Stretch, turn and mirror a picture as the file says."""
        # A broadcast may change the shape of its pixels; else what the container states goes before the codec.
        changed = self._codec.sample_aspect_ratio != self._first_aspect
        aspect = self._codec.sample_aspect_ratio if changed else self._stated_aspect
        width, height = _square_pixels(picture.width, picture.height, float(aspect or 1))
        if width * height > MAX_PIXELS:
            allowed, received = f"at most {MAX_PIXELS}", f"{width}x{height}"
            raise DataError(
                f"the frames of video {self._path} have too many pixels", allowed=allowed, received=received
            )
        return _upright(self._scale(picture, width, height), picture)


def _declared_seconds(container: Any, stream: Any) -> float | None:
    declared = (container.duration or 0) / 1e6  # us -> s
    if container.format.name == "avi" and stream.average_rate:  # FFmpeg shortens what it says where the file is cut
        declared = max(declared, float(stream.frames / stream.average_rate))
    return declared if declared > 0 else None


class _Scale:
    """FFmpeg's conversion, whose tables are kept from picture to picture."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()

    def __call__(self, picture: Any, width: int, height: int) -> np.ndarray:
        return self._reformatter.reformat(picture, width, height, "rgb24").to_ndarray()  # (height, width, 3)


def _square_pixels(width: int, height: int, aspect: float) -> tuple[int, int]:
    """The size at which a picture is shown; the side that is too short is enlarged, so that no detail is lost."""
    return (max(1, round(width * aspect)), height) if aspect > 1 else (width, max(1, round(height / aspect)))


def _upright(pixels: np.ndarray, picture: Any) -> np.ndarray:
    """Turn and mirror by the picture's display matrix, to the nearest of the eight right-angled ways."""
    stated = picture.side_data.get("DISPLAYMATRIX")
    if stated is None:
        return pixels
    # ISO 14496-12: a pixel at (x, y) is shown at (a x + c y, b x + d y), in 1/65536.
    a, b, _, c, d, *_ = struct.unpack("<9i", bytes(stated))
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _picture_stream(container: Any, path: Path | str) -> Any:
    stream = container.streams.best("video")
    if stream is None or stream.codec_context is None or stream.disposition & type(stream.disposition).attached_pic:
        raise DataError(f"{path} holds no moving picture of a known codec", allowed=FORMATS)
    return stream


@contextmanager
def open_video(path: Path | str) -> Iterator[VideoReader]:
    """Open a video file.

    Raises:
        InputError: no such file, or PyAV is missing.
        DataError: not a video of a known container, damaged beyond its header, or of an unknown codec.
    """
    try:
        import av
    except ImportError as error:
        raise InputError("videos are read with PyAV, which is not installed", hint=INSTALL_PYAV) from error
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            if not file.read(1):
                raise DataError(f"video {path} is empty (0 bytes)")
            file.seek(0)
            options = {"format_whitelist": _DEMUXERS}
            container = stack.enter_context(av.open(file, metadata_errors="replace", container_options=options))
        except av.FFmpegError as error:
            hint = f"It is damaged, was cut off before its index was written, or is not a video of these: {FORMATS}"
            raise DataError(f"cannot open video {path}", hint=hint) from error
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        yield VideoReader(container, path)


class CameraReader:
    """Reads the pictures of an open camera; times are seconds since it was opened."""

    def __init__(self, capture: Any):
        self._capture, self._start = capture, time.monotonic()

    def read(self) -> Iterator[Frame]:
        """Yield pictures until the camera is gone."""
        cv2, number = require_cv2(), 0
        while True:
            there, pixels = self._capture.read()
            if not there:
                return
            yield Frame(number, time.monotonic() - self._start, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
            number += 1


@contextmanager
def open_camera(index: int = 0) -> Iterator[CameraReader]:
    """Open a camera of this machine.

    Raises:
        InputError: there is no such camera, or it is in use.
    """
    cv2 = require_cv2()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(index)
    try:
        if not capture.isOpened():
            raise InputError(
                f"no camera with number {index} can be opened",
                hint="Is one connected, free, and may this user open its device (on Linux: group 'video')?",
            )
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, where the driver knows the setting
        yield CameraReader(capture)
    finally:
        capture.release()
