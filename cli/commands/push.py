"""``fer-keras push``."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import waiting


@click.command("push")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("target", metavar="hf://USER/NAME")
@click.option("--license", "license_name", default="other", show_default=True, help="Of the weights.")
@click.option("--private", is_flag=True, help="Make the place a private one, where there is none yet.")
def command(run, target, license_name, private):
    """Put a run on Hugging Face's hub: model, exported files, recipe, scores and a model card.

    No picture of a face goes there. Needs the extra 'hub' and 'hf auth login'.

    \b
    fer-keras push saved_models/RUN hf://USER/NAME
    fer-keras predict face.jpg --model hf://USER/NAME
    """
    from fer_keras.hub.places import push_run, read_place
    from fer_keras.runs.run_folder import RunFolder

    read_place(target)
    folder = RunFolder.open(run)
    with waiting(f"Putting {folder.path.name} on the hub"):
        url = push_run(folder, target, license_name=license_name, private=private)
    click.echo(url)
