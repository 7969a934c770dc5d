"""Options that several commands share, where a new run goes, and how results are printed."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from fer_keras.errors import printable

data_option = click.option(
    "--data",
    metavar="PATH|synthetic",
    help="fer2013.csv, icml_face_data.csv, the image folder, its zip, any folder-per-class tree, pictures with a list "
    "of labels, Parquet, or 'synthetic'. "
    "Default: FER2013_PATH, then the usual places, then synthetic faces.",
)
on_bad_option = click.option(
    "--on-bad",
    type=click.Choice(["refuse", "skip"]),
    help="A wrong row or image ends the reading (default), or is left out and counted. Same as --set data.on_bad=.",
)
named_classes_option = click.option(
    "--classes",
    metavar="A,B,...",
    help="Names of your class folders, where they look like something else (aligned, set_a). "
    "Same as data.classes=[A,B].",
)
group_by_option = click.option(
    "--group-by",
    metavar="PATTERN",
    help="Regular expression that finds person or sequence in a picture's path (its first group): the faces of one "
    "stay in one split where splits are cut. Same as --set data.group_by=.",
)
fit_option = click.option(
    "--fit",
    type=click.Choice(["stretch", "crop", "pad"]),
    help="What becomes of own pictures that are not square: stretched (default), their middle, or their edge repeated. "
    "Same as --set data.fit=.",
)
labels_option = click.option(
    "--labels",
    type=click.Choice(["fer2013", "ferplus"]),
    help="FER2013's own labels, or those of the FER+ votes. Default: the recipe's.",
)
ferplus_option = click.option(
    "--ferplus",
    metavar="PATH",
    help="fer2013new.csv with the FER+ votes. Default: the recipe's, then FERPLUS_PATH, then beside the data.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a recipe key, such as train.epochs=5."
)
batch_size_option = click.option(
    "--batch-size", type=click.IntRange(1, 65536), default=256, show_default=True, help="Faces per call."
)


class RunPath(click.ParamType):
    """A run by path or name, see :func:`fer_keras.runs.named_runs.find_run`.

    Where a command writes into the run, one of the package is copied to ``saved_models`` first.
    """

    name = "run"

    def __init__(self, *, written: bool = True):
        self.written = written

    def convert(self, value, param, ctx):
        from fer_keras.runs.named_runs import RUNS, find_run, working_copy

        found = find_run(value)
        if not self.written:
            return found
        copied = working_copy(found)
        if copied != found:
            click.echo(f"{found.name} of the package is worked on in {RUNS / found.name}", err=True)
        return copied


def figure_options(command):
    """Add ``--figures``, ``--width`` and ``--no-title``, and let every figure that the command writes follow them."""

    @functools.wraps(command)
    def draw(*args, figures, width, no_title, **kwargs):
        from fer_keras.plotting.paper import Paper, drawing_for, read_formats, read_width

        paper = Paper(None if width is None else read_width(width), not no_title, read_formats(figures))
        with drawing_for(paper):
            return command(*args, **kwargs)

    for option in (
        click.option("--no-title", is_flag=True, help="Leave titles to your caption; they stay in the metadata."),
        click.option("--width", metavar="16cm", help="Of the figures on your page; text becomes 7 to 9 points."),
        click.option(
            "--figures", default="png", show_default=True, metavar="pdf,svg,png", help="Formats; PNG always is one."
        ),
    ):
        draw = option(draw)
    return draw


def split_names(text: str | None) -> tuple[str, ...]:
    """Names that were given with commas between them."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def tree_options(command):
    """Add the options that say how own pictures are understood; :func:`tree_arguments` reads them."""
    for option in (fit_option, group_by_option, named_classes_option, on_bad_option):  # the last one is shown first
        command = option(command)
    return command


def tree_arguments(on_bad: str | None, classes: str | None, group_by: str | None, fit: str | None) -> dict:
    """What was given by :func:`tree_options`, as ``load_faces`` takes it."""
    return {
        "on_bad": on_bad or "refuse",
        "classes": split_names(classes),
        "group_by": group_by,
        "fit": fit or "stretch",
    }


def echo_json(data: object) -> None:
    """Print for machines."""
    click.echo(json.dumps(data, indent=2, allow_nan=False))


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """Say on stderr what a wait is for; on a terminal the line goes away with the wait."""
    terminal = sys.stderr.isatty()
    with contextlib.suppress(OSError):  # a terminal that is gone
        click.echo(f"{text} ...", err=True, nl=not terminal)
    try:
        yield
    finally:
        if terminal:
            with contextlib.suppress(OSError):
                click.echo("\r\x1b[2K", err=True, nl=False)


def import_tensorflow(ctx: click.Context) -> None:
    """Import TensorFlow without its start-up messages (they are C++ and know no Python logging)."""
    if "tensorflow" not in sys.modules:
        with waiting("Loading TensorFlow"):
            _import_tensorflow(ctx.find_root().obj.get("verbose"))
    from fer_keras.devices import leave_gpus_to_backend

    leave_gpus_to_backend()


def _import_tensorflow(verbose: bool) -> None:
    if verbose:
        import tensorflow
    else:
        from fer_keras.export.native_logs import native_logs_captured

        with native_logs_captured():
            import tensorflow  # noqa: F401


def new_run_place(output: Path, name: str, hint: str = "Give another --name") -> Path:
    """Place of a new run, checked before the work and not after it; ``hint`` says what to do where there is one."""
    from fer_keras.errors import InputError, RunFolderError

    if Path(name).name != name or name.startswith("."):
        raise InputError("--name must be a plain folder name", received=repr(name), hint="Use --output for the place")
    if (output / name).exists():
        raise RunFolderError(f"run folder {output / name} exists already", hint=hint)
    return output / name


def show_notices(notices: tuple[str, ...] | list[str]) -> None:
    """Print notices of a data set so that they cannot be missed, on stderr."""
    from rich.console import Console
    from rich.panel import Panel

    console = Console(stderr=True)
    for notice in notices:
        console.print(Panel(printable(notice).replace("[", "\\["), title="NOTICE", style="bold black on yellow"))
