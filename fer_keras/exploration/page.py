"""The HTML page of one exploration: what stands in its tables and beside its pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..datasets.faces import FaceDataset
from ..reporting import image_data_uri, render_page
from .copies import Copy, CopyGroup, NearCopy, each_face_once, picture_of, tell_apart, worst_groups
from .summary import STATISTICS, Exploration

GROUPS_SHOWN, NEAR_SHOWN = 24, 24
_PLACES_SHOWN = 4


def make_page(dataset: FaceDataset, exploration: Exploration, numbers: dict, pictures: Mapping[str, str]) -> str:
    """Return the page as HTML text.

    Args:
        dataset: what was explored.
        exploration: of that data set.
        numbers: its description, see :func:`fer_keras.exploration.summary.describe`.
        pictures: data URIs of the pictures; keys are the names of the files without ``.png``.
    """
    bad, across = worst_groups(exploration.groups)
    near = exploration.near
    return render_page(
        "explore.html.j2",
        title=f"{dataset.name}: what is in the data",
        summary=_summary(numbers),
        numbers=numbers,
        pictures=pictures,
        tone=_tone(numbers["verdict"]),
        seed=exploration.seed,
        class_rows=_class_rows(numbers),
        balance=_balance_sentence(numbers),
        statistic_rows=_statistic_rows(numbers),
        copy_rows=_copy_rows(numbers["copies"]),
        elsewhere_rows=_elsewhere_rows(numbers["copies"]),
        contradictory=[_group_item(dataset, group) for group in bad[:GROUPS_SHOWN]],
        across=[_group_item(dataset, group) for group in across[:GROUPS_SHOWN]],
        near=None if near is None else [_pair_item(dataset, pair) for pair in each_face_once(near)[:NEAR_SHOWN]],
        totals={"contradictory": len(bad), "across": len(across), "near": len(near or [])},
    )


def _summary(numbers: dict) -> str:
    height, width = numbers["image_size"]
    faces = sum(split["n"] for split in numbers["splits"].values())
    return f"{faces:,} faces of {width} × {height} pixels in {len(numbers['classes'])} classes."


def _tone(verdict: str) -> str:
    if verdict.startswith("altered"):
        return "bad"
    return {"official": "good", "official with known leaks": "warn"}.get(verdict, "")


def _class_rows(numbers: dict) -> list[list[str]]:
    """One row per class and one of sums: count and share in each split."""
    splits = numbers["splits"].values()
    rows = [[name, *_cells([s["per_class"][name] for s in splits], splits)] for name in numbers["classes"]]
    return [*rows, ["all", *_cells([s["n"] for s in splits], splits)]]


def _cells(counts: list[int], splits) -> list[str]:
    pairs = (
        (f"{n:,}", f"{n / split['n']:.1%}" if split["n"] else "–") for n, split in zip(counts, splits, strict=True)
    )
    return [cell for pair in pairs for cell in pair]


def _balance_sentence(numbers: dict) -> str:
    """Say how uneven training is, since the loss and plain accuracy follow the large classes."""
    counts = numbers["splits"]["train"]["per_class"]
    most, least = max(counts, key=counts.get), min(counts, key=counts.get)
    if not counts[least]:
        return f"No training face shows {least}."
    if counts[most] < 1.5 * counts[least]:
        return "The training classes are about equally large."
    return f"In training, {most} has {counts[most] / counts[least]:.1f} times the faces of {least}."


def _statistic_rows(numbers: dict) -> list[list[str]]:
    rows = []
    for statistic in STATISTICS:
        for name, split in numbers["splits"].items():
            values = split[statistic]
            cells = [f"{values[key]:,.1f}" for key in ("p05", "median", "p95")] if values else ["–"] * 3
            rows.append([f"{statistic}, {name}", *cells])
    return rows


def _copy_rows(copies: dict) -> list[list[str]]:
    return [
        ["faces", f"{copies['faces']:,}"],
        ["distinct pictures", f"{copies['distinct_faces']:,}"],
        ["pictures that stand there more than once", f"{copies['groups']:,}"],
        ["… with labels that contradict each other", f"{copies['groups_with_contradictory_labels']:,}"],
        ["… in more than one split", f"{copies['groups_across_splits']:,}"],
    ]


def _elsewhere_rows(copies: dict) -> list[list[str]]:
    near = copies["near_copy_elsewhere"]
    return [
        [pair, f"{n:,}", "–" if near is None else f"{near[pair]:,}"]
        for pair, n in copies["exact_copy_elsewhere"].items()
    ]


def _group_item(dataset: FaceDataset, group: CopyGroup) -> dict:
    """A picture, what it is said to be, and where."""
    lines = [(said, _list(places)) for said, places in tell_apart(dataset, group)]
    return {"picture": _uri(dataset, group.copies[0]), "lines": lines}


def _list(places: list[str]) -> str:
    shown = ", ".join(places[:_PLACES_SHOWN])
    return shown if len(places) <= _PLACES_SHOWN else f"{shown} and {len(places) - _PLACES_SHOWN} more"


def _pair_item(dataset: FaceDataset, pair: NearCopy) -> dict:
    """Two pictures and what is said of each, and of both."""
    faces = [
        (_uri(dataset, copy), f"{copy.split}: {dataset.classes[copy.label]}", copy.id)
        for copy in (pair.first, pair.second)
    ]
    return {"faces": faces, "note": f"correlation {pair.correlation:.3f}" + (", mirrored" if pair.mirrored else "")}


def _uri(dataset: FaceDataset, copy: Copy) -> str:
    return image_data_uri(np.ascontiguousarray(picture_of(dataset, copy)))
