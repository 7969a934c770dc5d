"""``fer-keras compare``."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import RunPath, data_option, echo_json, figure_options, import_tensorflow, json_option, waiting


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, type=RunPath(written=False))
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Your own pictures to score with every run: one sub-folder per class, or names such as happy_01.jpg.",
)
@data_option
@click.option(
    "--output", "--out", "out", type=click.Path(path_type=Path), default="comparison", show_default=True, help="Where."
)
@click.option("--force", is_flag=True, help="Replace an earlier comparison in --output.")
@figure_options
@json_option
@click.pass_context
def command(ctx, runs, split, images, data, out, force, as_json):
    """Lay runs side by side on one split: an HTML page, Markdown, JSON, each figure, CSV and LaTeX tables.

    With --data the page also shows faces that one run gets right and another wrong. What is not comparable is named
    and left empty.

    \b
    fer-keras compare saved_models/A saved_models/B
    fer-keras compare saved_models/A saved_models/B --data fer2013.csv --images my_pictures
    """
    from fer_keras.comparison import compare_runs, describe
    from fer_keras.comparison.document import check_target, write_comparison
    from fer_keras.comparison.figures import draw_figures
    from fer_keras.comparison.markdown import to_markdown
    from fer_keras.comparison.page import to_html

    check_target(out, force=force)
    comparison = compare_runs(runs, split)
    pictures, scored = _score_pictures(ctx, comparison, images)
    with waiting(f"Testing {len(comparison.runs)} runs pair by pair and drawing them"):
        document = describe(comparison, scored)
        figures = {name: drawn.figure for name, drawn in draw_figures(comparison, document).items()}
    html = to_html(comparison, document, disagreements=_disagreements(ctx, comparison, data), pictures=pictures)
    paths = write_comparison(out, html, to_markdown(document), document, figures)
    if as_json:
        echo_json({**document, "files": {kind: str(path) for kind, path in paths.items()}})
        return
    _print_result(document, paths)


def _score_pictures(ctx, comparison, folder):
    if folder is None:
        return (), None
    from fer_keras.comparison.pictures import all_classes, read_pictures, runs_on_keras, score_pictures, side_of

    pictures, unusable = read_pictures(folder, all_classes(comparison.runs), {side_of(run) for run in comparison.runs})
    if any(runs_on_keras(run) for run in comparison.runs):
        import_tensorflow(ctx)
    return pictures, score_pictures(comparison.runs, folder, pictures, unusable)


def _disagreements(ctx, comparison, data):
    if data is None:
        return None
    from fer_keras.comparison.disagreements import draw_disagreements

    from ..run_data import load_data, read_recipe

    import_tensorflow(ctx)
    owner = comparison.reference or comparison.runs[0]
    return draw_disagreements(comparison, load_data(read_recipe(owner.folder), data))


def _print_result(document: dict, paths: dict[str, Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    from fer_keras.comparison.tables import score_table

    from ..options import show_notices

    show_notices(document["notices"])
    for tta in document["scores"]:
        content = score_table(document, tta)
        table = Table(title=content.caption, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for place, name in enumerate(content.head[:5]):
            table.add_column(name, justify="right" if place else "left", overflow="fold", no_wrap=place > 0)
        for row in content.rows:
            table.add_row(*row[:5])
        Console(highlight=False).print(table)
        for _, fill in content.notes:
            if fill:
                click.echo(f"to fill   {fill}")
    for kind, path in paths.items():
        click.echo(f"{kind:<8}  {path}")
