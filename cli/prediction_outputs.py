"""What ``fer-keras predict`` puts out of pictures, videos and cameras alike: rows, names of copies, broken inputs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click


def open_rows(stack: ExitStack, predictor, csv_path: str | None, jsonl_path: str | None) -> list:
    """Open a writer of rows for each file that is asked for; ``-`` is stdout, and ``stack`` closes them."""
    from fer_keras.inference.results import CsvWriter, JsonlWriter

    return [
        stack.enter_context(writer(sys.stdout if target == "-" else target, predictor.classes))
        for writer, target in ((CsvWriter, csv_path), (JsonlWriter, jsonl_path))
        if target is not None
    ]


def free_name(copy: Path, taken: set[Path]) -> Path:
    """Return the path of a copy, with a number where it is among those ``taken`` already, and add it to them."""
    free, number = copy, 2
    while free in taken:
        free, number = copy.with_name(f"{copy.stem}-{number}{copy.suffix}"), number + 1
    taken.add(free)
    return free


def echo_broken(name: Path | str, error: Exception | str) -> None:
    """Say on stderr that an input could not be used; the others go on."""
    click.echo(f"{click.style('broken:', fg='red')} {name}: {error}", err=True)


def echo_search_cost(detector) -> None:
    """Say on stderr what looking for small faces took."""
    each = 1000 * detector.seconds / max(1, detector.calls)
    text = f"faces from {detector.min_face} pixels on: the network looked {detector.calls:,} times"
    click.echo(f"{text}, {detector.seconds:.1f} s in all, {each:.1f} ms each", err=True)
