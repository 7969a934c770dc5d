"""What ``fer-keras prune`` prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def _table(title: str, *columns: str):
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column(columns[0], style="bold")
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def print_layers(report: dict) -> None:
    """Zeros per layer, before and after."""
    table = _table("Zeros per layer", "layer", "weights", "before", "after")
    before, after = report["before"]["sparsity"], report["after"]["sparsity"]
    rows = [(new["layer"], old, new) for old, new in zip(before["layers"], after["layers"], strict=True)]
    rows += [(f"all {kind}", before[kind], after[kind]) for kind in ("kernels", "parameters")]
    for name, old, new in rows:
        table.add_row(name, f"{new['weights']:,}", f"{old['sparsity']:.1%}", f"{new['sparsity']:.1%}")
    Console(highlight=False).print(table)


def print_sides(report: dict) -> None:
    """Accuracy and sizes, before and after."""
    table = _table("\nBefore and after", "", "before", "after", "ratio")
    sides = report["before"], report["after"]
    table.add_row("validation accuracy", *(f"{side['accuracy']:.2%}" for side in sides), f"p {report['p_value']:.1g}")
    intervals = (" to ".join(f"{100 * value:.2f}" for value in side["accuracy_ci95"]) for side in sides)
    table.add_row(f"  95 %, n {report['n']:,}", *intervals)
    for name, first in sides[0]["bytes"].items():
        second = sides[1]["bytes"][name]
        for kind in ("raw", "gzip"):
            values = first[kind], second[kind]
            title = name.removesuffix(".tflite").replace("model_", "TFLite ").replace("weights_", "weights ")
            sizes = (f"{value / 1000:,.1f} kB" for value in values)
            table.add_row(f"{title}, {kind}", *sizes, f"{values[0] / values[1]:.2f}")
    Console(highlight=False).print(table)
