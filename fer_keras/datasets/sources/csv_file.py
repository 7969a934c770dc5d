"""FER2013 rows from the challenge csv (``emotion,pixels,Usage``) or its later Kaggle form, told apart by the header.

Each line is parsed by itself, so that an unclosed quote cannot swallow the rows after it. No TensorFlow.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO

import numpy as np

from ...emotions import FACE_SIZE, FER7
from ...errors import DataError, nearest_hint
from .rows import SPLIT_OF_USAGE, BadRows, FaceRow, placed

COLUMNS = ("emotion", "pixels", "usage")
PIXELS_PER_FACE = FACE_SIZE * FACE_SIZE

# A row of 2,304 three-digit pixels takes 9.2 kB. The limit keeps a file without line ends out of memory.
_MAX_LINE_BYTES = 64 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"


def is_face_csv(head: bytes) -> bool:
    """Whether the first bytes of a file are the header of a FER2013 csv, in any column order."""
    line = head.removeprefix(_UTF8_BOM).splitlines()[:1]
    names = _column_names(line[0].decode("utf-8", "replace").split(",")) if line else []
    return set(COLUMNS) <= set(names)


def read_csv(stream: IO[bytes], where: str, bad: BadRows | None = None) -> Iterator[FaceRow]:
    """Read faces one at a time.

    Args:
        stream: the file, opened binary; it is read once, forwards, without being held in memory.
        where: name of the file for messages.
        bad: what happens to a row that is wrong; by default it is refused.

    Yields:
        Rows in file order; ids count data rows from 0, ``row 0`` first, skipped ones included.

    Raises:
        DataError: no usable header, no rows, or naming the row and line of the first one that is refused.
    """
    bad = bad or BadRows()
    records = _records(stream)
    line, header = next(records, (0, None))
    if header is None:
        raise DataError(f"{where} is empty")
    if isinstance(header, DataError):
        raise placed(f"{where}, line {line}", header) from header
    columns = _find_columns(header, where)
    row = -1
    for row, (line, fields) in enumerate(records):
        try:
            face = _read_row(fields, columns, len(header), f"row {row}")
        except DataError as error:
            bad.handle(f"{where}, row {row} (line {line})", error)
        else:
            yield face
    if row < 0:
        raise DataError(f"{where} has a header but no rows")


def _records(stream: IO[bytes]) -> Iterator[tuple[int, list[str] | DataError]]:
    """Yield (line number, fields or what is wrong with the line); lines with nothing on them carry no record."""
    for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE_BYTES), b""), start=1):
        try:
            fields = _split_line(line.removeprefix(_UTF8_BOM) if number == 1 else line)
        except DataError as error:
            yield number, error
            _skip_rest(stream, line)
        else:
            if fields:
                yield number, fields


def _split_line(line: bytes) -> list[str]:
    if len(line) == _MAX_LINE_BYTES:
        raise DataError(f"longer than {_MAX_LINE_BYTES} bytes, so this is no row of a FER2013 csv")
    if b"\0" in line:
        raise DataError("holds NUL bytes", hint="Save it as UTF-8 text, not as UTF-16")
    try:
        return next(csv.reader([line.decode("utf-8")], strict=True), [])
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text") from error
    except csv.Error as error:
        raise DataError(f"not valid csv ({error})", hint="Look for a quote that is never closed") from error


def _skip_rest(stream: IO[bytes], line: bytes) -> None:
    """Read to the end of a line that was too long, a piece at a time."""
    while len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
        line = stream.readline(_MAX_LINE_BYTES)


def _column_names(fields: list[str]) -> list[str]:
    # icml_face_data.csv has a space in front of each name: "emotion, Usage, pixels".
    return [field.strip().strip('"').lower() for field in fields]


def _find_columns(header: list[str], where: str) -> tuple[int, int, int]:
    names = _column_names(header)
    for column in COLUMNS:
        if names.count(column) != 1:
            problem = "has no column" if column not in names else "has more than one column"
            raise DataError(
                f"{where} {problem} '{column}'",
                allowed="emotion, pixels, Usage in any order",
                received=", ".join(names)[:200],
                hint="Use fer2013.csv or icml_face_data.csv; train.csv and test.csv lack what is needed",
            )
    emotion, pixels, usage = (names.index(column) for column in COLUMNS)
    return emotion, pixels, usage


def _read_row(fields: list[str] | DataError, columns: tuple[int, int, int], width: int, row_id: str) -> FaceRow:
    if isinstance(fields, DataError):
        raise fields
    if len(fields) != width:
        raise DataError("wrong number of fields", allowed=str(width), received=len(fields))
    emotion, pixels, usage = (fields[column] for column in columns)
    return FaceRow(_read_usage(usage.strip()), _read_label(emotion.strip()), _read_pixels(pixels), row_id)


def _read_usage(text: str) -> str:
    if text not in SPLIT_OF_USAGE:
        raise DataError(
            "unknown Usage",
            allowed=", ".join(SPLIT_OF_USAGE),
            received=repr(text[:40]),
            hint=nearest_hint(text[:40], SPLIT_OF_USAGE),
        )
    return SPLIT_OF_USAGE[text]


def _read_label(text: str) -> int:
    if not (len(text) == 1 and text in "0123456"):
        legend = ", ".join(f"{label} {name}" for label, name in enumerate(FER7))
        raise DataError("unknown emotion label", allowed=legend, received=repr(text[:40]))
    return int(text)


def _read_pixels(text: str) -> np.ndarray:
    """Parse 2,304 numbers to (48, 48) uint8. Never ``astype`` before the range check: 300 would wrap to 44."""
    stray = text.encode().translate(None, b"0123456789 \t\r\n")
    if stray:
        raise DataError(
            "pixels are not whole numbers", allowed="0..255", received=repr(stray[:20].decode("utf-8", "replace"))
        )
    values = np.fromstring(text, dtype=np.int64, sep=" ") if text.strip() else np.empty(0, np.int64)  # (2304,)
    if len(values) != PIXELS_PER_FACE:
        raise DataError("wrong number of pixels", allowed=f"{PIXELS_PER_FACE} (48x48)", received=len(values))
    if values.max() > 255:
        raise DataError("pixel out of range", allowed="0..255", received=int(values.max()))
    return values.astype(np.uint8).reshape(FACE_SIZE, FACE_SIZE)  # (48, 48)
