"""``fer-keras timeline``."""

from __future__ import annotations

from pathlib import Path

import click

from fer_keras.errors import printable

from ..options import echo_json, figure_options, json_option, waiting


@click.command("timeline")
@click.argument("results", type=click.Path(path_type=Path, dir_okay=False), metavar="RESULTS.CSV")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="timeline",
    show_default=True,
    help="Folder for the page, the picture and the summary per minute.",
)
@click.option("--face", type=click.IntRange(0), help="Only the face with this number.")
@click.option(
    "--gap",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="A face without a row for longer than this was not seen. Default: 1 s, and at least three frames.",
)
@click.option("--force", is_flag=True, help="Replace an earlier timeline in --output.")
@figure_options
@json_option
def command(results, output, face, gap, force, as_json):
    """Draw the apparent expressions of a video over time: an HTML page, PNG, CSV per minute.

    RESULTS.CSV is what 'fer-keras predict VIDEO --csv RESULTS.CSV' wrote.

    \b
    fer-keras predict talk.mp4 --csv talk.csv
    fer-keras timeline talk.csv --output talk_timeline
    """
    from fer_keras.atomic_files import atomic_folder
    from fer_keras.inference.timeline.report import check_free, write_timeline

    check_free(output, force)
    from fer_keras.inference.timeline.csv_rows import read_observations
    from fer_keras.inference.timeline.timeline import make_timeline

    timeline = make_timeline(read_observations(results), gap=gap, face=face)
    with waiting("Drawing the timeline"), atomic_folder(output) as scratch:
        numbers = write_timeline(scratch, timeline)
    if as_json:
        echo_json({"output": str(output), **numbers})
        return
    _print_summary(numbers, output)


def _print_summary(numbers: dict, output: Path) -> None:
    click.echo(f"{printable(numbers['file'])}, {numbers['seconds']:,.1f} s")
    for row in numbers["faces"][:10]:
        name = row["dominant"]
        said = f"appeared mostly {name} (mean probability {row['mean'][name]:.0%})"
        click.echo(f"  face {row['face']:<4} seen {row['seconds_seen']:>9,.1f} s, {said}")
    if len(numbers["faces"]) > 10:
        click.echo(f"  {len(numbers['faces']) - 10} more faces in {output / 'timeline.json'}")
    click.echo(f"Page: {output / 'index.html'}")
