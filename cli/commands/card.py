"""``fer-keras card``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("card")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File. Default: print it.")
@click.option("--license", "license_name", default="other", show_default=True, help="Of the weights.")
def command(run, output, license_name):
    """Write the model card of a run: what was measured of it, under Hugging Face's front matter.

    \b
    fer-keras card saved_models/RUN --output README.md
    """
    from fer_keras.hub.card import make_card, write_card
    from fer_keras.runs.run_folder import RunFolder

    folder = RunFolder.open(run)
    if output is None:
        click.echo(make_card(folder, license_name=license_name), nl=False)
        return
    write_card(folder, output, license_name=license_name)
    click.echo(f"card  {output}")
