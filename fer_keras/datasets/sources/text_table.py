"""Tables as text, as programs and Excel write them: one record at a time, never the whole file. No TensorFlow.

UTF-8 with or without a mark, and UTF-16 (Excel's "Unicode text"); comma, semicolon or tab, told by the first line;
line ends of every system; empty columns at the end are none. Each line is parsed by itself, so that an unclosed quote
cannot swallow the rows after it.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ...atomic_files import is_device
from ...errors import DataError

# A row of 2,304 three-digit pixels takes 9.2 kB. The limit keeps a file without line ends out of memory.
MAX_LINE_BYTES = 64 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SEPARATOR_LINE = re.compile(rb"sep=[,;\t]\r?\n?")


def read_records(stream: IO[bytes], what: str = "a table") -> Iterator[tuple[int, list[str] | DataError]]:
    """Yield (line number, fields or what is wrong with the line); lines with nothing on them carry no record.

    Args:
        stream: opened binary, at its beginning; read once, forwards.
        what: that the file should be, for messages.
    """
    lines, delimiter = _as_utf8(stream), ""
    for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES), b""), start=1):
        line = line.removeprefix(_UTF8_BOM) if number == 1 else line
        if number == 1 and _SEPARATOR_LINE.fullmatch(line):  # a line for Excel alone
            continue
        delimiter = delimiter or _delimiter(line)
        try:
            fields = _split_line(line, delimiter, what)
        except DataError as error:
            yield number, error
            _skip_rest(lines, line)
        else:
            if fields:
                yield number, fields


def first_record(head: bytes) -> list[str]:
    """Return the fields of the first record in the first bytes of a file; none where they are no text."""
    _, fields = next(read_records(io.BytesIO(head)), (0, []))
    return [] if isinstance(fields, DataError) else fields


@contextlib.contextmanager
def open_csv(path: Path) -> Iterator[tuple[IO[str], str]]:
    """Open a small table for the csv module: yield the text, and what divides its columns.

    Bytes that are no UTF-8, as in names of files, are kept (surrogateescape).

    Raises:
        DataError: a pipe or a device, which may never end and cannot be read twice.
    """
    if is_device(path):
        raise DataError(f"{path} is not a regular file")
    with open(path, "rb") as stream:
        head = stream.read(4096)
    encoding = "utf-16" if head.startswith(tuple(_UTF16_BOMS)) else "utf-8-sig"
    first = head.decode(encoding, "replace").encode("utf-8", "replace").splitlines()[:1]
    with open(
        path, newline="", encoding=encoding, errors="surrogateescape" if encoding != "utf-16" else "strict"
    ) as text:
        yield text, _delimiter(first[0] if first else b"")


def column_names(fields: list[str]) -> list[str]:
    """Names of a header in lower case, without spaces around them (icml_face_data.csv has them) and quotes."""
    return [field.strip().strip('"').lower() for field in fields]


def _delimiter(line: bytes) -> str:
    """What divides the first line; a text of pixels or a box in brackets may hold commas only in quotes."""
    plain = re.sub(rb'"[^"]*"', b"", line)
    return max(",;\t", key=lambda sign: plain.count(sign.encode()))


def _split_line(line: bytes, delimiter: str, what: str) -> list[str]:
    if len(line) == MAX_LINE_BYTES:
        raise DataError(f"longer than {MAX_LINE_BYTES} bytes, so this is no row of {what}")
    if b"\0" in line:
        raise DataError("holds NUL bytes", hint="Save it as UTF-8 text")
    try:
        fields = next(csv.reader([line.decode("utf-8")], strict=True, delimiter=delimiter), [])
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text") from error
    except csv.Error as error:
        raise DataError(f"not valid csv ({error})", hint="Look for a quote that is never closed") from error
    return fields if any(field.strip() for field in fields) else []


def _skip_rest(lines: IO[bytes], line: bytes) -> None:
    """Read to the end of a line that was too long, a piece at a time."""
    while len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
        line = lines.readline(MAX_LINE_BYTES)


def _as_utf8(stream: IO[bytes]) -> IO[bytes]:
    """The stream in UTF-8 with ``\\n`` at the line ends, rewritten only where it is something else."""
    head = stream.read(4096)
    encoding = next((name for mark, name in _UTF16_BOMS.items() if head.startswith(mark)), "")
    if encoding:
        head = head[2:]
    elif head[1:2] == b"\0" != head[:1] and head[3:4] == b"\0":
        encoding = "utf-16-le"
    mac = b"\r" in head[:-1] and b"\n" not in head
    return io.BufferedReader(_Joined(head, stream, encoding, mac))


class _Joined(io.RawIOBase):
    """Bytes that were read already, then the rest of the stream, in UTF-8."""

    def __init__(self, head: bytes, stream: IO[bytes], encoding: str, mac: bool):
        self._waiting, self._stream, self._mac = head, stream, mac
        self._decode = codecs.getincrementaldecoder(encoding)("replace").decode if encoding else None
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._ready:
            data, self._waiting = self._waiting or self._stream.read(MAX_LINE_BYTES), b""
            if not data:
                return 0
            data = self._decode(data).encode() if self._decode else data
            self._ready = data.replace(b"\r", b"\n") if self._mac else data
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
