"""The second opinion of ``fer-keras evaluate``: when there is one, and how it is printed."""

from __future__ import annotations

import click

from fer_keras.datasets.faces import FaceDataset
from fer_keras.evaluation.second_opinion import FERPLUS, Opinion, fer2013_opinion, ferplus_opinions

NAMES = {"fer2013": "FER2013", "ferplus": "FER+"}


def collect_opinions(
    original: FaceDataset, dataset: FaceDataset, split: str, path: str | None, wanted: str
) -> list[Opinion]:
    """Return the other labels of the faces that are scored.

    Args:
        original: the faces as they were read.
        dataset: the faces as they are scored.
        split: which are scored.
        path: of the votes, as far as someone named it.
        wanted: ``none``; ``ferplus``, where whatever is in the way is an error; ``auto``, where votes that are absent
            mean no opinion, and votes that do not fit are said on stderr.
    """
    from fer_keras.datasets.labels.ferplus import require_votes
    from fer_keras.datasets.labels.votes import find_votes, read_votes
    from fer_keras.errors import DataError

    if wanted == "none" or (wanted == "auto" and original.name != "fer2013"):
        return []
    try:
        if dataset.name == FERPLUS:
            return [fer2013_opinion(original, dataset, split)]
        found = require_votes(path, original.source) if wanted == "ferplus" else find_votes(path, original.source)
        return ferplus_opinions(original, dataset, split, read_votes(found)) if found else []
    except DataError as error:
        if wanted == "ferplus":
            raise
        click.echo(f"No second opinion: {error}", err=True)
        return []


def opinion_rows(scores: dict | None) -> list[tuple[str, str]]:
    """Lines of the table: both accuracies on the same faces, with their number."""
    return [(f"second opinion, {_rule(rule, part)}", _sentence(part)) for rule, part in (scores or {}).items()]


def _rule(rule: str, part: dict) -> str:
    return f"{NAMES[part['other']]} {rule.replace('_', ' ')}"


def _sentence(part: dict) -> str:
    if not part["n"]:
        return "no face has both labels"
    scores = (
        f"{part[name]['accuracy']:.4f} (macro-F1 {part[name]['macro_f1']:.4f}) by {NAMES[name]}"
        for name in (part["other"], part["own"])
    )
    return f"{', '.join(scores)}, same n = {part['n']:,}; the labels agree on {part['agreement']:.1%}"
