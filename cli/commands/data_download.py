"""``fer-keras data download``."""

from __future__ import annotations

import shlex

import click

from ..options import json_option


@click.command("download")
@json_option
@click.pass_context
def download(ctx, as_json):
    """Fetch a public copy of FER2013 from Kaggle (extra 'kaggle'), then check it.

    \b
    pip install "fer_keras[kaggle]"
    fer-keras data download
    """
    from fer_keras.datasets.sources.find import download_fer2013

    from .data_check import check

    folder = download_fer2013()
    click.echo(f"downloaded to {folder}; use it with:  --data {shlex.quote(str(folder))}", err=as_json)
    ctx.invoke(check, path=folder, as_json=as_json)
