"""How much one visitor may ask for, in one place; ``docs/app.md`` repeats it."""

from __future__ import annotations

from collections.abc import Sequence

from ..imaging import MAX_PIXELS, MAX_SIDE

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
VIDEO_TYPES = ("mp4", "mov", "webm", "mkv", "avi", "m4v")


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
