"""``fer-keras verify``."""

from __future__ import annotations

import shlex
import sys

import click

from ..options import RunPath, echo_json, json_option


@click.command("verify")
@click.argument("run", type=RunPath())
@click.option("--repair", is_flag=True, help="Remove results that are broken; the model is kept by its sum.")
@json_option
def command(run, repair, as_json):
    """Check every file of a run against its manifest, and say all that is wrong.

    A damaged result (an evaluation, the exports, a calibration) is refused by itself when it is read; --repair removes
    it, so that it can be made again. Where recipe.yaml, run.json or model.keras are damaged nothing is removed: restore
    the run from a copy. The exit code is 1 while something is wrong.

    \b
    fer-keras verify saved_models/RUN
    fer-keras verify saved_models/RUN --repair
    """
    from fer_keras.runs.repair import inspect_run, repair_run
    from fer_keras.runs.run_folder import RunFolder

    folder = RunFolder.open(run, verify=False)
    broken = repair_run(folder) if repair else inspect_run(folder)
    if as_json:
        found = [{"result": item.names[0], "reasons": list(item.reasons)} for item in broken]
        echo_json({"run": str(folder.path), "broken": found, "repaired": repair})
    else:
        _print(folder, broken, repair)
    if broken and not repair:
        sys.exit(1)


def _print(folder, broken, repair: bool) -> None:
    for item in broken:
        what = " and ".join(item.names)
        action = ": taken as it is" if item.is_foreign else ": removed"
        click.echo(f"{what}{action if repair else ''}")
        for reason in item.reasons:
            click.echo(f"    {reason}")
    if not broken:
        click.echo(f"{folder.path}: {len(folder.files())} files, each as it was written")
    elif any(item.is_core for item in broken):
        click.echo("Restore the run from a copy.")
    elif not repair:
        click.echo(
            f"Make these results again, or remove them: fer-keras verify {shlex.quote(str(folder.path))} --repair"
        )
