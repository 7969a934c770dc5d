"""``fer-keras explain``."""

from __future__ import annotations

from pathlib import Path

import click

from fer_keras.errors import printable

from ..options import RunPath, echo_json, figure_options, import_tensorflow, json_option, waiting


@click.command("explain")
@click.argument("run", type=RunPath(written=False))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--target",
    "--class",
    "target",
    default="predicted",
    show_default=True,
    metavar="predicted|CLASS",
    help="Class that the maps are about.",
)
@click.option("--layer", metavar="NAME", help="Layer whose feature map is used. Default: the last one.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="explanation",
    show_default=True,
    help="New folder for the pictures.",
)
@figure_options
@json_option
@click.pass_context
def command(ctx, run, images, target, layer, output, as_json):
    """Show where in a face a run's answer comes from (Grad-CAM heat maps).

    IMAGES are files or folders. Each whole picture is taken as the crop of one face; there is no face detection.

    \b
    fer-keras explain saved_models/RUN face.jpg
    fer-keras explain saved_models/RUN faces/ --class happy --output happy_maps
    """
    from fer_keras.runs.run_folder import RunFolder

    folder = RunFolder.open(run)
    import_tensorflow(ctx)
    from fer_keras.explanation.report import explain_files

    with waiting("Drawing the heat maps"):
        document = explain_files(folder, images, output, target=target, layer=layer)
    if as_json:
        echo_json({"output": str(output), **document})
        return
    _print(document, output)


def _print(document: dict, output: Path) -> None:
    from ..progress import print_table

    rows = []
    for row in document["images"]:
        answers = ", ".join(f"{name} {p:.1%}" for name, p in row["probabilities"].items())
        flat = "" if row["strength"] else "  (flat map: no place speaks for it)"
        rows.append((Path(row["file"]).name, f"{answers}; map of {row['about']}{flat}"))
    rows += [("written", str(output / "contact_sheet.png"))]
    height, width = document["resolution"]
    print_table(f"{document['run']}, Grad-CAM at {document['layer']} ({height}x{width})", rows)
    for row in document["unreadable"]:
        click.echo(f"Left out: {printable(row['file'])}: {printable(row['reason'])}", err=True)
