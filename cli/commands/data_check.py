"""``fer-keras data check``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..options import echo_json, import_tensorflow, json_option


@click.command("check")
@click.argument("path", metavar="PATH|synthetic")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with pictures of examples.")
@json_option
@click.pass_context
def check(ctx, path, html=None, as_json=False):
    """Say whether a data set is what it claims to be, and what is wrong with it.

    Compares counts per split and class, sharpness, contrast and the other pixel statistics with the original FER2013;
    finds identical and near-identical faces within and across splits, labels that disagree, empty images, and
    validation or test faces multiplied by augmentation. The same check runs once by itself when a copy is prepared.

    Exit code: 0 for 'official', 'official with known leaks' and an unknown data set without serious findings; 1 for
    'altered' or serious findings; 2 if PATH is no data set.

    \b
    fer-keras data check fer2013.csv --html quality.html
    """
    if html is not None:
        from fer_keras.reporting.page import require_jinja2

        require_jinja2()
    dataset, report = _check(ctx, str(path))
    if html is not None:
        from fer_keras.atomic_files import write_text
        from fer_keras.datasets.quality.page import render_quality

        write_text(html, render_quality(report, dataset))
    if as_json:
        echo_json(report.as_dict())
    else:
        _print_report(report, html)
    if not report.is_sound:
        sys.exit(1)


def _check(ctx, path: str):
    """The data set and the report on it. FER2013 is read by itself: without TensorFlow it takes half the memory."""
    from fer_keras.datasets.quality.gate import check_quality, report_refused
    from fer_keras.datasets.sources.recognise import read_what_can_be_read, recognise
    from fer_keras.datasets.sources.tree import TreeSource

    source = None if path == "synthetic" else recognise(Path(path))
    if source is None or isinstance(source, TreeSource):
        return _check_prepared(ctx, path)
    dataset, refused = read_what_can_be_read(source)
    if dataset is None:
        return None, report_refused(path, refused)
    return dataset, check_quality(dataset, refused=refused if refused["count"] else None)


def _check_prepared(ctx, path: str):
    """Trees of class folders and synthetic faces are prepared first: their size and splits are made there."""
    from fer_keras.datasets.loading import default_cache_dir, load_faces
    from fer_keras.datasets.quality.record import find_report

    import_tensorflow(ctx)
    dataset = load_faces(path, verify=True)
    return dataset, find_report(dataset, default_cache_dir())


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
