"""``fer-keras ensemble``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from ..options import RunPath, echo_json, import_tensorflow, json_option, new_run_place, show_notices, waiting


@click.command("ensemble")
@click.argument("runs", nargs=-1, required=True, type=RunPath(written=False), metavar="RUN RUN...")
@click.option(
    "--calibrated/--uncalibrated",
    default=False,
    show_default=True,
    help="Divide each run's logits by the temperature of its calibration before the mean is taken.",
)
@click.option("--name", help="Name of the run folder. Default: ensemble, time.")
@click.option("--output", type=click.Path(path_type=Path), default="saved_models", show_default=True, help="Where.")
@json_option
@click.pass_context
def command(ctx, runs, calibrated, name, output, as_json):
    """Make one run of several: its network averages their probabilities.

    The new run is evaluated, exported, compared and used like any other. Choose its members by their scores on
    PublicTest (--split validation).

    \b
    fer-keras ensemble saved_models/cnn-fer2013 saved_models/scratch_cnn-fer2013 --name both
    """
    from fer_keras.runs.run_folder import RunFolder

    target = new_run_place(output, name or f"ensemble-{time.strftime('%Y%m%d-%H%M%S')}")
    folders = [RunFolder.open(run) for run in runs]
    import_tensorflow(ctx)
    from fer_keras.ensemble.run import open_members, write_ensemble

    with waiting(f"Joining {len(folders)} runs"):
        members = open_members(folders, calibrated=calibrated)
        record = write_ensemble(members, RunFolder(target), command=shlex.join(["fer-keras", *sys.argv[1:]]))
    if as_json:
        echo_json({"run": str(target), **record})
        return
    _print(target, record)
    show_notices(record["notices"])


def _print(target: Path, record: dict) -> None:
    from ..progress import print_table

    run = shlex.quote(str(target))
    rows = [
        *((member["run"], _member_text(member)) for member in record["members"]),
        ("together", f"{record['parameters']:,} parameters, {record['macs'] / 1e6:.1f} M MACs"),
        ("run folder", str(target)),
        ("next", f"fer-keras evaluate {run} --split validation"),
    ]
    print_table("fer-keras ensemble", rows)


def _member_text(member: dict) -> str:
    score = member["validation_accuracy"]
    known = "not evaluated on validation" if score is None else f"validation {score:.4f}"
    return f"{member['model']}, {known}, temperature {member['temperature']:.3g}"
