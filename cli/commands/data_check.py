"""``fer-keras data check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fer_keras.errors import printable

from ..options import echo_json, import_tensorflow, json_option, show_notices, tree_arguments, tree_options, waiting
from ..prediction_outputs import check_targets
from ..run_data import count_faces


@click.command("check")
@click.argument("path", metavar="PATH|synthetic")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with pictures of examples.")
@tree_options
@json_option
@click.pass_context
def check(ctx, path, html, as_json, **given):
    """Say whether a data set is what it claims to be, and what is wrong with it.

    Prints what was understood first: classes, and how many faces of each are in each split. Then it compares counts per
    split and class, sharpness, contrast and the other pixel statistics with the original FER2013;
    finds identical and near-identical faces within and across splits, labels that disagree, empty images, and
    validation or test faces multiplied by augmentation. The same check runs once by itself when a copy is prepared.

    Exit code: 0 for 'official', 'official with known leaks' and an unknown data set without serious findings; 1 for
    'altered' or serious findings; 2 if PATH is no data set.

    \b
    fer-keras data check fer2013.csv --html quality.html
    fer-keras data check my_faces/ --on-bad skip
    """
    if html is not None:
        check_targets({"--html": str(html)}, [path])
    with waiting("Reading and checking; near copies take the longest"):
        dataset, report = _check(ctx, str(path), tree_arguments(**given))
    faces = count_faces(dataset) if dataset is not None else {}
    if html is not None:
        from fer_keras.atomic_files import write_text
        from fer_keras.datasets.quality.page import render_quality

        write_text(html, render_quality(report, dataset))
    if as_json:
        echo_json({**report.as_dict(), "faces": faces, "notices": list(dataset.notices) if dataset else []})
    else:
        _print_faces(faces)
        show_notices(dataset.notices if dataset else ())
        _print_report(report, html)
    if not report.is_sound:
        sys.exit(1)


def _check(ctx, path: str, options: dict):
    """The data set and the report on it. FER2013 is read by itself: without TensorFlow it takes half the memory."""
    from fer_keras.datasets.quality.gate import check_quality, report_refused
    from fer_keras.datasets.sources.recognise import read_what_can_be_read, recognise
    from fer_keras.datasets.sources.tree import TreeSource

    source = None if path == "synthetic" else recognise(Path(path))
    if source is None or isinstance(source, TreeSource):
        return _check_prepared(ctx, path, source, options)
    dataset, refused = read_what_can_be_read(source)
    if dataset is None:
        return None, report_refused(path, refused)
    return dataset, check_quality(dataset, refused=refused if refused["count"] else None)


def _check_prepared(ctx, path: str, source, options: dict):
    """Trees and synthetic faces are prepared first: their size and splits are made there."""
    from fer_keras.datasets.loading import default_cache_dir, load_faces
    from fer_keras.datasets.quality.record import find_report
    from fer_keras.errors import DataError

    import_tensorflow(ctx)
    try:
        dataset = load_faces(path, verify=True, **options)
    except DataError:
        if source is not None:
            _report_bad_files(path, source.with_names(options["classes"]))
        raise
    return dataset, find_report(dataset, default_cache_dir())


def _report_bad_files(path: str, source) -> None:
    """Name every file that cannot be used at once, not the first alone."""
    from fer_keras.errors import DataError

    bad = source.find_bad()
    for example in bad["examples"]:
        click.echo(f"{click.style('broken:', fg='red')} {printable(example)}", err=True)
    if bad["count"]:
        reasons = "; ".join(f"{reason} ({count:,})" for reason, count in bad["reasons"].items())
        hint = "Mend them, or leave them out with --on-bad skip"
        raise DataError(f"{path}: {bad['count']:,} files cannot be used: {reasons}", hint=hint)


def _print_faces(faces: dict) -> None:
    """What was understood: one line for each class, one column for each split."""
    from rich.console import Console
    from rich.table import Table

    if not faces:
        return
    table = Table("class", box=None, padding=(0, 2, 0, 0))
    for split in faces:
        table.add_column(split, justify="right")
    for name in next(iter(faces.values())):
        table.add_row(name.replace("[", "\\["), *(f"{counts[name]:,}" for counts in faces.values()))
    Console(highlight=False).print(table)


def _print_report(report, html: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{report.dataset}: {report.verdict}", style="bold", markup=False)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for finding in report.findings:
        table.add_row(finding.severity, finding.sentence.replace("[", "\\["))
    Console(highlight=False).print(table)
    if report.sha256:
        console.print(f"sha256 {report.sha256}", markup=False)
    if html is not None:
        console.print(f"page   {html}", markup=False)
