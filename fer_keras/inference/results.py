"""Predictions as rows: CSV and JSON lines with the same columns, written as they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import IO

from ..atomic_files import atomic_path
from ..errors import RunFolderError
from .prediction import Prediction

PLACE = ("file", "frame", "timestamp", "face", "face_found", "left", "top", "width", "height")
ANSWER = ("expression", "confidence", "uncertain")
PREFIX = "p_"


def columns(classes: Sequence[str]) -> list[str]:
    """Names of the columns: place, answer, then ``p_<class>`` for each class."""
    return [*PLACE, *ANSWER, *(PREFIX + name for name in classes)]


def as_row(prediction: Prediction, classes: Sequence[str]) -> dict[str, object]:
    """Return one prediction by column; what it has not is None.

    Seconds and pixels are rounded to three decimals, probabilities to six.
    """
    box, given = prediction.box, prediction.probabilities
    sizes = (None,) * 4 if box is None else (box.left, box.top, box.width, box.height)
    seconds = None if prediction.timestamp is None else round(prediction.timestamp, 3)
    place = (prediction.file, prediction.frame, seconds, prediction.face, prediction.face_found)
    confidence = None if prediction.confidence is None else round(prediction.confidence, 6)
    values = [*place, *(None if size is None else round(size, 3) for size in sizes)]
    values += [prediction.expression, confidence, prediction.uncertain]
    values += [round(given[name], 6) if name in given else None for name in classes]
    return dict(zip(columns(classes), values, strict=True))


class CsvWriter:
    """Writes rows to a CSV file (RFC 4180, UTF-8); None is an empty cell, truth values are ``True`` and ``False``.

    Used with ``with``: the file takes its place at the end, whole, and not at all after an error.
    """

    def __init__(self, target: Path | str | IO[str], classes: Sequence[str]):
        """Prepare.

        Args:
            target: path, or an open text stream, which stays open.
            classes: names of the probabilities' columns.
        """
        self._target, self._classes = target, tuple(classes)

    def __enter__(self):
        with ExitStack() as stack:
            stream = _open(self._target, stack)
            self._rows = csv.DictWriter(stream, columns(self._classes), lineterminator="\n")
            self._rows.writeheader()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc):
        # A reader of stdout that went away is no failure of this file, which the file system's errors would make it.
        with suppress(RunFolderError) if exc[0] is BrokenPipeError else nullcontext():
            return self._stack.__exit__(*exc)
        return False

    def write(self, predictions: Iterable[Prediction]) -> None:
        """Add one row for each prediction."""
        self._rows.writerows(as_row(prediction, self._classes) for prediction in predictions)


class JsonlWriter(CsvWriter):
    """Writes one JSON object per line, with the columns as keys; used like :class:`CsvWriter`."""

    def __enter__(self):
        with ExitStack() as stack:
            self._stream = _open(self._target, stack)
            self._stack = stack.pop_all()
        return self

    def write(self, predictions: Iterable[Prediction]) -> None:
        """Add one line for each prediction."""
        for prediction in predictions:
            self._stream.write(json.dumps(as_row(prediction, self._classes), ensure_ascii=False) + "\n")


def _open(target: Path | str | IO[str], stack: ExitStack) -> IO[str]:
    if not isinstance(target, (str, Path)):
        return target
    scratch = stack.enter_context(atomic_path(Path(target)))
    # A file name that is no UTF-8 keeps its bytes.
    return stack.enter_context(open(scratch, "w", encoding="utf-8", errors="surrogateescape", newline=""))
