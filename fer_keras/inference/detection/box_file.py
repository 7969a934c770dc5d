"""Boxes of faces that the user knows already, from a CSV file."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...datasets.sources.text_table import open_csv
from ...errors import DataError
from ..boxes import Box
from .protocol import largest_first

COLUMNS = ("file", "left", "top", "width", "height")
TILT = "tilt"  # may be missing or empty


class GivenBoxes:
    """Boxes by picture.

    Attributes:
        files: paths of the pictures, in the order of their first row.
    """

    def __init__(self, boxes: Mapping[Path, list[Box]]):
        self._boxes = {path.resolve(): found for path, found in boxes.items()}
        self.files = list(boxes)

    def of(self, path: Path) -> list[Box]:
        """The boxes of a picture, largest first as those of a detector.

        Raises:
            DataError: the file of boxes does not name the picture.
        """
        found = self._boxes.get(path.resolve())
        if found is None:
            raise DataError("the file of boxes has no row for this picture")
        return largest_first(found)


def read_boxes(path: Path | str) -> GivenBoxes:
    """Read a CSV file with the columns ``file, left, top, width, height``, in pixels of the upright picture.

    A column ``tilt`` in degrees may be there too. Other columns are ignored, so that the CSV file of a prediction will
    do; a row with four empty cells says that the picture has no face. File names are relative to the current folder,
    or else to that of the CSV file.

    Raises:
        DataError: the file cannot be read, a column is missing, or a row is wrong (with its line).
    """
    path = Path(path)
    boxes: dict[Path, list[Box]] = {}
    try:
        with open_csv(path) as (handle, delimiter):
            rows = csv.DictReader(handle, strict=True, skipinitialspace=True, delimiter=delimiter)
            _check_header(path, rows.fieldnames or ())
            for row in rows:
                name, box = _parse(row, f"{path}, line {rows.line_num}")
                boxes.setdefault(_locate(name, path), []).extend([] if box is None else [box])
    except OSError as error:
        raise DataError(f"cannot read the boxes in {path}: {error.strerror}") from error
    except csv.Error as error:
        raise DataError(f"{path} is no sound CSV file: {error}") from error
    return GivenBoxes(boxes)


def _check_header(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        allowed, received = ", ".join(COLUMNS), ", ".join(map(str, names)) or "no header"
        raise DataError(f"{path} has no column {', '.join(missing)}", allowed=allowed, received=received)


def _parse(row: Mapping[str, str | None], where: str) -> tuple[str, Box | None]:
    cells = [(row[name] or "").strip() for name in COLUMNS]
    if not cells[0]:
        raise DataError(f"{where}: no file name")
    if not any(cells[1:]):
        return cells[0], None
    try:
        left, top, width, height = map(float, cells[1:])
        return cells[0], Box(left, top, width, height, float((row.get(TILT) or "").strip() or 0))
    except ValueError as error:
        allowed = "four numbers, width and height above 0"
        raise DataError(f"{where}: not a box", allowed=allowed, received=", ".join(cells[1:])) from error


def _locate(name: str, csv_path: Path) -> Path:
    """The picture of a name, which may come from Windows or from a system with another Unicode form."""
    spellings = dict.fromkeys((name, name.replace("\\", "/")))
    forms = (unicodedata.normalize(form, one) for one in spellings for form in ("NFC", "NFD"))
    places = (folder / one for one in (*spellings, *forms) for folder in (Path(), csv_path.parent))
    return next((place for place in places if place.exists()), Path(name))
