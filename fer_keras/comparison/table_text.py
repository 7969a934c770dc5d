"""One table of ready text, and how numbers become text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        caption: what it shows, on which faces, with which n.
        head: column names; the first column names the row.
        rows: text of every cell.
        notes: (sentence, command or "") below the table: why cells are empty and what would fill them.
        text_columns: numbers of columns that hold words.
        summary_rows: how many rows at the end are means over seeds.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]
    notes: list[tuple[str, str]] = field(default_factory=list)
    text_columns: tuple[int, ...] = ()
    summary_rows: int = 0


def percent(value: float | None, decimals: int = 2) -> str:
    return "" if value is None else f"{100 * value:.{decimals}f}"


def number(value: float | None, decimals: int = 3) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def interval(values: Sequence[float] | None, scale: float = 1, decimals: int = 3, sign: str = "") -> str:
    return "" if values is None else "[" + ", ".join(f"{scale * value:{sign}.{decimals}f}" for value in values) + "]"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def significant(value: float | None) -> str:
    """Three digits that count, without an exponent."""
    if value is None:
        return ""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{decimals}f}"


def megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.2f}"


def run_label(row: dict) -> str:
    """Name of the run of a row, marked where it is about synthetic faces."""
    return f"{row['run']} (SYNTHETIC)" if row.get("synthetic") else row["run"]
