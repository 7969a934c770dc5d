"""The gate: is this data set what it claims to be, and what is wrong with it? No TensorFlow.

report = check_quality(load_faces("fer2013.csv"))
report.verdict   # 'official with known leaks'
"""

from __future__ import annotations

import time

from ..copies.duplicates import find_duplicates
from ..faces import SPLITS, FaceDataset
from .copies import check_copies, check_labels, count_copies
from .counts import check_counts, check_refused, count_classes
from .official import FER2013, OfficialFigures
from .pixels import check_empty, check_statistics
from .report import Finding, QualityReport
from .statistics import image_statistics

OFFICIAL = "official"
KNOWN_LEAKS = "official with known leaks"
UNKNOWN = "unknown data set"
ALTERED = "altered: "

# A part of the original smaller than this says nothing about it.
_ENOUGH_TO_COMPARE = 0.05


def check_quality(
    dataset: FaceDataset, official: OfficialFigures = FER2013, *, refused: dict | None = None
) -> QualityReport:
    """Check counts, pixels, copies and labels of a data set.

    A set that bears the name and the classes of ``official`` and has at least a twentieth of its faces is held
    against it; any other set is an ``unknown data set``, of which splits are compared with each other.

    Args:
        dataset: any data set; its images are read, not changed.
        official: the original that a copy claims to be.
        refused: rows of the source that are no faces, as ``BadRows.summary`` returns them.
    """
    start = time.perf_counter()
    original = official if _claims_to_be(dataset, official) else None
    statistics = {name: image_statistics(split.images) for name, split in dataset.splits.items() if len(split)}
    duplicates = find_duplicates(dataset)
    counts = check_counts(dataset, original)
    exchanged = any(finding.kind == "exchange" for finding in counts)
    pixels = check_statistics({name: values.median() for name, values in statistics.items()}, dataset, original)
    findings = [
        *check_refused(refused, sum(map(len, dataset.splits.values()))),
        *counts,
        *pixels,
        *check_labels(duplicates, original),
        # Exchanged splits do not have the copies that the original has between the same names.
        *check_copies(dataset, duplicates, None if exchanged else original, same_pixels=not pixels),
        *check_empty({name: values.contrast for name, values in statistics.items()}, original),
    ]
    return QualityReport(
        verdict=judge(findings, official=original is not None),
        dataset=dataset.name,
        source=dataset.source,
        sha256=dataset.sha256,
        classes=dataset.classes,
        counts=dict(zip(SPLITS, count_classes(dataset).tolist(), strict=True)),
        statistics={name: values.median().as_dict() for name, values in statistics.items()},
        copies=count_copies(duplicates),
        findings=tuple(sorted(findings, key=lambda finding: finding.rank)),
        seconds=round(time.perf_counter() - start, 2),
    )


def judge(findings: list[Finding], *, official: bool) -> str:
    """Return the verdict on a set that claims to be the original (``official``) or does not."""
    if not official:
        return UNKNOWN
    causes = [finding.cause for finding in findings if finding.severity == "serious"]
    if causes:
        return ALTERED + "; ".join(dict.fromkeys(causes))
    return KNOWN_LEAKS if any(finding.kind == "leak" for finding in findings) else OFFICIAL


def _claims_to_be(dataset: FaceDataset, original: OfficialFigures) -> bool:
    named = dataset.name == original.name and tuple(dataset.classes) == original.classes
    return named and sum(map(len, dataset.splits.values())) >= _ENOUGH_TO_COMPARE * original.total


def report_refused(source: str, refused: dict, official: OfficialFigures = FER2013) -> QualityReport:
    """Report on a source of which no split, or not every split, could be read."""
    findings = check_refused(refused, 0)
    return QualityReport(
        verdict=judge(findings, official=refused["count"] >= _ENOUGH_TO_COMPARE * official.total),
        dataset=official.name,
        source=source,
        sha256="",
        classes=official.classes,
        counts={},
        statistics={},
        copies={},
        findings=tuple(findings),
        seconds=0.0,
    )
