"""``fer-keras benchmark``."""

from __future__ import annotations

from pathlib import Path

import click

from .options import echo_json, json_option


@click.command("benchmark")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--batch", "batches", default="1,32", show_default=True, help="Faces per call, comma-separated.")
@click.option("--threads", default="1,all", show_default=True, help="CPU threads, comma-separated.")
@click.option("--seconds", default=3.0, show_default=True, help="Measuring time per file, batch and thread count.")
@json_option
def command(runs, batches, threads, seconds, as_json):
    """Measure latency, size and peak memory of the model and every exported file of runs.

    All files take turns in one process per batch size and thread count; the result is also written to each
    run's benchmark.json. Export first, so that there is something to compare.

    \b
    fer-keras benchmark saved_models/RUN
    fer-keras benchmark saved_models/A saved_models/B --batch 1 --threads 1
    """
    from fer_keras.benchmark import benchmark_runs
    from fer_keras.run_folder import RunFolder

    folders = [RunFolder.open(run) for run in runs]
    sizes, counts = _numbers("--batch", batches), _numbers("--threads", threads.replace("all", "0"))

    def say(text: str) -> None:
        click.echo(text, err=True)

    report = benchmark_runs(folders, batches=sizes, threads=counts, seconds=seconds, on_stage=say)
    echo_json(report) if as_json else _print_rows(report)


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{option} takes whole numbers separated by commas, received {text!r}") from error


def _print_rows(report: dict) -> None:
    from rich.console import Console

    machine = report["hardware"]
    click.echo(f"{machine['cpu']}, {machine['cores']} cores, {report['date']}")
    console = Console(highlight=False)
    if not console.is_terminal:  # in a file nothing needs to be cut short
        console = Console(highlight=False, width=200)
    cells = dict.fromkeys((row["batch"], row["threads"]) for row in report["rows"])
    for batch, threads in cells:
        rows = [row for row in report["rows"] if (row["batch"], row["threads"]) == (batch, threads)]
        title = f"\nbatch {batch}, {threads or 'all'} thread{'' if threads == 1 else 's'}"
        console.print(_table(title, rows))
    click.echo("\nTimes are per call on random pixels in memory: no decoding, no face detection.")


def _table(title: str, rows: list[dict]):
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("run", "format"):
        table.add_column(name, style="bold")
    for name in ("median ms", "p90 ms", "faces/s", "MB", "peak MB", "to keras"):
        table.add_column(name, justify="right")
    keras = {row["run"]: row["median_ms"] for row in rows if row["format"] == "keras"}
    for row in rows:
        table.add_row(
            *(row["run"], row["format"], f"{row['median_ms']:.3f}", f"{row['p90_ms']:.3f}"),
            *(f"{row['faces_per_second']:,.0f}", f"{row['bytes'] / 1e6:.2f}", f"{row['peak_memory_mb']:.0f}"),
            f"{row['median_ms'] / keras[row['run']]:.2f}x",
        )
    return table
