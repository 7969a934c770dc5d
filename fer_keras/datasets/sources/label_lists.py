"""Labels from a list beside the pictures, in the forms that public data sets come in. No TensorFlow.

FER+        label.csv in each split's folder (name, box, ten votes), or fer2013new.csv
RAF-DB      list_patition_label.txt (``train_00001.jpg 5``)
AffectNet   training.csv (subDirectory_filePath, ..., expression), or annotations/ID_exp.npy beside images/ID.jpg
CK+         S005_001_00000011_emotion.txt beside S005_001_00000011.png
any         a table with a column of file names and one of labels
"""

from __future__ import annotations

import functools
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from ...emotions import AFFECTNET8, FERPLUS8
from ...errors import DataError
from .rows import MAX_ROWS
from .text_table import column_names, first_record, read_records

# Codes of AffectNet (Mollahosseini et al. 2017) and RAF-DB (Li et al. 2017), and FER+'s votes.
AFFECTNET_CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt", "", "", "")
RAFDB_CODES = (None, "surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
FERPLUS_VOTES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "", "")

PATH_COLUMNS = (
    *("subdirectory_filepath", "image name", "image", "images", "img", "pth", "path", "filepath", "file_path"),
    *("file", "filename", "file_name", "image_path", "img_path", "image_name", "img_name", "image_id", "picture"),
    *("photo", "name", "id"),
)
LABEL_COLUMNS = (
    *("expression", "emotion", "label", "labels", "class", "class_name", "expression_label", "emotion_label"),
    *("category", "target"),
)
SPLIT_COLUMNS = ("usage", "split", "set", "subset", "partition")
_BOX = re.compile(r"\((\d+), *(\d+), *(\d+), *(\d+)\)")
_RAFDB_NAME = re.compile(r"(?:.*[/\\])?(?:train|test)_\d{5}(?:_aligned)?\.\w+")
_SUFFIXES = frozenset((".csv", ".tsv", ".txt", ".lst"))
_PICTURE_NAME = re.compile(r".+\.(?:jpe?g|jfif|png|bmp|gif|tiff?|webp)", re.IGNORECASE)
_SNIFF_BYTES = 16 * 1024
_MAX_LISTS = 100

# AffectNet's lists have 415,000 and 540,000 lines.
MAX_ENTRIES = 5 * MAX_ROWS

Open = Callable[[str], AbstractContextManager[IO[bytes]]]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list.

    Attributes:
        place: of the line, for messages.
        picture: name as the list has it, with ``/``; it begins with one where the path is that in the tree.
        label: word or number; empty for a picture that its makers gave no expression.
        split: as the list has it; empty where it says nothing.
        box: left, top, width, height of the face; None for the whole picture.
    """

    place: str
    picture: str
    label: str
    split: str = ""
    box: Box | None = None


@dataclass(frozen=True)
class LabelList:
    """A recognised list.

    Attributes:
        kind: whose form it is.
        name: of the file, or of one of many files with one label each.
        order: in which the classes of that data set are numbered here; empty for what their names say.
        entries: its lines, read once; a line that is wrong is a DataError.
    """

    kind: str
    name: str
    order: tuple[str, ...]
    entries: Callable[[], tuple[Entry | DataError, ...]]


def find_lists(names: Sequence[str], open_file: Open) -> list[LabelList]:
    """Return the lists of labels among the files of a tree, sorted by name.

    Args:
        names: every file and folder of the tree.
        open_file: opens a file by its name.
    """
    tables = [name for name in names if PurePosixPath(name).suffix.lower() in _SUFFIXES]
    if len(tables) > _MAX_LISTS:  # texts about each picture
        tables = [name for name in tables if name.count("/") == min(other.count("/") for other in tables)]
    found = (_recognise(name, open_file) for name in tables[:_MAX_LISTS])
    return [one for one in found if one is not None]


def _recognise(name: str, open_file: Open) -> LabelList | None:
    try:
        with open_file(name) as stream:
            head = stream.read(_SNIFF_BYTES)
    except DataError:  # what cannot be read is no list; where one is needed, the error says that there is none
        return None
    fields = [field.strip() for field in first_record(head)]
    read = _reader_of(fields, head) or _of_unknown_columns(head)
    if read is None:
        return None
    kind, order, parse = read
    return list_of(kind, name, order, lambda: _read_table(name, open_file, parse))


def list_of(kind: str, name: str, order: tuple[str, ...], read: Callable[[], Iterator[Entry | DataError]]) -> LabelList:
    """Return a list whose lines are read when they are first asked for, and kept."""

    @functools.cache
    def entries() -> tuple[Entry | DataError, ...]:
        found = tuple(itertools.islice(read(), MAX_ENTRIES + 1))
        if len(found) > MAX_ENTRIES:
            raise DataError(f"{name} has too many lines", allowed=f"at most {MAX_ENTRIES:,}")
        return found

    return LabelList(kind, name, order, entries)


def _reader_of(fields: list[str], head: bytes):
    """Return (kind, order of classes, function from a record to an entry) of a list by its first record, or None."""
    names = column_names(fields)
    if len(fields) >= 12 and _PICTURE_NAME.fullmatch(fields[0]) and _BOX.fullmatch(fields[1]):
        return "FER+", FERPLUS8, lambda row: _of_votes(row[0], row[2:12], box=row[1])
    if {"image name", "neutral", "contempt", "nf"} <= set(names):
        at, votes = names.index("image name"), names.index("neutral")
        usage = names.index("usage") if "usage" in names else None
        return (
            "FER+",
            FERPLUS8,
            lambda row: _of_votes(row[at], row[votes : votes + 10], "" if usage is None else row[usage]),
        )
    if re.match(rb"\s*\S+\.\w{3,4}[ \t]+\d{1,2}\s", head) and _RAFDB_NAME.fullmatch(fields[0].split()[0]):
        return "RAF-DB", (), _of_words
    if _PICTURE_NAME.fullmatch(fields[0] if fields else "") and len(fields) == 2:
        return "", (), lambda row: Entry("", row[0], row[1])
    return _of_columns(names)


def _of_columns(names: list[str]):
    path = next((name for name in PATH_COLUMNS if name in names), None)
    label = next((name for name in LABEL_COLUMNS if name in names), None)
    if path is None or label is None:
        return None
    at = [names.index(path), names.index(label)]
    split = next((names.index(name) for name in SPLIT_COLUMNS if name in names), None)
    affectnet = path == "subdirectory_filepath"
    box = (
        [names.index(n) for n in ("face_x", "face_y", "face_width", "face_height")]
        if affectnet and "face_x" in names
        else []
    )

    def parse(row: list[str]) -> Entry:
        label = decoded(row[at[1]], AFFECTNET_CODES) if affectnet else row[at[1]].strip()
        place = tuple(int(float(row[i])) for i in box)
        return Entry("", row[at[0]], label, "" if split is None else row[split], place if len(place) == 4 else None)

    return "AffectNet" if affectnet else "", AFFECTNET8 if affectnet else (), parse


def _of_unknown_columns(head: bytes):
    """A table under any header, if its second line has a picture's name and beside it one column, or a known one."""
    records = [row for _, row in itertools.islice(read_records(io.BytesIO(head)), 2) if isinstance(row, list)]
    if len(records) < 2:
        return None
    names, cells = column_names(records[0]), [cell.strip() for cell in records[1]]
    pictures = [at for at, cell in enumerate(cells) if _PICTURE_NAME.fullmatch(cell)]
    others = [at for at, cell in enumerate(cells) if cell and at not in pictures]
    known = [at for at in others if at < len(names) and names[at] in LABEL_COLUMNS]
    label = (known or others)[0] if len(known) == 1 or len(others) == 1 else None
    if len(pictures) != 1 or label is None:
        return None
    return "", (), lambda row: Entry("", row[pictures[0]], row[label].strip())


