"""Many picture files: decoded ahead in threads, faces classified in full batches, memory bounded."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DataError, InputError
from ..export.exported_model import BATCH_SIZE
from .boxes import Box
from .pictures import read_first_frame
from .predictor import Predictor
from .results import Prediction

# Results are handed on when this many pictures or bytes of kept pixels wait for their batch to fill.
_MAX_WAITING, _MAX_BYTES = 256, 64 * 2**20
BoxesOf = Callable[[Path], list[Box]]


@dataclass(slots=True)
class FileResult:
    """What became of one file.

    Attributes:
        path: as given.
        predictions: one per face, one without a face; none where the file is broken.
        error: why the file could not be used; empty where it could.
        size: width and height in pixels of the upright picture; None where broken.
        pixels: (H, W) or (H, W, 3) uint8, where they were asked for.
        more_frames: the file holds more pictures than the first, which alone was read.
    """

    path: Path
    predictions: list[Prediction] = field(default_factory=list)
    error: str = ""
    size: tuple[int, int] | None = None
    pixels: np.ndarray | None = None
    more_frames: bool = False


@dataclass(slots=True)
class _Waiting:
    result: FileResult
    boxes: Sequence[Box | None]
    crops: list[np.ndarray]


def predict_files(
    paths: Iterable[Path | str],
    predictor: Predictor,
    *,
    crops: bool = False,
    boxes_of: BoxesOf | None = None,
    keep_pixels: bool = False,
    workers: int | None = None,
) -> Iterator[FileResult]:
    """Predict file after file, in order; a broken file is a result too, and the others go on.

    A few pictures are decoded ahead in threads, and faces of many pictures are classified together, 64 at a time.

    Args:
        paths: files.
        predictor: model and detector.
        crops: every picture is a ready-made crop; see :meth:`fer_keras.inference.predictor.Predictor.predict`.
        boxes_of: boxes of the faces of a file, instead of a detector.
        keep_pixels: hand the decoded pictures on, for drawing.
        workers: decoding threads; the number of usable cores when None.

    Raises:
        ModelFileError: the model fails. What is wrong with one file is in its result.
    """
    waiting: list[_Waiting] = []
    for path, picture in _decode_ahead(paths, workers or len(os.sched_getaffinity(0))):
        waiting.append(_prepare(path, picture, predictor, crops, boxes_of, keep_pixels))
        if _is_full(waiting):
            yield from _finish(waiting, predictor)
            waiting = []
    yield from _finish(waiting, predictor)


def _decode_ahead(paths: Iterable[Path | str], workers: int) -> Iterator[tuple[Path, Future]]:
    """Yield each path with its picture to come; at most ``workers + 1`` pictures are held."""
    ahead: deque[tuple[Path, Future]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for path in itertools.chain(paths, itertools.repeat(None)):
                if path is not None:
                    ahead.append((Path(path), pool.submit(read_first_frame, Path(path))))
                if not ahead:
                    return
                if path is None or len(ahead) > workers:
                    yield ahead.popleft()
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare(path, picture, predictor, crops, boxes_of, keep_pixels) -> _Waiting:
    """Find the faces of one picture and cut them out; pixels are let go unless they are kept."""
    result = FileResult(path)
    try:
        pixels, result.more_frames = picture.result()
        result.size = (pixels.shape[1], pixels.shape[0])
        boxes = [None] if crops else _given(boxes_of, path, result.size) if boxes_of else predictor.find(pixels)
        faces = [predictor.crop(pixels, box) for box in boxes]
    except (DataError, InputError) as error:
        result.error = str(error)
        return _Waiting(result, [], [])
    except MemoryError:
        result.error = "not enough memory for this picture"
        return _Waiting(result, [], [])
    result.pixels = pixels if keep_pixels else None
    return _Waiting(result, boxes, faces)


def _given(boxes_of: BoxesOf, path: Path, size: tuple[int, int]) -> list[Box]:
    boxes = boxes_of(path)
    for box in boxes:
        if box.clipped(*size) is None:
            raise DataError("a given box lies outside the picture", allowed=f"inside {size}", received=box)
    return boxes


def _is_full(waiting: list[_Waiting]) -> bool:
    faces = sum(len(item.crops) for item in waiting)
    kept = sum(item.result.pixels.nbytes for item in waiting if item.result.pixels is not None)
    return faces >= BATCH_SIZE or kept > _MAX_BYTES or len(waiting) >= _MAX_WAITING


def _finish(waiting: list[_Waiting], predictor: Predictor) -> Iterator[FileResult]:
    """Classify the faces of all waiting pictures together."""
    faces = [face for item in waiting for face in item.crops]
    rows = iter(predictor.classify(np.stack(faces)) if faces else [])
    for item in waiting:
        if not item.result.error:
            item.result.predictions = predictor.assemble([str(item.result.path)], [item.boxes], rows)
        yield item.result
