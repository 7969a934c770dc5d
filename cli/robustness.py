"""``fer-keras evaluate --robustness``: passes while they run, and their table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .options import echo_json

_WIDTH = 130


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
    """A bar on stderr; without a terminal nothing is drawn."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
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
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("damage", style="bold", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ("value", "accuracy %", "95 %", "macro-F1", "drop in points", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    clean = result["clean"]
    table.add_row("none", "", "", *_scores(clean), "", "")
    for corruption in result["corruptions"]:
        names = (corruption["title"], corruption["parameter"])
        for entry in corruption["severities"]:
            low, high = entry["accuracy_drop_ci95"]
            drop = (f"{100 * entry['accuracy_drop']:.1f}", f"{100 * low:.1f} to {100 * high:.1f}")
            table.add_row(*names, f"{entry['value']:g}", *_scores(entry), *drop)
            names = ("", "")
    console = Console(highlight=False)
    console.width = max(console.width, _WIDTH)  # a narrow terminal, or a file, gets whole numbers all the same
    console.print(table)
    frequent = result["most_frequent_class"]
    rows = [
        ("mean accuracy over the kinds of damage", f"{100 * result['mean_accuracy']:.1f} %"),
        (f"always '{frequent['name']}'", f"{100 * frequent['share']:.1f} %"),
        ("report", str(report)),
    ]
    print_table("", [*rows, *(("NOTICE", text) for text in result["notices"])])


def _scores(entry: dict) -> tuple[str, str, str]:
    low, high = entry["accuracy_ci95"]
    return f"{100 * entry['accuracy']:.1f}", f"{100 * low:.1f} to {100 * high:.1f}", f"{entry['macro_f1']:.3f}"
