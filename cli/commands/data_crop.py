"""``fer-keras data crop``."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import echo_json, json_option


@click.command("crop")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("--size", type=click.IntRange(32, 512), default=48, show_default=True, help="Side of the faces, pixels.")
@click.option("--detector", default="auto", show_default=True, help="As in 'fer-keras predict'.")
@click.option("--min-face", type=click.IntRange(1), metavar="PIXELS", help="Search for faces from this size on.")
@click.option("--all-faces", is_flag=True, help="Every face of a picture. Default: the largest.")
@json_option
def crop(inputs, target, size, detector, min_face, all_faces, as_json):
    """Cut the faces out of photographs, exactly as 'predict' does, into a new folder of the same layout.

    Two contact sheets beside OUT show what was cut out and which pictures have no face. Train on OUT then: networks see
    faces, not photographs.

    \b
    fer-keras data crop photos/ faces/
    fer-keras train --from cnn_small-fer2013 --data faces/
    """
    from fer_keras.errors import InputError
    from fer_keras.inference.cropping import crop_pictures
    from fer_keras.inference.detection.detectors import make_detector

    if min_face is not None and detector != "auto":
        raise click.UsageError("--min-face goes with --detector auto")
    finder = make_detector(detector if min_face is None else f"blazeface:{min_face}")
    if finder is None:
        raise InputError("--detector none finds no face to cut out")
    with click.progressbar(length=1, label="pictures", file=click.get_text_stream("stderr"), hidden=as_json) as bar:

        def tell(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        report = crop_pictures(inputs, target, finder, size=size, all_faces=all_faces, tell=tell)
    sheets = _draw_sheets(report, target)
    if as_json:
        echo_json(_document(report, target, sheets))
        return
    _print(report, target, sheets)


def _draw_sheets(report, target: Path) -> list[Path]:
    import numpy as np

    from fer_keras.plotting.results import plot_face_grid
    from fer_keras.plotting.style import save_figure

    sheets = []
    for name, shown, total in (
        ("faces", report.faces, report.written),
        ("without_face", report.missed, len(report.without_face)),
    ):
        if shown:
            path = target.with_name(f"{target.resolve().name}_{name}.png")
            images, titles = np.stack([image for image, _ in shown]), [_short(title) for _, title in shown]
            title = f"{target.resolve().name}: {name.replace('_', ' ')}\n{len(shown):,} of {total:,}"
            save_figure(plot_face_grid(images, titles, 10, title), path)
            sheets.append(path)
    return sheets


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"…{name[-17:]}"


def _document(report, target: Path, sheets: list[Path]) -> dict:
    return {
        "output": str(target),
        "faces": report.written,
        "pictures": [{"file": str(file), "faces": kept, "found": found} for file, kept, found in report.cut],
        "without_face": [str(path) for path in report.without_face],
        "broken": [{"file": str(path), "error": reason} for path, reason in report.broken],
        "left_out": [{"file": str(path), "reason": reason} for path, reason in report.left_out],
        "contact_sheets": [str(path) for path in sheets],
    }


def _print(report, target: Path, sheets: list[Path]) -> None:
    from fer_keras.errors import printable

    from ..progress import print_table

    several = sum(found > kept for _, kept, found in report.cut)
    rows = [
        ("faces", f"{report.written:,} of {len(report.cut):,} pictures, in {target}"),
        *([("more faces", f"{several:,} pictures show others too (--all-faces)")] if several else []),
        ("without a face", f"{len(report.without_face):,} pictures; nothing was written of them"),
        *(("", printable(str(path))) for path in report.without_face[:10]),
        *(("broken", f"{printable(str(path))}: {reason}") for path, reason in report.broken),
        *([("left out", f"{len(report.left_out):,} files that are no pictures")] if report.left_out else []),
        *(("look at", str(path)) for path in sheets),
    ]
    print_table("fer-keras data crop", rows)
