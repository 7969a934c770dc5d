"""How exports and imports compare with the network that they are of, as people read it."""

from __future__ import annotations

from collections.abc import Callable

import click

# Two tables, so that 80 columns are enough.
_AGREEMENT = ("same top-1", "accuracy", "points to Keras, 95 %", "max diff", "")
_COST = ("mean diff", "MB", "p50 ms", "p90 ms", "to compiled Keras")


def print_report(folder, report: dict) -> None:
    """Print the parity table and the reports that were asked for."""
    from rich.console import Console

    exports = report["exports"]
    n = max((entry["n"] for entry in exports.values() if "n" in entry), default=0)
    kind = next(iter(exports.values()))["images"]
    console = Console(highlight=False)
    console.print(_table(f"Against Keras in inference mode: {kind}, {n:,} faces", _AGREEMENT, exports, _agreement))
    for split in sorted({key for entry in exports.values() for key in entry} & {"test"}):
        found = {name: entry[split] for name, entry in exports.items() if split in entry}
        console.print(_table(f"\n{split}", _AGREEMENT, found, _agreement))
    console.print(_table("\nSize, and time for one face on one thread", _COST, exports, _cost))
    for name, call in (("keras_latency", "compiled (tf.function)"), ("keras_eager_latency", "eager")):
        if report.get(name):
            call = call if "reference" in report[name] else "eager"  # of an earlier version
            click.echo(f"Keras, {call}: p50 {report[name]['p50_ms']:.2f} ms")
    click.echo(f"temperature {report['temperature']:.4f}")
    for name, entry in exports.items():
        for text in (*entry.get("failures", ()), *entry.get("doubts", ())):
            click.echo(f"{name}: {text}")
    if "layers" in exports.get("torch", {}):
        print_layers(exports["torch"]["layers"])
    if "edgetpu" in report:
        _print_edgetpu(report["edgetpu"])
    for name, found in report.get("divergence", {}).items():
        _print_divergence(name, found)
    click.echo(f"\nexports  {folder.exports}")


def print_layers(rows: list[dict]) -> None:
    """Print one line per layer: its largest value and the largest absolute error for each kind of images."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title="Keras against PyTorch, layer by layer: largest value, largest absolute error",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for name in ("layer", "kind", "output"):
        table.add_column(name, no_wrap=True)
    table.add_column("largest", justify="right", no_wrap=True)
    for images in rows[0]["max_error"]:
        table.add_column(f"error {images}", justify="right", no_wrap=True)
    for row in rows:
        size, largest = "x".join(map(str, row["shape"])), max(row["largest_value"].values())
        errors = [f"{error:.1e}" for error in row["max_error"].values()]
        table.add_row(row["layer"], row["kind"], size, f"{largest:.3g}", *errors)
    Console(highlight=False).print(table)


def _table(title: str, columns: tuple[str, ...], exports: dict[str, dict], cells: Callable[[dict], tuple[str, ...]]):
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("format", style="bold", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for name, entry in exports.items():
        if "n" in entry:
            table.add_row(name, *cells(entry))
        elif cells is _agreement:
            table.add_row(name, *("-" * (len(columns) - 1)), "[bold red]NOT WRITTEN[/]")
    return table


def _agreement(entry: dict) -> tuple[str, ...]:
    passed = "[yellow]not shown[/]" if entry.get("doubts") else "ok"
    passed = passed if entry["passed"] else "[bold red]FAILED[/]"
    return f"{entry['top1_agreement']:.2%}", *_accuracy(entry), f"{entry['max_abs_probability_difference']:.1e}", passed


def _cost(entry: dict) -> tuple[str, ...]:
    latency = entry.get("latency") or {}
    return (
        *(f"{entry['mean_abs_probability_difference']:.1e}", f"{entry['bytes'] / 1e6:.2f}"),
        *(f"{latency[key]:.2f}" if latency else "-" for key in ("p50_ms", "p90_ms")),
        # Ratios of earlier versions are to the eager call, which flatters.
        f"{latency['relative_to_keras']:.2f}x" if "reference" in latency else "-",
    )


def _accuracy(entry: dict) -> tuple[str, str]:
    if "accuracy" not in entry:
        return "-", "-"
    low, high = entry["accuracy_difference_ci95"]
    difference = f"{100 * entry['accuracy_difference']:+.2f} ({100 * low:+.2f}..{100 * high:+.2f})"
    return f"{entry['accuracy']:.2%}", difference


def _print_edgetpu(found: dict) -> None:
    verdict = "fits the documented rules" if found["compatible"] else "does not fit"
    click.echo(f"\nEdge TPU: the int8 file {verdict}; tensors {_counts(found['tensor_types'])}")
    click.echo(f"  operators {_counts({name: row['count'] for name, row in found['operators'].items()})}")
    for problem in found["problems"]:
        click.echo(f"  {problem}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _print_divergence(name: str, found: dict) -> None:
    row = found["first"] or found["worst"]
    said = "first operator that diverges" if found["first"] else "no operator diverges; the largest error"
    click.echo(
        f"\n{name}: {said}: {row['index']} {row['operator']} {row['tensor']}, relative error "
        f"{row['relative_error']:.2g} (limit {found['limit']:g}), max {row['max_error']:.3g}, "
        f"against {row['reference']}; {found['compared']} operators compared"
    )
