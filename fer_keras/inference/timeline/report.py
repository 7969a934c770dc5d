"""The files of one timeline: a self-contained page, a picture, and the summary per minute."""

from __future__ import annotations

from pathlib import Path

from ...atomic_files import check_output_folder, write_json, write_text
from ...plotting.style import save_figure
from .figure import plot_timeline, span
from .page import make_page
from .summary import summarise_minutes, summarise_whole, to_csv
from .timeline import Timeline

PAGE, PICTURE, SUMMARY, NUMBERS = "index.html", "timeline.png", "summary_per_minute.csv", "timeline.json"
FILES = (PAGE, PICTURE, SUMMARY, NUMBERS)
# A crowd has hundreds of numbers; those seen longest are drawn, all of them are in the summary.
MAX_DRAWN = 6


def check_free(folder: Path, force: bool) -> None:
    """Refuse a folder with something in it, see :func:`fer_keras.atomic_files.check_output_folder`."""
    check_output_folder(folder, FILES, force=force, kind="a timeline")


def describe(timeline: Timeline) -> dict:
    """Return the numbers of a timeline for machines, see :mod:`fer_keras.inference.timeline.summary`."""
    return {
        "file": timeline.file,
        "classes": list(timeline.classes),
        "seconds": round(timeline.seconds, 3),
        "frames": timeline.frames,
        "interval": round(timeline.interval, 6),
        "gap": round(timeline.gap, 3),
        "empty_frames": round(timeline.empty_frames, 4),
        "faces": [
            {**row, "gaps": [[round(start, 3), round(end, 3)] for start, end in face.gaps]}
            for face, row in zip(timeline.faces, summarise_whole(timeline), strict=True)
        ],
        "minutes": summarise_minutes(timeline),
    }


def write_timeline(folder: Path, timeline: Timeline) -> dict:
    """Write every file of a timeline into ``folder`` and return its numbers.

    Raises:
        FerKerasError: jinja2 is not installed.
        RunFolderError: the file system refuses.
    """
    numbers, drawn = describe(timeline), timeline.faces[:MAX_DRAWN]
    title = f"Apparent expression over time\n{Path(timeline.file).name}, {span(timeline.seconds)}"
    if len(drawn) == 1:
        title += f"; face {drawn[0].face}"
    if len(drawn) < len(timeline.faces):
        title += f"; the {len(drawn)} faces seen longest, of {len(timeline.faces)}"
    save_figure(plot_timeline(timeline, drawn, title), folder / PICTURE)
    write_text(folder / PAGE, make_page(timeline, drawn, numbers))
    write_text(folder / SUMMARY, to_csv(numbers["minutes"], timeline.classes))
    write_json(folder / NUMBERS, numbers)
    return numbers
