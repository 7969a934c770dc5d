"""Many picture files on all cores: each is decoded, searched and classified by one thread, memory bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DataError, InputError
from ..threads import map_in_order, usable_cores
from .boxes import Box
from .pictures import read_first_frame
from .predictor import Predictor
from .results import Prediction

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

    Args:
        paths: files.
        predictor: model and detector.
        crops: every picture is a ready-made crop; see :meth:`fer_keras.inference.predictor.Predictor.predict`.
        boxes_of: boxes of the faces of a file, instead of a detector.
        keep_pixels: hand the decoded pictures on, for drawing.
        workers: threads, each with one picture; the number of usable cores when None.

    Raises:
        ModelFileError: the model fails. What is wrong with one file is in its result.
    """

    def predict(path: Path | str) -> FileResult:
        return _predict_file(Path(path), predictor, crops, boxes_of, keep_pixels)

    return map_in_order(predict, paths, workers or usable_cores())


def _predict_file(path: Path, predictor: Predictor, crops: bool, boxes_of: BoxesOf | None, keep: bool) -> FileResult:
    result = FileResult(path)
    try:
        pixels, result.more_frames = read_first_frame(path)
        result.size = (pixels.shape[1], pixels.shape[0])
        boxes = [None] if crops else _given(boxes_of, path, result.size) if boxes_of else predictor.find(pixels)
        rows = predictor.predict_boxes(pixels, boxes)
    except (DataError, InputError) as error:
        result.error = str(error)
    except MemoryError:
        result.error = "not enough memory for this picture"
    else:
        result.predictions = predictor.assemble([str(path)], [boxes], rows)
        result.pixels = pixels if keep else None
    return result


def _given(boxes_of: BoxesOf, path: Path, size: tuple[int, int]) -> list[Box]:
    boxes = boxes_of(path)
    for box in boxes:
        if box.clipped(*size) is None:
            raise DataError("a given box lies outside the picture", allowed=f"inside {size}", received=box)
    return boxes
