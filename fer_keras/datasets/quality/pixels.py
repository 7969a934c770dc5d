"""Were the pictures of a split blurred, rescaled, equalised or otherwise worked over? Are any empty? No TensorFlow."""

from __future__ import annotations

import numpy as np

from ..faces import FaceDataset
from .official import OfficialFigures
from .report import Finding, Severity, name_splits, spread
from .statistics import NEARLY_EMPTY_CONTRAST, ImageStatistics

Medians = ImageStatistics[float]

# Tolerances against the original. Saving as JPEG of quality 70 to 95 moves sharpness by 7 %, detail by 15 %.
_SHARPNESS, _DETAIL, _CONTRAST = 0.20, 0.25, 0.06  # parts of the official value
_MEAN, _UNEVENNESS = 5.0, 0.03  # grey levels; share of pixels
# Between the splits of an unknown data set, which nobody knows to be alike, only large differences mean something.
_LOOSER = 2.5
_ENOUGH_TO_COMPARE = 100
# From this number of faces on a median varies by chance much less than the tolerances; below, they grow with 1/sqrt(n).
_STEADY = 1000
_BLURRED = 0.10  # sharpness below this part of the expected one: no resampling does that
_FLAT = 0.5  # unevenness below this part of the expected one
_MANY_EMPTY = 0.01


def check_statistics(
    medians: dict[str, Medians], dataset: FaceDataset, original: OfficialFigures | None
) -> list[Finding]:
    """Compare the medians of each split with the original, or with the training split where there is none."""
    if original is not None:
        compared = {name: (values, original.statistics) for name, values in medians.items()}
        loose, beside = 1.0, original.title
    else:
        enough = {name: values for name, values in medians.items() if len(dataset.splits[name]) >= _ENOUGH_TO_COMPARE}
        reference = enough.pop("train", None)
        compared = {name: (values, reference) for name, values in enough.items() if reference}
        loose, beside = _LOOSER, "train"
    damages: dict[str, list[str]] = {}
    for name, pair in compared.items():
        chance = max(1.0, (_STEADY / len(dataset.splits[name])) ** 0.5)
        damages.setdefault(_name_damage(*pair, loose * chance), []).append(name)
    damages.pop("", None)
    severity: Severity = "serious" if original is not None else "warning"
    return [_finding(damage, names, compared, beside, severity) for damage, names in damages.items()]


def _name_damage(found: Medians, expected: Medians, loose: float) -> str:
    """Name what explains the difference, the strongest explanation alone; empty where there is none."""
    sharpness = found.sharpness / max(expected.sharpness, 1e-3)
    detail = found.detail / max(expected.detail, 1e-3)
    contrast = found.contrast / max(expected.contrast, 1e-3)
    if found.unevenness < expected.unevenness * _FLAT:
        return "contrast-equalised"
    if sharpness < _BLURRED:
        return "blurred"
    if _below(sharpness, _SHARPNESS * loose) or _below(detail, _DETAIL * loose):
        return "rescaled or slightly blurred"
    if _above(detail, _DETAIL * loose):
        return "noise added, or rescaled without smoothing"
    if _differs(contrast, _CONTRAST * loose) or abs(found.unevenness - expected.unevenness) > _UNEVENNESS * loose:
        return "contrast changed"
    if _above(sharpness, _SHARPNESS * loose):
        return "sharpened"
    return "brightness changed" if abs(found.mean - expected.mean) > _MEAN * loose else ""


def _below(ratio: float, tolerance: float) -> bool:
    return ratio < 1 / (1 + tolerance)


def _above(ratio: float, tolerance: float) -> bool:
    return ratio > 1 + tolerance


def _differs(ratio: float, tolerance: float) -> bool:
    return _below(ratio, tolerance) or _above(ratio, tolerance)


def _finding(
    damage: str, names: list[str], compared: dict[str, tuple[Medians, Medians]], beside: str, severity: Severity
) -> Finding:
    where = name_splits(names)
    figures = "; ".join(f"{name}: {_figures(*compared[name], beside)}" for name in names)
    examples = tuple(((name, row),) for name in names for row in range(4))
    return Finding("pixels", severity, f"images of {where}: {damage}. {figures}", f"{where} {damage}", {}, examples)


def _figures(found: Medians, expected: Medians, beside: str) -> str:
    return (
        f"median Laplacian variance {found.sharpness:,.0f} ({beside} {expected.sharpness:,.0f}), "
        f"fine detail {found.detail:.3f} ({expected.detail:.3f}), contrast {found.contrast:.1f} "
        f"({expected.contrast:.1f}), brightness {found.mean:.0f} ({expected.mean:.0f}), "
        f"histogram unevenness {found.unevenness:.3f} ({expected.unevenness:.3f})"
    )


def check_empty(contrasts: dict[str, np.ndarray], original: OfficialFigures | None) -> list[Finding]:
    """Find images of one grey level, and those that show next to nothing.

    Args:
        contrasts: split name to the standard deviation of each image in grey levels, (n,).
        original: what the set claims to be.
    """
    rows = {name: np.flatnonzero(values < NEARLY_EMPTY_CONTRAST) for name, values in contrasts.items()}
    rows = {name: found for name, found in rows.items() if len(found)}
    total = sum(map(len, rows.values()))
    if not total:
        return []
    constant = sum(int((values == 0).sum()) for values in contrasts.values())
    known = original is not None and total <= original.nearly_empty
    many = any(len(found) > _MANY_EMPTY * len(contrasts[name]) for name, found in rows.items())
    severity: Severity = "note" if known else "serious" if many and total > 2 else "warning"
    places = ", ".join(f"{len(found)} in {name}" for name, found in rows.items())
    sentence = f"{total} images show nothing or next to nothing ({places}); {constant} of them have one grey level"
    examples = tuple(((name, int(row)),) for name, found in rows.items() for row in spread(found, 4))
    indices = {name: found.tolist() for name, found in rows.items()}
    return [Finding("empty", severity, sentence, f"{total} empty images", indices, examples)]
