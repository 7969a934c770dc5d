"""What figures are drawn for: the screen, or a page whose text column has a known width. No matplotlib.

The choice holds for a stretch of code, as ``matplotlib.rc_context`` does, since reports draw deep inside.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError

FORMATS = ("png", "pdf", "svg")
_CM = {"cm": 1.0, "mm": 0.1, "in": 2.54}
NARROWEST, WIDEST = 5.0, 60.0  # cm


@dataclass(frozen=True)
class Paper:
    """What figures are drawn for.

    Attributes:
        width: of every figure in cm, with text of 7 to 9 points; None leaves each figure its own size for the screen.
        titles: whether the title stands in the figure; else in the file's metadata alone, for the caption to take.
        formats: of the files. The PNG that run folders and pages name is always among them.
    """

    width: float | None = None
    titles: bool = True
    formats: tuple[str, ...] = ("png",)

    @property
    def inches(self) -> float | None:
        """The width in inches."""
        return None if self.width is None else self.width / 2.54

    def renewing(self, picture: Path) -> Paper:
        """The same, with the formats in which an earlier ``picture`` lies there too: none of them may grow stale."""
        there = (suffix for suffix in FORMATS if picture.with_suffix(f".{suffix}").exists())
        return replace(self, formats=tuple(dict.fromkeys((*self.formats, *there))))


SCREEN = Paper()
_PAPER: ContextVar[Paper] = ContextVar("paper", default=SCREEN)


def current_paper() -> Paper:
    """What figures are drawn for here."""
    return _PAPER.get()


@contextmanager
def drawing_for(paper: Paper) -> Iterator[None]:
    """Draw and save every figure inside for this paper."""
    token = _PAPER.set(paper)
    try:
        yield
    finally:
        _PAPER.reset(token)


def read_formats(text: str) -> tuple[str, ...]:
    """Read ``pdf,svg``; ``png`` is added.

    Raises:
        InputError: another format, or none.
    """
    names = [name.strip().lower().lstrip(".") for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise InputError("unknown format of figures", allowed=", ".join(FORMATS), received=text)
    return tuple(dict.fromkeys(("png", *names)))


def read_width(text: str) -> float:
    """Read ``16cm``, ``160 mm`` or ``6.3in`` as centimetres.

    Raises:
        InputError: no length, or one that no page has.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(cm|mm|in)\s*", text.lower())
    width = float(found[1]) * _CM[found[2]] if found else 0.0
    if not NARROWEST <= width <= WIDEST:
        allowed = f"{NARROWEST:g}cm to {WIDEST:g}cm, in cm, mm or in"
        raise InputError("not a width of a figure", allowed=allowed, received=text, hint="Such as 8cm or 16cm")
    return width


def in_every_format(names: Collection[str]) -> tuple[str, ...]:
    """File names of a report, and those of its pictures in the other formats."""
    pictures = [name.removesuffix(".png") for name in names if name.endswith(".png")]
    return (*names, *(f"{name}.{suffix}" for name in pictures for suffix in FORMATS[1:]))
