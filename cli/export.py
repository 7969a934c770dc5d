"""``fer-keras export``."""

from __future__ import annotations

from pathlib import Path

import click

from .options import data_option, echo_json, import_tensorflow, json_option

PARITY_FACES = 256


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "formats", default="savedmodel,tflite", show_default=True, help="Comma-separated formats.")
@data_option
@json_option
@click.pass_context
def command(ctx, run, formats, data, as_json):
    """Write exported files of a run and prove on validation faces that they are the same model.

    \b
    fer-keras export saved_models/RUN --format savedmodel,tflite
    fer-keras export saved_models/RUN --format torch
    """
    from fer_keras.export.run_export import check_formats, export_run
    from fer_keras.run_folder import RunFolder

    from .run_data import load_data, read_recipe

    names = check_formats(tuple(part.strip() for part in formats.split(",")))
    folder = RunFolder.open(run)
    import_tensorflow(ctx)
    faces = load_data(read_recipe(folder), data).splits["validation"].images[:PARITY_FACES]
    report = export_run(folder, names, images=faces)
    if as_json:
        echo_json({"run": str(folder.path), **report})
        return
    _print_parity(folder, report)


def _print_parity(folder, report: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    from .layer_table import print_layers

    table = Table(title="Against Keras, in inference mode", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("format", style="bold")
    for name in ("faces", "same top-1", "max difference", "size", "runtime"):
        table.add_column(name, justify="right")
    for name, entry in report["exports"].items():
        table.add_row(
            name,
            str(entry["n"]),
            f"{entry['top1_agreement']:.2%}",
            f"{entry['max_abs_probability_difference']:.1e}",
            f"{entry['bytes'] / 1e6:.2f} MB",
            str(entry["runtime"]),
        )
    Console(highlight=False).print(table)
    if "layers" in report["exports"].get("torch", {}):
        print_layers(report["exports"]["torch"]["layers"])
    click.echo(f"\nexports  {folder.exports}")
