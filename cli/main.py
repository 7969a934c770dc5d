"""Entry point: commands are imported when they are called, errors end here."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys

import click

from fer_keras import __version__
from fer_keras.errors import FerKerasError, nearest_hint, printable

# Command name to one line of help: enough for --help, so that no command module is imported for it.
COMMANDS = {
    "train": "Train a network into a new run folder, or resume one.",
    "evaluate": "Score a run on a split: confusion matrix, per-class P/R/F1, calibration.",
    "predict": "Find the faces in pictures and videos and tell their apparent expressions.",
    "app": "Open the web page: pictures, camera and short videos in the browser.",
    "verify": "Check every file of a run; --repair removes broken results and keeps the model.",
    "calibrate": "Fit temperature and 'uncertain' threshold of a run on validation faces.",
    "explain": "Show where in a face a run's answer comes from (Grad-CAM).",
    "export": "Write SavedModel and TFLite files and prove them against Keras.",
    "ensemble": "Make one run of several, whose probabilities are averaged.",
    "prune": "Fine-tune a run while setting its smallest weights to zero.",
    "benchmark": "Measure latency, size and memory of runs, or the training time to an accuracy.",
    "compare": "Lay runs side by side: an HTML page, Markdown and JSON.",
    "timeline": "Draw the apparent expressions of a video over time, per face and minute.",
    "import-torch": "Turn a PyTorch checkpoint into a run, proven layer by layer.",
    "import-keras": "Turn a Keras file of another program into a run, proven on images.",
    "data": "Check, explore, preview or download data.",
    "recipes": "List the recipes, or print one.",
    "doctor": "Say what is installed and found: versions, devices, extras, data, free disk.",
    "models": "List the models in the package, with the paths of their files.",
    "card": "Write the model card of a run, as Hugging Face's hub reads it.",
    "push": "Put a run on Hugging Face's hub, with its card and files.",
}


class LazyGroup(click.Group):
    """A group whose commands live in modules of the same name."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            return None
        return importlib.import_module(f".commands.{name.replace('-', '_')}", __package__).command

    def resolve_command(self, ctx, args):
        if args and args[0] not in COMMANDS:
            hint = nearest_hint(args[0], COMMANDS)
            ctx.fail(f"No such command '{args[0]}'. Allowed: {', '.join(COMMANDS)}. {hint}".rstrip())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("-v", "--verbose", is_flag=True, help="Show logs and full tracebacks.")
@click.version_option(__version__, prog_name="fer-keras")
@click.pass_context
def cli(ctx, verbose):
    """Facial-expression recognition on Keras 3: train, evaluate, export, compare."""
    ctx.obj = {"verbose": verbose}
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.captureWarnings(not verbose)
    if not verbose:
        # TensorFlow's C++ logs can only be set before it is imported.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        logging.getLogger("py.warnings").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)


def _fail(message: str, code: int) -> int:
    click.echo(click.style("Error: ", fg="red", bold=True) + message, err=True)
    return code


def _show_any_name() -> None:
    """Let stdout and stderr show letters that the console has not, and names that are no text, as ``\\u20ac``."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _file_like_an_option(arguments: list[str]) -> str:
    return next((word for word in arguments if word.startswith("-") and os.path.lexists(word)), "")


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 wrong input, 128 + n by signal n."""
    verbose = any(word in ("-v", "--verbose") for word in arguments)
    _show_any_name()
    try:
        return cli.main(args=arguments, prog_name="fer-keras", standalone_mode=False) or 0
    except FerKerasError as error:
        if verbose:
            raise
        return _fail(str(error), error.exit_code)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]
        error.show()
        if isinstance(error, click.NoSuchOption) and (file := _file_like_an_option(arguments)):
            click.echo(f"A file has such a name: write ./{file}, or put -- before the files.", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _fail("stopped", 130)
    except Exception as error:
        if verbose:
            raise
        reason = " ".join(str(error).split())[:300]
        return _fail(f"{type(error).__name__}: {reason} (use 'fer-keras -v ...' for the traceback)", 1)


def main() -> None:
    """The ``fer-keras`` console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
