"""``fer-keras evaluate --robustness``: passes while they run, and their table."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .options import echo_json

_NAME = 20  # columns for the damage and its unit


def measure_and_print(folder, dataset, split: str, report: Path, as_json: bool, **options) -> None:
    """Measure the robustness of a run and print it as a table, or as JSON."""
    from fer_keras.evaluation.robustness.measure import measure_robustness

    with _passes_shown() as observe:
        result = measure_robustness(folder, dataset, split, observe=observe, **options)
    if as_json:
        echo_json({"run": str(folder.path), "report": str(report), **result})
        return
    print_robustness(result, report)


@contextmanager
def _passes_shown() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr; without a terminal one line."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print("Scoring damaged faces, 30 passes ...")
    columns = (MofNCompleteColumn(), BarColumn(bar_width=30), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def observe(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        yield observe


def print_robustness(result: dict, report: Path) -> None:
    """Print the content of ``robustness.json`` as a table, one line for each severity."""
    from rich.console import Console
    from rich.table import Table

    from .progress import print_table

    title = f"{result['dataset']}, {result['split']}, n = {result['n']:,}, TTA {result['tta']}, damaged"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("damage", max_width=_NAME)
    for name in ("value", "accuracy %, 95 %", "macro-F1", "points lost, 95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    clean = result["clean"]
    table.add_row("[bold]none[/]", "", *_scores(clean), "")
    for corruption in result["corruptions"]:
        # Name and unit fold beside the rows of the severities, so that 80 columns are enough.
        unit = textwrap.wrap(corruption["parameter"], _NAME)
        names = itertools.chain([f"[bold]{corruption['title']}[/]"], unit, itertools.repeat(""))
        entries = [*corruption["severities"], *[None] * (1 + len(unit) - len(corruption["severities"]))]
        for name, entry in zip(names, entries, strict=False):
            table.add_row(name, *_cells(entry))
    console = Console(highlight=False)
    console.width = max(console.width, 80)  # a narrow terminal gets whole names and numbers all the same
    console.print(table)
    frequent = result["most_frequent_class"]
    rows = [
        ("mean accuracy over the kinds of damage", f"{100 * result['mean_accuracy']:.1f} %"),
        (f"always '{frequent['name']}'", f"{100 * frequent['share']:.1f} %"),
        ("report", str(report)),
    ]
    print_table("", [*rows, *(("NOTICE", text) for text in result["notices"])])


def _cells(entry: dict | None) -> tuple[str, ...]:
    if entry is None:
        return ("",) * 4
    return f"{entry['value']:g}", *_scores(entry), _interval(entry["accuracy_drop"], entry["accuracy_drop_ci95"])


def _scores(entry: dict) -> tuple[str, str]:
    return _interval(entry["accuracy"], entry["accuracy_ci95"]), f"{entry['macro_f1']:.3f}"


def _interval(value: float, bounds: list[float]) -> str:
    low, high = (f"{100 * bound:.1f}" for bound in bounds)
    return f"{100 * value:.1f}  {low:>5} to {high:>4}"