def _of_votes(name: str, votes: list[str], split: str = "", box: str = "") -> Entry:
    """The emotion with most votes, of equal counts the first; none where 'unknown' or 'no face' has most alone."""
    counts = [int(vote) for vote in votes]
    label = FERPLUS_VOTES[counts.index(max(counts))] if len(counts) == 10 and any(counts) else ""
    found = _BOX.fullmatch(box.strip())
    left, top, right, bottom = map(int, found.groups()) if found else (0, 0, 0, 0)
    return Entry("", name, label, split, (left, top, right - left, bottom - top) if found else None)


def _of_words(row: list[str]) -> Entry:
    name, code = row[0].rsplit(None, 1)
    return Entry("", name, decoded(code, RAFDB_CODES))


def decoded(text: str, codes: Sequence[str | None]) -> str:
    """Return what a number stands for, empty where it is no expression.

    Raises:
        DataError: it stands for nothing.
        ValueError: it is no number.
    """
    number = float(text)
    if number != int(number) or not 0 <= number < len(codes) or codes[int(number)] is None:
        allowed = f"{0 if codes[0] is not None else 1} to {len(codes) - 1}"
        raise DataError("unknown number of an expression", allowed=allowed, received=repr(text[:40]))
    return codes[int(number)] or ""


def _read_table(name: str, open_file: Open, parse) -> Iterator[Entry | DataError]:
    has_header = True
    with open_file(name) as stream:
        for line, row in read_records(stream, "a list of labels"):
            place = f"{name}, line {line}"
            if has_header and isinstance(row, list) and not _is_data(row):
                has_header = False
                continue
            has_header = False
            yield _try(parse, row, place)


def _is_data(row: list[str]) -> bool:
    return bool(_PICTURE_NAME.fullmatch(row[0].strip().split()[0]) if row[0].strip() else False)


def _try(parse, row: list[str] | DataError, place: str) -> Entry | DataError:
    if isinstance(row, DataError):
        return DataError(f"{place}: {row.problem}", allowed=row.allowed, received=row.received, hint=row.hint)
    try:
        entry = parse(row)
    except DataError as error:
        return DataError(f"{place}: {error.problem}", allowed=error.allowed, received=error.received)
    except (ValueError, IndexError):
        return DataError(f"{place}: it is no line of such a list", received=repr(",".join(row)[:80]))
    picture = entry.picture.strip().replace("\\", "/").removeprefix("./")
    return Entry(place, picture, entry.label, entry.split.strip(), entry.box)


def code_words(entries: Sequence[Entry]) -> list[str]:
    """Return the label of each entry, in words where it is a number whose meaning its picture's name tells (RAF-DB)."""
    labels = [entry.label for entry in entries]
    numbers = [label for label in labels if label]
    rafdb = all(_RAFDB_NAME.fullmatch(entry.picture) for entry in entries)
    if rafdb and all(label.isdigit() and 1 <= int(label) < len(RAFDB_CODES) for label in numbers):
        return [str(RAFDB_CODES[int(label)]) if label else "" for label in labels]
    return labels
