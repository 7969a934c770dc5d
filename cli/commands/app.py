"""``fer-keras app``."""

from __future__ import annotations

import click

from fer_keras.errors import printable


@click.command("app")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="RUN|FILE",
    help="Run folder, .tflite or .onnx file, SavedModel for the page's selector; may be given several times. The model "
    "in the package is always there.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="TCP port.")
@click.option("--browser/--no-browser", default=True, help="Open a browser window, where there is a desktop.")
@click.option(
    "--detector",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Face detector that the page starts with: blazeface (= auto), blazeface:24 (faces from 24 pixels on), haar, "
    "haar:1600, yunet:PATH, mtcnn, none.",
)
@click.option("--public-host", metavar="NAME", help="Name under which a reverse proxy offers the page.")
def command(models, host, port, browser, detector, public_host):
    """Open the web page: faces and apparent expressions in pictures, camera and short videos.

    It listens on this computer only, sends nothing anywhere and keeps no picture. Ctrl-C ends it.

    \b
    fer-keras app
    fer-keras app --model saved_models/RUN --model saved_models/OTHER
    """
    from fer_keras.webapp.server import check_port, is_loopback, require_streamlit, run_server, server_options
    from fer_keras.webapp.settings import AppSettings

    require_streamlit()
    check_port(host, port)
    _check_models(models, detector)
    if not is_loopback(host):
        _warn(host)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"The page: http://{shown}:{port}  (Ctrl-C ends it)", err=True)
    options = server_options(host, port, browser=browser, public_host=public_host)
    run_server(AppSettings(tuple(models), detector), options)


def _check_models(models, detector):
    """What cannot be used is said here and not to the first visitor."""
    from fer_keras.inference import Predictor
    from fer_keras.inference.detection.detectors import make_detector, notice_of

    make_detector(detector)
    if notice := notice_of(detector):
        click.echo(f"NOTICE: {printable(notice)}", err=True)
    for model in models or (None,):
        Predictor(model, detector=None)


def _warn(host):
    everyone = "every computer that reaches this one" if host in ("0.0.0.0", "::") else f"everyone who reaches {host}"
    text = f"{everyone} can open the page and upload pictures: it has no password and no encryption."
    click.echo(f"{click.style('Warning:', fg='yellow', bold=True)} {text} See docs/app.md.", err=True)
