"""The gate's report beside a prepared copy: made once, read at every later start. No TensorFlow."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

from ...atomic_files import write_json
from ...errors import RunFolderError
from ..copies.duplicates import SEARCH_VERSION
from ..faces import FaceDataset
from .gate import ALTERED, check_quality
from .report import QualityReport

RECORD = "quality.json"
# Raised when a check is added or a threshold moves, so that stored reports are made again.
CHECK_VERSION = 1

_LOG = logging.getLogger("fer_keras")


def checked_once(folder: Path, dataset: FaceDataset) -> QualityReport:
    """Return the stored report on a prepared copy; make and store it if there is none for these faces.

    Args:
        folder: the prepared copy's own folder in the cache.
        dataset: all the faces of that copy.
    """
    report = read_report(folder, dataset.sha256)
    if report is None:
        _LOG.info("checking the faces of %s (once)", dataset.source)
        report = check_quality(dataset)
        _store(folder, report)
    return report


def with_verdict(dataset: FaceDataset, folder: Path) -> FaceDataset:
    """Return the faces with the gate's verdict on them and, if they are altered, a notice.

    Args:
        dataset: all the faces of a prepared copy.
        folder: the copy's own folder in the cache.
    """
    verdict = checked_once(folder, dataset).verdict
    notices = (*dataset.notices, *verdict_notices(verdict))
    return replace(dataset, verdict=verdict, notices=notices)


def read_report(folder: Path, sha256: str) -> QualityReport | None:
    """Return the stored report, or None if it is missing, damaged, from another version or about other faces."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        made_by = record["version"], record["search"], record["report"]["sha256"]
        if made_by != (CHECK_VERSION, SEARCH_VERSION, sha256):
            return None
        return QualityReport.from_dict(record["report"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store(folder: Path, report: QualityReport) -> None:
    try:
        record = {"version": CHECK_VERSION, "search": SEARCH_VERSION, "report": report.as_dict()}
        write_json(folder / RECORD, record)
    except RunFolderError as error:  # a cache that has become read-only costs time at the next start, nothing else
        _LOG.warning("the check is not kept: %s", error)


def find_report(dataset: FaceDataset, cache: Path) -> QualityReport:
    """Return the report on a data set that :func:`~fer_keras.datasets.load_faces` has just loaded from ``cache``.

    It is made again if it could not be kept.
    """
    folders = sorted(record.parent for record in Path(cache).glob(f"*/{RECORD}"))
    stored = (read_report(folder, dataset.sha256) for folder in folders)
    report = next((report for report in stored if report is not None), None)
    return replace(report, source=dataset.source) if report is not None else check_quality(dataset)


def verdict_notices(verdict: str) -> tuple[str, ...]:
    """Return the sentence that every result on altered data carries; none for other verdicts."""
    if not verdict.startswith(ALTERED):
        return ()
    return (f"this is not the original FER2013, but {verdict} (see: fer-keras data check)",)
