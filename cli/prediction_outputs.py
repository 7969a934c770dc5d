"""What ``fer-keras predict`` puts out of pictures, videos and cameras alike: rows, names of copies, broken inputs."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from fer_keras.atomic_files import fitting_name, is_device
from fer_keras.errors import printable

_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def check_targets(targets: Mapping[str, str | None], inputs: Iterable[Path | str] = ()) -> None:
    """Refuse files to write that are read, written twice or folders, before any work is done for them.

    Devices and pipes hold nothing that could be lost: ``/dev/null`` may be named twice.

    Args:
        targets: file by the name of its option; None and ``-`` are none.
        inputs: files that are read.

    Raises:
        UsageError: a target is one of the inputs, another target, or a folder.
    """
    written: dict[tuple, str] = {}
    read = {_identity(Path(name)): str(name) for name in inputs}
    for option, target in targets.items():
        if target is None or target == "-" or is_device(Path(target)):
            continue
        identity = _identity(Path(target))
        if os.path.isdir(target):
            raise click.UsageError(f"{option} {target} is a folder; give the path of a file in it")
        if identity in read:
            raise click.UsageError(
                f"{option} {target} is a file that is read ({read[identity]}); nothing is written there"
            )
        if identity in written:
            raise click.UsageError(f"{written[identity]} and {option} name one file, {target}: one would be lost")
        written[identity] = option


def _identity(path: Path) -> tuple:
    """The same for all names and links of one file."""
    try:
        status = path.stat()
    except OSError:
        return (str(path.resolve()).casefold(),)  # to be made; one file on a disk that does not tell case apart
    return (status.st_dev, status.st_ino)


def as_stdout(target: str | None) -> str | None:
    """``-`` for every name of stdout, which other output goes to as well."""
    return "-" if target in _STDOUT else target


def open_rows(stack: ExitStack, predictor, csv_path: str | None, jsonl_path: str | None) -> list:
    """Open a writer of rows for each file that is asked for; ``-`` is stdout, and ``stack`` closes them."""
    from fer_keras.inference.results import CsvWriter, JsonlWriter

    return [
        stack.enter_context(writer(_stdout(stack) if target == "-" else target, predictor.classes))
        for writer, target in ((CsvWriter, csv_path), (JsonlWriter, jsonl_path))
        if target is not None
    ]


def _stdout(stack: ExitStack):
    """Stdout in UTF-8 as files are, whatever the console's letters are; a name that is no UTF-8 keeps its bytes."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        return sys.stdout
    sys.stdout.flush()
    text = io.TextIOWrapper(binary, "utf-8", "surrogateescape", newline="", write_through=True)
    stack.callback(text.detach)  # not closed
    return text


def free_name(copy: Path, taken: set[Path]) -> Path:
    """Return the path of a copy, with a number where it is among those ``taken`` already, and add it to them."""
    free, number = fitting_name(copy), 2
    while free in taken:
        free, number = fitting_name(copy, f"-{number}"), number + 1
    taken.add(free)
    return free


def count_left_out(left_out: Iterable[tuple[Path, str]]) -> dict[str, int]:
    """How many files and folders were not read, by reason, the most frequent first."""
    return dict(Counter(why for _, why in left_out).most_common())


def echo_left_out(left_out: list[tuple[Path, str]]) -> None:
    """Say on stderr what was not read and why, with an example of each reason."""
    for why, count in count_left_out(left_out).items():
        example = next(path for path, other in left_out if other == why)
        more = f"{printable(str(example))}, ..." if count > 1 else printable(str(example))
        click.echo(f"{click.style('left out:', fg='yellow')} {count:,} {why}: {more}", err=True)


def echo_broken(name: Path | str, error: Exception | str) -> None:
    """Say on stderr that an input could not be used; the others go on."""
    click.echo(f"{click.style('broken:', fg='red')} {printable(str(name))}: {error}", err=True)


def echo_search_cost(detector) -> None:
    """Say on stderr what looking for small faces took."""
    each = 1000 * detector.seconds / max(1, detector.calls)
    text = f"faces from {detector.min_face} pixels on: the network looked {detector.calls:,} times"
    click.echo(f"{text}, {detector.seconds:.1f} s in all, {each:.1f} ms each", err=True)
