"""``fer-keras models``."""

from __future__ import annotations

import click

from ..options import echo_json, json_option


@click.command("models")
@json_option
def command(as_json):
    """List the models in the package, with the paths of their files.

    Each folder holds the TFLite file, labels.txt and contract.json (what goes in and comes out).
    """
    from fer_keras.inference.model_files import packaged_models

    found = packaged_models()
    if as_json:
        echo_json(found)
        return
    for number, row in enumerate(found):
        default = ", the default" if number == 0 else ""
        click.echo(f"{row['name']}: {row['bytes'] / 1e6:.2f} MB{default}, {len(row['classes'])} classes")
        for key in ("file", "labels", "contract"):
            click.echo(f"  {row[key]}")
