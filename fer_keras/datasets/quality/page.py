"""The gate's report as one HTML page, with pictures of examples beside each finding."""

from __future__ import annotations

import numpy as np

from ...reporting import image_data_uri, render_page
from ..faces import FaceDataset
from .gate import ALTERED, UNKNOWN
from .official import FER2013
from .report import Finding, QualityReport

ROWS_SHOWN = 200
HEADINGS = {
    "unreadable": "Rows that are no faces",
    "counts": "Faces per split and class",
    "exchange": "Exchanged splits",
    "pixels": "Pixels",
    "labels": "Labels of identical images",
    "leak": "Leaks between splits",
    "copies": "Repeated images",
    "augmented": "Traces of augmentation",
    "empty": "Empty images",
}
TONES = {"serious": "bad", "warning": "warn", "note": ""}


def render_quality(report: QualityReport, dataset: FaceDataset | None) -> str:
    """Return the HTML text of a report.

    Args:
        report: what the gate found.
        dataset: the faces that were checked, for the pictures; None where none could be read.
    """
    return render_page(
        "quality.html.j2",
        title=f"Quality of {report.dataset}",
        summary=report.verdict[0].upper() + report.verdict[1:] + ".",
        report=report,
        tone=verdict_tone(report),
        findings=[_describe(finding, dataset) for finding in report.findings],
        count_rows=_count_rows(report),
        statistics=_statistics_rows(report),
        copies=[(name, f"{value:,}") for name, value in report.copies.items()],
    )


def verdict_tone(report: QualityReport) -> str:
    """Return ``good``, ``warn`` or ``bad``."""
    if not report.is_sound or report.verdict.startswith(ALTERED):
        return "bad"
    return "warn" if any(finding.severity == "warning" for finding in report.findings) else "good"


def _describe(finding: Finding, dataset: FaceDataset | None) -> dict:
    return {
        "heading": HEADINGS[finding.kind],
        "severity": finding.severity,
        "tone": TONES[finding.severity],
        "sentence": finding.sentence[0].upper() + finding.sentence[1:] + ".",
        "groups": [[_face(dataset, *face) for face in group] for group in finding.examples] if dataset else [],
        "rows": [_rows(dataset, name, rows) for name, rows in finding.rows.items()] if dataset else [],
    }


def _face(dataset: FaceDataset, name: str, row: int) -> tuple[str, str, str, str]:
    split = dataset.splits[name]
    label = dataset.classes[split.labels[row]]
    return image_data_uri(split.images[row]), f"face labelled {label}", label, f"{name}, {split.ids[row]}"


def _rows(dataset: FaceDataset, name: str, rows: list[int]) -> dict:
    ids = dataset.splits[name].ids[np.array(rows[:ROWS_SHOWN])]
    return {"split": name, "n": f"{len(rows):,}", "ids": ", ".join(ids), "more": max(0, len(rows) - ROWS_SHOWN)}


def _count_rows(report: QualityReport) -> list[list[str]]:
    """One row per split: counts of each class, and of the original in brackets where they differ."""
    rows = []
    for name, counts in report.counts.items():
        official = FER2013.counts[name] if report.verdict != UNKNOWN else counts
        cells = [f"{n:,}" if n == o else f"{n:,} ({o:,})" for n, o in zip(counts, official, strict=True)]
        rows.append([name, *cells, f"{sum(counts):,}"])
    return rows


def _statistics_rows(report: QualityReport) -> dict:
    names = next(iter(report.statistics.values()), {})
    rows = [[split, *(f"{value:,.4g}" for value in report.statistics[split].values())] for split in report.statistics]
    if report.verdict != UNKNOWN and rows:
        rows.append([FER2013.title, *(f"{value:,.4g}" for value in FER2013.statistics.as_dict().values())])
    return {"head": ["median of", *names], "rows": rows}
