"""``fer-keras data explore``."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import (
    echo_json,
    figure_options,
    import_tensorflow,
    json_option,
    show_notices,
    tree_arguments,
    tree_options,
    waiting,
)


@click.command("explore")
@click.argument("data", metavar="PATH|synthetic")
@click.option(
    "--output",
    "--out",
    "out",
    type=click.Path(path_type=Path, file_okay=False),
    default="exploration",
    show_default=True,
    help="Folder for index.html and the pictures.",
)
@click.option("--force", is_flag=True, help="Replace an exploration that is already in that folder.")
@click.option("--samples", type=click.IntRange(1, 40), default=10, show_default=True, help="Faces shown of each class.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the choice of these faces.")
@click.option(
    "--image-size",
    type=click.IntRange(24, 512),
    default=48,
    show_default=True,
    help="Side in pixels that the images of a folder-per-class tree are resized to; FER2013 has 48.",
)
@click.option("--exact-only", is_flag=True, help="Do not look for near copies, which takes most of the time.")
@tree_options
@figure_options
@json_option
@click.pass_context
def explore(ctx, data, out, force, samples, seed, image_size, exact_only, as_json, **given):
    """Show what is in a data set: classes, samples, mean faces, pixel statistics, copies.

    Writes one self-contained HTML page, the pictures as PNG files and the numbers as JSON.

    \b
    fer-keras data explore fer2013.csv --out exploration
    """
    from fer_keras.atomic_files import atomic_folder
    from fer_keras.exploration.report import check_free, write_exploration

    check_free(out, force)
    import_tensorflow(ctx)
    from fer_keras.datasets import load_faces
    from fer_keras.exploration.summary import explore as explore_faces

    with waiting("Reading the faces; data that are new here are prepared and checked first"):
        dataset = load_faces(data, image_size=image_size, **tree_arguments(**given))
    show_notices(dataset.notices)
    with waiting("Looking for copies and drawing"), atomic_folder(out) as scratch:
        exploration = explore_faces(dataset, per_class=samples, seed=seed, near=not exact_only)
        numbers = write_exploration(scratch, dataset, exploration)
    if as_json:
        echo_json({"out": str(out), **numbers})
        return
    _print_summary(numbers, out)


def _print_summary(numbers: dict, out: Path) -> None:
    from ..progress import print_table

    copies = numbers["copies"]
    rows = [(name, f"{split['n']:,} faces") for name, split in numbers["splits"].items()]
    rows += [
        ("distinct pictures", f"{copies['distinct_faces']:,} of {copies['faces']:,}"),
        ("with contradictory labels", f"{copies['groups_with_contradictory_labels']:,} pictures"),
        ("in more than one split", f"{copies['groups_across_splits']:,} pictures"),
        ("page", str(out / "index.html")),
    ]
    title = f"{numbers['dataset']}, sha256 {numbers['dataset_sha256'][:12]}"
    print_table(f"{title}, {numbers['verdict']}" if numbers["verdict"] else title, rows)
