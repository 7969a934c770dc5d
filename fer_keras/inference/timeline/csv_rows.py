"""Read the rows that ``fer-keras predict`` wrote of one video."""

from __future__ import annotations

import csv
import math
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets.sources.text_table import open_csv
from ...errors import DataError, InputError, readable_name
from ..results import PREFIX

NEEDED = ("file", "timestamp", "face")
_SUM_TOLERANCE = 0.05  # a full int8 file's probabilities come in steps of 1/256


@dataclass(frozen=True)
class Observations:
    """Rows of one video, in the order of time.

    Attributes:
        file: name of the video, as the rows have it.
        classes: names of the expressions.
        timestamps: (n,) float64 seconds; does not fall.
        faces: (n,) int64 numbers of faces, -1 in a frame without a face.
        probabilities: (n, classes) float32; NaN in a frame without a face.
        uncertain: (n,) float32, 1 where the prediction is called uncertain; NaN where no threshold is known.
    """

    file: str
    classes: tuple[str, ...]
    timestamps: np.ndarray
    faces: np.ndarray
    probabilities: np.ndarray
    uncertain: np.ndarray


def read_observations(path: Path | str) -> Observations:
    """Read a CSV file with the columns ``file, timestamp, face, uncertain`` (optional) and ``p_<class>``; more may be.

    Raises:
        InputError: the file cannot be read.
        DataError: a column is missing, a value is not what its column holds (with its line), rows of more than one
            video or of pictures, times that go back, or no row.
    """
    try:
        with open_csv(Path(path)) as (file, delimiter):
            return _read(csv.reader(file, strict=True, delimiter=delimiter), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}") from error


def _read(reader, path: str) -> Observations:
    header = next(reader, None)
    if not header:
        raise DataError(f"{path} is empty", hint="Make it with: fer-keras predict VIDEO --csv results.csv")
    if not "".join(header).isprintable():
        raise DataError(f"{path} is not a CSV file in UTF-8")
    columns = _Columns(header, path)
    data = array("d")
    file = None
    last = -math.inf
    for row in filter(None, reader):
        values = columns.parse(row, reader.line_num)
        if file not in (None, row[columns.file]):
            raise columns.wrong(reader.line_num, "more than one video", f"rows of {file} only", row[columns.file])
        if values[0] < last:
            raise columns.wrong(
                reader.line_num, "time goes back", f"at least {last:g}; sort the rows by time", values[0]
            )
        file, last = row[columns.file], values[0]
        data.extend(values)
    if file is None:
        raise DataError(f"{path} holds no rows")
    return _as_observations(file, columns, np.frombuffer(data).reshape(-1, 3 + len(columns.classes)))


def _as_observations(file: str, columns: _Columns, table: np.ndarray) -> Observations:
    faces = table[:, 1].astype(np.int64)
    if (faces < 0).all():
        raise DataError(f"{columns.path} holds no face")
    return Observations(
        readable_name(file),
        columns.classes,
        table[:, 0].copy(),
        faces,
        table[:, 3:].astype(np.float32),
        table[:, 2].astype(np.float32),
    )


class _Columns:
    """Where things stand in a row, and how they are read."""

    def __init__(self, header: list[str], path: str):
        self.path, names = path, [name.strip() for name in header]
        self.classes = tuple(name[len(PREFIX) :] for name in names if name.startswith(PREFIX) and name != PREFIX)
        missing = [name for name in NEEDED if name not in names] + (
            [] if len(self.classes) > 1 else [f"{PREFIX}<class>"]
        )
        if missing or len(set(names)) < len(names):
            problem = f"lacks columns: {', '.join(missing)}" if missing else "has a column twice"
            raise DataError(
                f"{path} {problem}",
                allowed="the columns of fer-keras predict --csv",
                received=", ".join(names)[:200],
            )
        self.file, self._timestamp, self._face = (names.index(name) for name in NEEDED)
        self._uncertain = names.index("uncertain") if "uncertain" in names else None
        self._probabilities = [names.index(PREFIX + name) for name in self.classes]
        self._width = len(names)

    def parse(self, row: list[str], line: int) -> list[float]:
        """Timestamp, face or -1, uncertain, then one probability per class."""
        if len(row) != self._width:
            raise self.wrong(line, "another number of values", f"{self._width} values", len(row))
        if not row[self._timestamp].strip():
            raise self.wrong(line, "no time", "rows of a video", "a row without timestamp, as of a picture")
        timestamp = self._number(row[self._timestamp], line, "timestamp", 0, math.inf)
        if not row[self._face].strip():
            return [timestamp, -1.0, math.nan, *([math.nan] * len(self.classes))]
        face = self._number(row[self._face], line, "face", 0, 2**31)
        if face != int(face):
            raise self.wrong(line, "wrong face number", "whole numbers from 0", row[self._face])
        return [timestamp, face, self._flag(row, line), *self._shares(row, line)]

    def _shares(self, row: list[str], line: int) -> list[float]:
        """Read all at once; only where something is wrong, look for the value that is."""
        try:
            shares = [float(row[place]) for place in self._probabilities]
        except ValueError:
            shares = [math.nan]
        if min(shares) >= 0 and abs(sum(shares) - 1) <= _SUM_TOLERANCE:
            return shares
        for name, place in zip(self.classes, self._probabilities, strict=True):
            self._number(row[place], line, PREFIX + name, 0, 1.001)
        raise self.wrong(line, "probabilities do not sum to 1", "a sum of 1", f"{sum(shares):.3f}")

    def _flag(self, row: list[str], line: int) -> float:
        text = "" if self._uncertain is None else row[self._uncertain].strip().lower()
        flags = {"": math.nan, "true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
        if text not in flags:
            raise self.wrong(line, "uncertain is not a flag", "true, false or nothing", text)
        return flags[text]

    def _number(self, text: str, line: int, name: str, least: float, most: float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value <= most):
            allowed = f"a number of at least {least}" + (f" and at most {round(most)}" if most < 2 else "")
            raise self.wrong(line, f"unusable {name}", allowed, repr(text[:40]))
        return value

    def wrong(self, line: int, problem: str, allowed: str, received: object) -> DataError:
        return DataError(f"{self.path}, line {line}: {problem}", allowed=allowed, received=received)
