"""Tables whose rows are pictures, taken as trees are: CK+ in FER2013's csv form, and Parquet. No TensorFlow.

Parquet needs pyarrow (extra ``parquet``). Hugging Face writes a column of pictures as a struct of bytes and path, and
the names of classes into the metadata of the schema.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...emotions import FERPLUS8, order_classes
from ...errors import DataError, InputError
from ..face_images import encode_png
from .csv_file import read_csv
from .folder_names import splits_of
from .folder_tree import FolderTree, TreeFile
from .label_lists import LABEL_COLUMNS, SPLIT_COLUMNS
from .labelled_tree import NUMBERS_NOTICE
from .rows import MAX_ROWS, SPLIT_OF_USAGE, BadRows, FaceRow, KeptRows, placed
from .tree import TreeSource

PARQUET_MAGIC = b"PAR1"
_PICTURE_COLUMNS = ("image", "img", "picture", "photo", "face", "pixels", "bytes")
_BATCH_ROWS = 256


@dataclass(frozen=True)
class PixelTable(TreeSource):
    """``ckextended.csv``: emotion, pixels and Usage as in FER2013, with contempt as label 7."""

    def _arrange(self, bad: BadRows) -> FolderTree:
        rows, wrong = self._rows
        for where, error in wrong:
            bad.handle(where, error)
        labels = sorted({row.label for row in rows})
        files = tuple(TreeFile(row.id, row.split, labels.index(row.label)) for row in rows)
        splits = tuple(dict.fromkeys(row.split for row in rows))
        if "train" not in splits:
            raise DataError(f"{self.path} has no Training rows")
        return FolderTree(tuple(FERPLUS8[label] for label in labels), files, splits)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | DataError]]:
        by_name = {row.id: row for row in self._rows[0]}
        yield from ((name, encode_png(by_name[name].pixels)) for name in names)

    @property
    def is_tree(self) -> bool:
        return True

    @functools.cached_property
    def _rows(self) -> tuple[list[FaceRow], list[tuple[str, DataError]]]:
        bad = KeptRows()
        try:
            with self.path.open("rb") as stream:
                rows = list(read_csv(stream, str(self.path), bad, FERPLUS8))
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        if len(rows) > MAX_ROWS:
            raise DataError(f"{self.path} holds too many faces", allowed=f"at most {MAX_ROWS}")
        return rows, bad.kept

    @functools.cached_property
    def _listing(self) -> list[tuple[str, str]]:
        return [("", _stamp(self.path))]


@dataclass(frozen=True)
class ParquetTable(TreeSource):
    """One Parquet file, or a folder of them, with a column of pictures and one of labels."""

    def _arrange(self, bad: BadRows) -> FolderTree:
        """Find splits, classes and rows; the split is that of a column, else of the file's name.

        Raises:
            DataError: no such columns, or no labels.
            InputError: pyarrow is not installed.
        """
        rows: list[tuple[str, str, str]] = []
        for table in self._tables:
            rows += _read_labels(table, str(self.path), bad)
        if not rows:
            raise DataError(f"{self.path} holds no labelled rows")
        classes, meant = order_classes(label for _, _, label in rows)
        index = {label: classes.index(name) for label, name in meant.items()}
        splits = {split for _, split, _ in rows}
        known = splits if "train" in splits and "" not in splits else set()
        files = tuple(TreeFile(name, split if known else "", index[label]) for name, split, label in rows)
        numbers = all(name.lstrip("-").isdigit() for name in classes)
        return FolderTree(classes, files, tuple(sorted(known)), (NUMBERS_NOTICE,) if numbers else ())

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | DataError]]:
        """Yield the picture of each row; ``names`` are in the order that :meth:`arrange` gave."""
        wanted = iter(names)
        name = next(wanted, None)
        for table in self._tables:
            for number, picture in enumerate(_read_pictures(table)):
                if name == f"{table.name} row {number:07}":
                    yield name, picture
                    name = next(wanted, None)

    @property
    def is_tree(self) -> bool:
        return bool(self._listing)

    @functools.cached_property
    def _listing(self) -> list[tuple[str, str]]:
        paths = sorted(self.path.rglob("*.parquet")) if self.path.is_dir() else [self.path]
        return [(str(path.relative_to(self.path)) if path != self.path else path.name, _stamp(path)) for path in paths]

    @functools.cached_property
    def _tables(self) -> list[_Table]:
        names = [name for name, _ in self._listing]
        stems = splits_of(PurePosixPath(name).stem for name in names)
        folder = self.path if self.path.is_dir() else self.path.parent
        return [_open_table(folder / name, name, stems.get(PurePosixPath(name).stem, "")) for name in names]


@dataclass(frozen=True)
class _Table:
    file: Any  # pyarrow.parquet.ParquetFile
    name: str
    split: str
    picture: str
    label: str
    split_column: str
    classes: tuple[str, ...]


def _open_table(path: Path, name: str, split: str) -> _Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        hint = 'pip install "fer_keras[parquet]"'
        raise InputError(f"reading {path} needs pyarrow, which is not installed", hint=hint) from error
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is a damaged Parquet file ({' '.join(str(error).split())[:120]})") from error
    columns = {field.name.lower(): field for field in file.schema_arrow}
    holds_bytes = [low for low, field in columns.items() if _holds_bytes(field.type, pa)]
    picture = next(
        (low for low in _PICTURE_COLUMNS if low in holds_bytes), holds_bytes[0] if len(holds_bytes) == 1 else ""
    )
    label = next((low for low in LABEL_COLUMNS if low in columns), "")
    if not picture or not label:
        raise DataError(
            f"{path} has no column of {'labels' if picture else 'pictures'}",
            allowed=f"a binary column or a struct with 'bytes'; one of {', '.join(LABEL_COLUMNS[:4])}",
            received=", ".join(columns)[:200],
        )
    divided = next((columns[low].name for low in SPLIT_COLUMNS if low in columns), "")
    named = columns[label].name
    return _Table(file, name, split, columns[picture].name, named, divided, _class_names(file.schema_arrow, named))


def _holds_bytes(kind: Any, pa: Any) -> bool:
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return binary or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def _class_names(schema: Any, label: str) -> tuple[str, ...]:
    """The names of a ClassLabel in Hugging Face's metadata."""
    try:
        info = json.loads((schema.metadata or {})[b"huggingface"])
        return tuple(map(str, info["info"]["features"][label]["names"]))
    except (KeyError, ValueError, TypeError):
        return ()


