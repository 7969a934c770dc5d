"""The layer-by-layer comparison with PyTorch, as people read it."""

from __future__ import annotations


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
