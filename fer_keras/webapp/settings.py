"""What the command line tells the page, as the arguments of its script; and how much one visitor may ask for.

``docs/app.md`` repeats the limits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..imaging import MAX_PIXELS, MAX_SIDE
from ..inference.model_files import PACKAGED_RUNS

PACKAGED_LABEL = "packaged model"

MEBIBYTE = 2**20
UPLOAD_MB = 10  # of one file; Streamlit refuses larger ones, and counts 2**20 bytes as a megabyte
MAX_FILES = 20
TOTAL_MB = 50
# Faces of one picture that get a card; all of them are in the CSV file.
FACES_SHOWN = 24
VIDEO_SECONDS = 30.0
VIDEO_FPS = 10.0
# Pictures decoded, and videos analysed, at the same time for all visitors: the others wait.
DECODERS, VIDEO_JOBS = 2, 1

PICTURE_TYPES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")
VIDEO_TYPES = ("mp4", "mov", "webm", "mkv", "avi", "m4v", "mts", "m2ts", "3gp")


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Settings of one server.

    Attributes:
        models: run folders or files of the user's, in the order of the selector; the packaged models follow them.
        detector: face detector that the page starts with, see :func:`.make_detector`.
    """

    models: tuple[str, ...] = ()
    detector: str = "auto"

    def as_arguments(self) -> list[str]:
        """One argument that :func:`read_settings` understands."""
        return [json.dumps(asdict(self))]

    def choices(self) -> dict[str, str | None]:
        """Label to path; None is the first model in the package, others are named. Labels are short and differ."""
        names = [Path(model).name for model in self.models]
        labels = [name if names.count(name) == 1 else str(path) for name, path in zip(names, self.models, strict=True)]
        others = {f"{PACKAGED_LABEL}: {run}": run for run in PACKAGED_RUNS[1:]}
        return {**dict(zip(labels, self.models, strict=True)), PACKAGED_LABEL: None, **others}


def read_settings(arguments: Sequence[str]) -> AppSettings:
    """Read what :meth:`AppSettings.as_arguments` wrote; no argument means the defaults."""
    if not arguments:
        return AppSettings()
    given = json.loads(arguments[0])
    return AppSettings(tuple(given["models"]), given["detector"])


def within_limits(sizes: Sequence[int]) -> tuple[int, str]:
    """How many of the uploaded pictures are analysed, and why the others are not.

    Args:
        sizes: bytes of each, in the order of the upload.

    Returns:
        The first pictures that count, and a sentence for the visitor; empty where all of them do.
    """
    total, count = 0, 0
    for size in sizes[:MAX_FILES]:
        total += size
        if total > TOTAL_MB * MEBIBYTE:
            break
        count += 1
    if count == len(sizes):
        return count, ""
    limit = f"{MAX_FILES} pictures and {TOTAL_MB} MB at once"
    return count, f"{len(sizes)} pictures were given and the first {count} are shown: the limit is {limit}."


def describe_limits() -> str:
    """One line for pictures."""
    return (
        f"Up to {MAX_FILES} pictures at once, {UPLOAD_MB} MB each and {TOTAL_MB} MB together, "
        f"{MAX_PIXELS // 10**6} million pixels, {MAX_SIDE:,} on a side."
    )
