"""How exports and imports compare with the network that they are of, as people read it."""

from __future__ import annotations

import click

_WIDTH = 130
_MEASURES = (
    *("same top-1", "accuracy", "points to Keras (95 %)", "max diff", "mean diff", "MB", "p50 ms", "p90 ms"),
    *("to Keras", ""),
)


def print_report(folder, report: dict) -> None:
    """Print the parity table and the reports that were asked for."""
    from rich.console import Console

    exports = report["exports"]
    n = max((entry["n"] for entry in exports.values() if "n" in entry), default=0)
    kind = next(iter(exports.values()))["images"]
    console = Console(highlight=False)
    console.width = max(console.width, _WIDTH)  # a narrow terminal, or a file, gets whole numbers all the same
    console.print(_table(f"Against Keras in inference mode: {kind}, {n} faces", exports))
    for split in sorted({key for entry in exports.values() for key in entry} & {"test"}):
        console.print(_table(f"\n{split}", {name: entry[split] for name, entry in exports.items() if split in entry}))
    if report["keras_latency"]:
        click.echo(f"\nKeras call: p50 {report['keras_latency']['p50_ms']:.2f} ms, one face, one thread")
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


def _table(title: str, exports: dict[str, dict]):
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("format", style="bold")
    for name in _MEASURES:
        table.add_column(name, justify="right", no_wrap=True)
    for name, entry in exports.items():
        latency = entry.get("latency") or {}
        if "n" not in entry:
            table.add_row(name, *("-" * (len(_MEASURES) - 2)), "", "[bold red]NOT WRITTEN[/]")
            continue
        table.add_row(
            *(name, f"{entry['top1_agreement']:.2%}", *_accuracy(entry)),
            *(f"{entry['max_abs_probability_difference']:.1e}", f"{entry['mean_abs_probability_difference']:.1e}"),
            f"{entry['bytes'] / 1e6:.2f}",
            *(f"{latency[key]:.2f}" if latency else "-" for key in ("p50_ms", "p90_ms")),
            f"{latency['relative_to_keras']:.3f}x" if latency else "",
            _verdict(entry),
        )
    return table


def _verdict(entry: dict) -> str:
    if not entry["passed"]:
        return "[bold red]FAILED[/]"
    return "[yellow]not shown[/]" if entry.get("doubts") else "ok"


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
