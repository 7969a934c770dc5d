"""Rows as a pandas data frame, for those who have pandas. It is imported when it is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import pandas


def make_frame(rows: Iterable[Mapping], index: str | None = None) -> pandas.DataFrame:
    """Return a data frame of rows with the same keys; ``index`` names the column that becomes the index.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise InputError("to_frame() needs pandas", hint="Install it: pip install pandas") from error
    frame = pandas.DataFrame([dict(row) for row in rows])
    return frame if index is None else frame.set_index(index)
