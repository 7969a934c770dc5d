"""Rows and files that are no 48x48 gray faces: how many, and why? No TensorFlow."""

from __future__ import annotations

from .report import Finding

_SHOWN = 3


def check_refused(refused: dict | None, kept: int) -> list[Finding]:
    """Report what the loader refuses.

    Args:
        refused: ``{"count": n, "reasons": {reason: n}, "examples": [...]}``, or None.
        kept: how many faces could be read.
    """
    if not refused or not refused["count"]:
        return []
    count, total = refused["count"], refused["count"] + kept
    reasons = "; ".join(f"{reason} ({number:,})" for reason, number in refused["reasons"].items())
    first = " | ".join(refused["examples"][:_SHOWN])
    sentence = f"{count:,} of {total:,} rows or files are no 48x48 gray faces: {reasons}. First: {first}"
    return [Finding("unreadable", "serious", sentence, f"{count:,} of {total:,} rows or files: {reasons}")]
