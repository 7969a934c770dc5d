"""The HTML page of one timeline: what stands in its tables and beside its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...reporting import figure_data_uri, render_page
from .figure import clock, plot_timeline, span
from .timeline import FaceTimeline, Timeline

# A three-hour video has 180 minutes; the file with all of them lies beside the page.
MINUTES_SHOWN, GAPS_SHOWN, FACES_SHOWN = 60, 12, 12


def make_page(timeline: Timeline, drawn: Sequence[FaceTimeline], numbers: dict) -> str:
    """Return the page as HTML text.

    Args:
        timeline: of one video.
        drawn: the faces that get a picture.
        numbers: the timeline's, see :func:`fer_keras.inference.timeline.report.describe`.

    Raises:
        FerKerasError: jinja2 is not installed.
    """
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
