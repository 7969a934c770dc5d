"""The files of one timeline: a self-contained page, a picture, and the summary per minute."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ...atomic_files import check_output_folder, write_json, write_text
from ...plotting.paper import SCREEN, drawing_for, in_every_format
from ...plotting.style import save_figure
from ...reporting import figure_data_uri, render_page
from .figure import clock, plot_timeline, span
from .timeline import FaceTimeline, Timeline, summarise_minutes, summarise_whole

PAGE, PICTURE, SUMMARY, NUMBERS = "index.html", "timeline.png", "summary_per_minute.csv", "timeline.json"
FILES = (PAGE, PICTURE, SUMMARY, NUMBERS)
# A crowd has hundreds of numbers; those seen longest are drawn, all of them are in the summary.
MAX_DRAWN = 6
# A three-hour video has 180 minutes; the file with all of them lies beside the page.
MINUTES_SHOWN, GAPS_SHOWN, FACES_SHOWN = 60, 12, 12


def check_free(folder: Path, force: bool) -> None:
    """Refuse a folder with something in it, see :func:`fer_keras.atomic_files.check_output_folder`."""
    check_output_folder(folder, in_every_format(FILES), force=force, kind="a timeline")


def describe(timeline: Timeline) -> dict:
    """Return the numbers of a timeline for machines; its rows are those of :func:`summarise_minutes`."""
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
        RunFolderError: the file system refuses.
    """
    numbers, drawn = describe(timeline), timeline.faces[:MAX_DRAWN]
    title = f"Apparent expression over time\n{Path(timeline.file).name}, {span(timeline.seconds)}"
    if len(drawn) == 1:
        title += f"; face {drawn[0].face}"
    if len(drawn) < len(timeline.faces):
        title += f"; the {len(drawn)} faces seen longest, of {len(timeline.faces)}"
    save_figure(plot_timeline(timeline, drawn, title), folder / PICTURE)
    with drawing_for(SCREEN):
        page = _make_page(timeline, drawn, numbers)
    write_text(folder / PAGE, page)
    write_text(folder / SUMMARY, to_csv(numbers["minutes"], timeline.classes))
    write_json(folder / NUMBERS, numbers)
    return numbers


def to_csv(rows: list[dict], classes: tuple[str, ...]) -> str:
    """Return the rows as CSV: the classes become ``mean_<class>`` and ``share_<class>``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["face", "minute", "seconds_seen", "dominant", "uncertain"]
    writer.writerow([*head, *(f"mean_{name}" for name in classes), *(f"share_{name}" for name in classes)])
    for row in rows:
        cells = ["" if row[name] is None else row[name] for name in head]
        writer.writerow([*cells, *(row["mean"][name] for name in classes), *(row["share"][name] for name in classes)])
    return text.getvalue()


def _make_page(timeline: Timeline, drawn: Sequence[FaceTimeline], numbers: dict) -> str:
    """Return the page as HTML text; ``drawn`` are the faces that get a picture."""
    return render_page(
        "timeline.html.j2",
        title="Apparent expression over time",
        summary=_summary(numbers),
        facts=_facts(timeline),
        classes=timeline.classes,
        sections=[_section(timeline, face, numbers) for face in drawn],
        overview=[_overview_row(row, timeline) for row in numbers["faces"][:FACES_SHOWN]],
        more_faces=max(0, len(numbers["faces"]) - FACES_SHOWN),
        gap=f"{timeline.gap:g}",
    )


def _summary(numbers: dict) -> str:
    first = numbers["faces"][0]
    name, share = first["dominant"], first["mean"][first["dominant"]]
    lead = f"Face {first['face']}, seen longest ({span(first['seconds_seen'])})"
    return f"{lead}, appeared mostly {name}: mean probability {share:.0%}."


def _facts(timeline: Timeline) -> list[tuple[str, str]]:
    return [
        ("Video", Path(timeline.file).name),
        ("Length", span(timeline.seconds)),
        ("Faces", f"{len(timeline.faces):,}"),
        ("Frames", f"{timeline.frames:,}"),
        ("Frames without a face", f"{timeline.empty_frames:.1%}"),
    ]


def _section(timeline: Timeline, face: FaceTimeline, numbers: dict) -> dict:
    """One face: its picture, its minutes and when it was not seen."""
    minutes = [row for row in numbers["minutes"] if row["face"] == face.face]
    title = f"Face {face.face}, seen for {span(face.seconds_seen)}\n{Path(timeline.file).name}"
    whole = next(row for row in numbers["faces"] if row["face"] == face.face)
    return {
        "face": face.face,
        "picture": figure_data_uri(plot_timeline(timeline, [face], title)),
        "alt": f"Stacked probabilities of face {face.face} over {span(timeline.seconds)}; "
        f"on average most probable: {whole['dominant']}. The numbers per minute stand in the table",
        "rows": [_minute_row(row, timeline) for row in minutes[:MINUTES_SHOWN]],
        "more": max(0, len(minutes) - MINUTES_SHOWN),
        "gaps": [f"{clock(start)} to {clock(end)}" for start, end in face.gaps[:GAPS_SHOWN]],
        "more_gaps": max(0, len(face.gaps) - GAPS_SHOWN),
    }


def _minute_row(row: dict, timeline: Timeline) -> list[str]:
    return [clock(60 * row["minute"]), span(row["seconds_seen"]), *_shares(row, timeline)]


def _overview_row(row: dict, timeline: Timeline) -> list[str]:
    return [f"Face {row['face']}", span(row["seconds_seen"]), *_shares(row, timeline)]


def _shares(row: dict, timeline: Timeline) -> list[str]:
    uncertain = "–" if row["uncertain"] is None else f"{row['uncertain']:.0%}"
    return [row["dominant"], *(f"{100 * row['mean'][name]:.0f}" for name in timeline.classes), uncertain]