def _read_labels(table: _Table, where: str, bad: BadRows) -> Iterator[tuple[str, str, str]]:
    """Yield (name, split, class) of each row that has a label."""
    columns = [table.label, *([table.split_column] if table.split_column else [])]
    content = table.file.read(columns=columns)
    if len(content) > 5 * MAX_ROWS:
        raise DataError(f"{where} holds too many faces", allowed=f"at most {5 * MAX_ROWS:,}")
    labels = content.column(table.label).to_pylist()
    splits: Sequence = (
        content.column(table.split_column).to_pylist() if table.split_column else [table.split] * len(labels)
    )
    meant = _splits_meant(splits)
    for number, (value, split) in enumerate(zip(labels, splits, strict=True)):
        name = f"{table.name} row {number:07}"
        try:
            yield name, meant[split], _word(value, table.classes)
        except DataError as error:
            bad.handle(f"{where}, {name}", error)


def _splits_meant(splits: Sequence) -> dict:
    words = {split for split in splits if isinstance(split, str)}
    return {split: SPLIT_OF_USAGE.get(split) or splits_of(words).get(split, "") for split in set(splits)}


def _word(value: object, classes: tuple[str, ...]) -> str:
    if isinstance(value, int) and classes:
        if not 0 <= value < len(classes):
            raise DataError("unknown label", allowed=f"0 to {len(classes) - 1}", received=value)
        return classes[value]
    if not isinstance(value, (int, str)) or not str(value).strip():
        raise DataError("it has no label", received=repr(value)[:40])
    return str(value).strip()


def _read_pictures(table: _Table) -> Iterator[bytes | DataError]:
    for batch in table.file.iter_batches(_BATCH_ROWS, columns=[table.picture]):
        for value in batch.column(0).to_pylist():
            picture = value.get("bytes") if isinstance(value, dict) else value
            yield picture if isinstance(picture, bytes) else DataError("the row has no bytes of a picture")


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise placed(str(path), DataError(f"cannot be read: {error.strerror}")) from error
    return f"{status.st_size} {status.st_mtime_ns}"
