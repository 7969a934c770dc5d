"""``fer-keras data``."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import data_option, import_tensorflow, set_option
from .data_check import check
from .data_crop import crop
from .data_download import download
from .data_explore import explore


@click.group("data")
def command():
    """Look at data."""


command.add_command(check)
command.add_command(crop)
command.add_command(download)
command.add_command(explore)


@command.command("preview")
@data_option
@click.option("--recipe", default="cnn", show_default=True, help="Recipe whose augmentation is shown.")
@set_option
@click.option("--faces", type=click.IntRange(1, 40), default=8, show_default=True, help="Number of originals.")
@click.option("--copies", type=click.IntRange(1, 20), default=8, show_default=True, help="Augmented copies of each.")
@click.option(
    "--output",
    "--out",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="preview.png",
    show_default=True,
)
@click.pass_context
def preview(ctx, data, recipe, overrides, faces, copies, out):
    """Write a grid of originals, each followed by augmented copies as training would see them.

    \b
    fer-keras data preview --data fer2013.csv --set augmentation.rotation_range=30
    """
    from fer_keras.recipe.named_recipes import resolve_recipe

    from ..run_data import load_data

    resolved = resolve_recipe(None, recipe, overrides)
    if out.suffix.lower() != ".png":
        raise click.BadParameter(f"--out must end in .png, received {out}")
    import_tensorflow(ctx)
    from fer_keras.augmentation.preview import preview_grid
    from fer_keras.plotting.results import plot_face_grid
    from fer_keras.plotting.style import save_figure

    dataset = load_data(resolved, data)
    images, titles = preview_grid(dataset, resolved, faces, copies)
    title = f"{dataset.name}: original, then augmented copies (recipe {recipe})"
    save_figure(plot_face_grid(images, titles, copies + 1, title), out)
    click.echo(f"wrote {out}: {len(images) // (copies + 1)} faces with {copies} copies each")
