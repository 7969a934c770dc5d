"""Read ``history.csv``: one row per epoch. No TensorFlow."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError, InputError

COLUMNS = ("epoch", "seconds", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy")


def read_history(path: Path | str) -> list[dict[str, float]]:
    """Return the epochs of a ``history.csv``, values as floats (``nan`` and ``inf`` of a diverged run included).

    Raises:
        DataError: unreadable, no CSV, a missing column or a value that is no number; the message names the row.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            names = reader.fieldnames or ()
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}", allowed=", ".join(COLUMNS))
    return [_numbers(row, f"{path}, epoch row {number}") for number, row in enumerate(rows, start=1)]


def _numbers(row: Mapping[str, str], where: str) -> dict[str, float]:
    received = str(dict(row))[:200]
    try:
        numbers = {name: float(row[name]) for name in COLUMNS}
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: a value is missing or no number", received=received) from error
    epoch, seconds = numbers["epoch"], numbers["seconds"]
    if not (1 <= epoch < 2**31 and epoch.is_integer() and 0 <= seconds < math.inf):
        raise DataError(f"{where}: there is no such epoch", allowed="1, 2, ... and seconds from 0", received=received)
    return numbers


def column(rows: Sequence[Mapping[str, float]], name: str) -> np.ndarray:
    """Return one column of the epochs as (epochs,) float64.

    Raises:
        DataError: there is no epoch, or one without that value.
    """
    if not rows:
        raise DataError("the history has no epoch", hint="Train at least one epoch")
    try:
        return np.array([float(row[name]) for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the history lacks numbers in column {name!r}") from error


def best_row(rows: Sequence[Mapping], monitor: str) -> int | None:
    """Index of the best epoch, the first of equals; None when no value is finite.

    Raises:
        InputError: ``monitor`` is neither ``val_accuracy`` nor ``val_loss``.
    """
    if monitor not in ("val_accuracy", "val_loss"):
        raise InputError("unknown monitor", allowed="val_accuracy, val_loss", received=repr(monitor))
    values = column(rows, monitor)  # (epochs,)
    values = np.where(np.isfinite(values), values if monitor == "val_accuracy" else -values, -np.inf)
    return int(values.argmax()) if np.isfinite(values).any() else None
