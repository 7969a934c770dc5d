"""FER2013 rows from the challenge csv (``emotion,pixels,Usage``) or its later Kaggle form, told apart by the header.

CK+ goes round in the same form, with contempt as its eighth class. No TensorFlow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import IO

import numpy as np

from ...emotions import FACE_SIZE, FER7
from ...errors import DataError, nearest_hint
from .rows import SPLIT_OF_USAGE, BadRows, FaceRow, placed
from .text_table import MAX_LINE_BYTES, column_names, first_record, read_records

COLUMNS = ("emotion", "pixels", "usage")
PIXELS_PER_FACE = FACE_SIZE * FACE_SIZE

# Label 7 in fewer rows than this is a fault of a FER2013 copy; CK+ has 18 of 920.
_LEAST_CONTEMPT = 0.005


def is_face_csv(head: bytes) -> bool:
    """Whether the first bytes of a file are the header of a FER2013 csv, in any column order."""
    return set(COLUMNS) <= set(column_names(first_record(head)))


def has_contempt(stream: IO[bytes]) -> bool:
    """Whether a FER2013-like csv has an eighth class, as ``ckextended.csv`` has: label 7 in a share of its rows.

    Only files that begin with the column emotion are looked through, whole, by the first field of each line.
    """
    if column_names(first_record(stream.readline(MAX_LINE_BYTES)))[:1] != ["emotion"]:
        return False
    # NUL bytes are those of UTF-16.
    labels = (line[:8].replace(b"\0", b"").lstrip(b' "')[:1] for line in stream)
    counts = Counter(labels)
    rows, contempt = counts.total(), counts[b"7"]
    return contempt > 0 and contempt >= _LEAST_CONTEMPT * rows


def read_csv(
    stream: IO[bytes], where: str, bad: BadRows | None = None, classes: tuple[str, ...] = FER7
) -> Iterator[FaceRow]:
    """Read faces one at a time.

    Args:
        stream: the file, opened binary; it is read once, forwards, without being held in memory.
        where: name of the file for messages.
        bad: what happens to a row that is wrong; by default it is refused.
        classes: that the labels are numbers of.

    Yields:
        Rows in file order; ids count data rows from 0, ``row 0`` first, skipped ones included.

    Raises:
        DataError: no usable header, no rows, or naming the row and line of the first one that is refused.
    """
    bad = bad or BadRows()
    records = read_records(stream, "a FER2013 csv")
    line, header = next(records, (0, None))
    if header is None:
        raise DataError(f"{where} is empty")
    if isinstance(header, DataError):
        raise placed(f"{where}, line {line}", header) from header
    header = _without_empty_end(header)
    columns = _find_columns(header, where)
    row = -1
    for row, (line, fields) in enumerate(records):
        try:
            face = _read_row(fields, columns, len(header), f"row {row}", classes)
        except DataError as error:
            bad.handle(f"{where}, row {row} (line {line})", error)
        else:
            yield face
    if row < 0:
        raise DataError(f"{where} has a header but no rows")


def _without_empty_end(fields: list[str]) -> list[str]:
    """Excel writes empty columns where a sheet once was wider."""
    while fields and not fields[-1].strip():
        fields = fields[:-1]
    return fields


def _find_columns(header: list[str], where: str) -> tuple[int, int, int]:
    names = column_names(header)
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


def _read_row(
    fields: list[str] | DataError,
    columns: tuple[int, int, int],
    width: int,
    row_id: str,
    classes: tuple[str, ...],
) -> FaceRow:
    if isinstance(fields, DataError):
        raise fields
    if len(fields) != width and len(fields := fields[:width] + _without_empty_end(fields[width:])) != width:
        raise DataError("wrong number of fields", allowed=str(width), received=len(fields))
    emotion, pixels, usage = (fields[column] for column in columns)
    return FaceRow(_read_usage(usage.strip()), _read_label(emotion.strip(), classes), _read_pixels(pixels), row_id)


def _read_usage(text: str) -> str:
    if text not in SPLIT_OF_USAGE:
        raise DataError(
            "unknown Usage",
            allowed=", ".join(SPLIT_OF_USAGE),
            received=repr(text[:40]),
            hint=nearest_hint(text[:40], SPLIT_OF_USAGE),
        )
    return SPLIT_OF_USAGE[text]


def _read_label(text: str, classes: tuple[str, ...]) -> int:
    if not (len(text) == 1 and text in "01234567"[: len(classes)]):
        legend = ", ".join(f"{label} {name}" for label, name in enumerate(classes))
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
