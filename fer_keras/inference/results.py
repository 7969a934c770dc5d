"""What is said about each face, and its rows: CSV and JSON lines with the same columns, written as they come."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..atomic_files import as_cell, atomic_path, refusal
from ..errors import InputError, RunFolderError
from ..metrics.frames import make_frame
from .boxes import Box

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

PLACE = ("file", "frame", "timestamp", "face", "face_found", "left", "top", "width", "height")
ANSWER = ("expression", "confidence", "uncertain")
PREFIX = "p_"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One face of a picture or frame; a picture in which no face was found gives one too.

    Attributes:
        file: path as given, or ``image 0``, ``image 1``, ... for bytes and arrays.
        frame: number of the video frame, from 0; None for pictures.
        timestamp: seconds since the start of the video; None for pictures.
        face: number of the face, from 0: in a picture by size, largest first, in a video one number per track; None
            where there is none.
        face_found: a detector found the face, or the user gave its box. False with an expression: the whole picture
            was scored as it is (``crops``), and nobody looked for a face.
        box: of the face as found, without margin, in pixels of the upright picture; None unless ``face_found``.
        expression: class with the highest probability; None where there is no face.
        confidence: that probability; None where there is no face.
        uncertain: whether the confidence is below the model's threshold; None where no threshold is known or there is
            no face.
        probabilities: by class, in the model's order, sum 1; empty where there is no face.
    """

    file: str
    frame: int | None = None
    timestamp: float | None = None
    face: int | None = None
    face_found: bool = False
    box: Box | None = None
    expression: str | None = None
    confidence: float | None = None
    uncertain: bool | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probabilities as bars.

        Args:
            ax: where to; a new figure by default.

        Raises:
            InputError: no face was found, so that there are none.
        """
        from ..plotting.axes import draw_bars

        if not self.probabilities:
            raise InputError(f"no face was found in {self.file}, so there is nothing to draw")
        axes = draw_bars(self.probabilities, ax, label="probability")
        axes.set_xlim(0, 1)
        return axes


class Predictions(list[Prediction]):
    """Predictions of several pictures, in order, as a list that can be tabled and drawn.

    Attributes:
        classes: names of the expressions, in the order of the probabilities.
    """

    def __init__(self, predictions: Iterable[Prediction], classes: Sequence[str]):
        super().__init__(predictions)
        self.classes = tuple(classes)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each prediction, with the columns of ``fer-keras predict --csv``.

        Raises:
            InputError: pandas is not installed.
        """
        return make_frame(as_row(prediction, self.classes) for prediction in self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many faces have each expression.

        Args:
            ax: where to; a new figure by default.
        """
        from ..plotting.axes import draw_bars

        answers = [prediction.expression for prediction in self]
        return draw_bars({name: answers.count(name) for name in self.classes}, ax, label="faces")


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
        """Add one row for each prediction.

        Raises:
            RunFolderError: the file system refuses.
        """
        with self._refusals():
            self._write(predictions)

    def _write(self, predictions: Iterable[Prediction]) -> None:
        for prediction in predictions:
            self._rows.writerow({**as_row(prediction, self._classes), "file": as_cell(prediction.file)})

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """The file's own name in the error: around it there may be others that are being written."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise refusal(Path(str(getattr(self._target, "name", self._target))), error) from error


class JsonlWriter(CsvWriter):
    """Writes one JSON object per line, with the columns as keys; used like :class:`CsvWriter`."""

    def __enter__(self):
        with ExitStack() as stack:
            self._stream = _open(self._target, stack)
            self._stack = stack.pop_all()
        return self

    def _write(self, predictions: Iterable[Prediction]) -> None:
        for prediction in predictions:
            self._stream.write(json.dumps(as_row(prediction, self._classes), ensure_ascii=False) + "\n")


def _open(target: Path | str | IO[str], stack: ExitStack) -> IO[str]:
    if not isinstance(target, (str, Path)):
        return target
    scratch = stack.enter_context(atomic_path(Path(target)))
    # A file name that is no UTF-8 keeps its bytes.
    return stack.enter_context(open(scratch, "w", encoding="utf-8", errors="surrogateescape", newline=""))
