"""The errors that users see: what is allowed, what was received, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FerKerasError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        problem: one sentence that names what went wrong.
        allowed: what would have been accepted.
        received: what was given instead.
        hint: what to do next.
    """

    exit_code = 1

    def __init__(self, problem: str, *, allowed: str = "", received: object = "", hint: str = ""):
        self.problem, self.allowed, self.received, self.hint = problem, allowed, received, hint
        super().__init__(self._compose())

    def _compose(self) -> str:
        text = self.problem.rstrip(".") + "."
        if self.allowed:
            text += f" Allowed: {self.allowed}."
        if self.received != "":
            text += f" Received: {self.received}."
        if self.hint:
            text += f" {self.hint}" if self.hint.endswith("?") else f" {self.hint.rstrip('.')}."
        return printable(" ".join(text.split()))


class InputError(FerKerasError):
    """A file, option or value from the user cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """A recipe or an override is wrong."""


class DataError(InputError):
    """A data set, or one row or image of it, is damaged or not what it claims to be."""


class ImageDecodeError(DataError):
    """Bytes that are not one decodable image within the limits."""


class RunFolderError(FerKerasError):
    """A run folder is missing, incomplete, changed or in the way."""


class ModelFileError(FerKerasError):
    """A model or exported file cannot be trusted or read."""


class TrainingError(FerKerasError):
    """Training cannot go on (no finite loss, no memory, no matching checkpoint)."""


def nearest_hint(word: str, valid: Iterable[str]) -> str:
    """Return ``Did you mean 'x'`` for the closest valid name, or an empty string."""
    close = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else ""


def readable_name(name: str) -> str:
    """Return a file's name as text that can be written anywhere: bytes that are no UTF-8 become ``\\udcff``."""
    return name.encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    """Return text for a terminal: control characters and bytes that are no UTF-8 are shown as escapes, not sent."""
    text = readable_name(text)
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
