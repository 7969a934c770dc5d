"""``fer-keras benchmark``."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import RunPath, data_option, echo_json, json_option, set_option


@click.command("benchmark")
@click.argument("runs", nargs=-1, metavar="RUN... | RECIPE...")
@click.option("--batch", "batches", default="1,32", show_default=True, help="Faces per call, comma-separated.")
@click.option("--threads", default="1,all", show_default=True, help="CPU threads, comma-separated.")
@click.option("--seconds", default=3.0, show_default=True, help="Measuring time per file, batch and thread count.")
@click.option("--time-to", type=float, metavar="ACCURACY", help="Train RECIPEs to this validation accuracy instead.")
@click.option("--model", "models", multiple=True, help="With --time-to: the recipe of this network.")
@data_option
@set_option
@click.option("--seeds", default="0", show_default=True, help="With --time-to: comma-separated.")
@click.option("--max-epochs", type=int, help="With --time-to: give up after as many.")
@click.option("--max-seconds", type=float, help="With --time-to: give up after as many seconds of training steps.")
@click.option("--keep", type=click.Path(path_type=Path), help="With --time-to: folder to keep the run folders in.")
@json_option
@click.pass_context
def command(ctx, runs, batches, threads, seconds, time_to, as_json, **training):
    """Measure latency, size and peak memory of the model and every exported file of runs, or time to accuracy.

    All files take turns in one process per batch size and thread count; the result is also written to each
    run's benchmark.json. Export first, so that there is something to compare.

    With --time-to, recipes are trained until their validation accuracy first reaches the value: seconds of training,
    start and validation, epochs and steps, mean and sd over seeds. The schedule stays the recipe's.

    \b
    fer-keras benchmark saved_models/RUN
    fer-keras benchmark saved_models/A saved_models/B --batch 1 --threads 1
    fer-keras benchmark --time-to 0.62 cnn scratch_cnn --data fer2013.csv --seeds 0,1,2 --json
    """
    _refuse_other_mode(ctx, time_to is not None)
    if time_to is not None:
        from ..time_to import measure, print_report

        training["seeds"] = _numbers("--seeds", training["seeds"])
        report = measure(ctx, runs, target=time_to, **training)
        echo_json(report) if as_json else print_report(report)
        return
    report = _measure_files(
        runs, _numbers("--batch", batches), _numbers("--threads", threads.replace("all", "0")), seconds
    )
    echo_json(report) if as_json else _print_rows(report)


FILE_OPTIONS = ("batches", "threads", "seconds")
TRAINING_OPTIONS = ("models", "data", "overrides", "seeds", "max_epochs", "max_seconds", "keep")


def _refuse_other_mode(ctx: click.Context, training: bool) -> None:
    """Options of one mode given in the other would be silently without effect."""
    from click.core import ParameterSource

    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if given and parameter.name in (FILE_OPTIONS if training else TRAINING_OPTIONS):
            relation = "does not go with" if training else "needs"
            raise click.UsageError(f"{parameter.opts[0]} {relation} --time-to.")
    if not training and not ctx.params["runs"]:
        raise click.UsageError("Give one or more run folders, or --time-to ACCURACY and recipes.")


def _measure_files(runs, sizes: list[int], counts: list[int], seconds: float) -> dict:
    from fer_keras.benchmark.latency import benchmark_runs
    from fer_keras.runs.run_folder import RunFolder

    folders = [RunFolder.open(RunPath().convert(run, None, None)) for run in runs]

    def say(text: str) -> None:
        click.echo(text, err=True)

    return benchmark_runs(folders, batches=sizes, threads=counts, seconds=seconds, on_stage=say)


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
    for batch, threads, run in dict.fromkeys((row["batch"], row["threads"], row["run"]) for row in report["rows"]):
        rows = [row for row in report["rows"] if (row["batch"], row["threads"], row["run"]) == (batch, threads, run)]
        title = f"\n{run}, batch {batch}, {threads or 'all'} thread{'' if threads == 1 else 's'}"
        console.print(_table(title, rows))
    click.echo("\nPer call, on random pixels in memory: no decoding, no face detection.")
    click.echo("keras is compiled (tf.function), keras_eager a plain call of the model.")


def _table(title: str, rows: list[dict]):
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("format", style="bold", no_wrap=True)
    for name in ("median ms", "p90 ms", "faces/s", "MB", "peak MB", "to Keras"):
        table.add_column(name, justify="right")
    keras = {row["run"]: row["median_ms"] for row in rows if row["format"] == "keras"}
    for row in rows:
        table.add_row(
            *(row["format"], f"{row['median_ms']:.3f}", f"{row['p90_ms']:.3f}"),
            *(f"{row['faces_per_second']:,.0f}", f"{row['bytes'] / 1e6:.2f}", f"{row['peak_memory_mb']:.0f}"),
            f"{row['median_ms'] / keras[row['run']]:.2f}x",
        )
    return table
