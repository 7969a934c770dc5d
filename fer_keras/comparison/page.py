"""The comparison as one HTML page with every picture inside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..plotting.comparison import plot_class_f1, plot_confusions, plot_overlaid_curves
from ..reporting import figure_data_uri, image_data_uri, render_page
from . import cost_tables, tables
from .collect import Comparison
from .costs import loss_obstacle, training_obstacle
from .disagreements import PER_SIDE, Side
from .pictures import Picture


def to_html(
    comparison: Comparison,
    document: dict,
    *,
    disagreements: Sequence[tuple[Side, Side]] | None = None,
    pictures: Sequence[Picture] = (),
) -> str:
    """Return the page.

    Args:
        comparison: the runs.
        document: what :func:`fer_keras.comparison.document.describe` made of them.
        disagreements: faces for each pair; None when the data were not given.
        pictures: the user's own, in the order of ``document["pictures"]``.

    Raises:
        FerKerasError: jinja2 is not installed.
    """
    return render_page(
        "compare.html.j2",
        title=f"Comparison of {len(comparison.runs)} networks",
        summary=_summary(document),
        document=document,
        facts=_facts(document),
        scores=[_scores(document, tta) for tta in comparison.ttas],
        training=cost_tables.training_table(document),
        curves=_curves(comparison),
        network=cost_tables.network_table(document),
        latency=cost_tables.latency_table(document),
        recipe=tables.recipe_table(document) if document["recipe_differences"] else None,
        origin=tables.origin_table(document),
        disagreements=None if disagreements is None else [_pair(*sides) for sides in disagreements],
        per_side=PER_SIDE,
        pairs=len(document["pairs"]["none"]),
        own=_own_pictures(document["pictures"], pictures) if document["pictures"] else None,
    )


def _summary(document: dict) -> str:
    """The result in one sentence, as far as there is one."""
    scored = [row for row in document["scores"]["none"] if row["scores"]]
    if not scored:
        return f"No run is evaluated on {document['split']} yet; the commands that would do it stand below."
    best = max(scored, key=lambda row: row["scores"]["accuracy"])
    low, high = (100 * bound for bound in best["scores"]["accuracy_ci95"])
    lead = f"Highest accuracy: {best['run']}, {100 * best['scores']['accuracy']:.1f} % [{low:.1f}, {high:.1f}]"
    return f"{lead} on the {tables.faces_text(document, 'none')}."


def _facts(document: dict) -> list[tuple[str, str]]:
    return [
        ("Networks", str(len(document["runs"]))),
        ("Faces", f"{document['split']}, n = {document['n']:,}" if document["n"] else f"{document['split']}, none"),
        ("Data", document["dataset"] or "unknown"),
        ("Made", document["date"].replace("T", " ").removesuffix("Z") + " UTC"),
    ]


def _scores(document: dict, tta: str) -> dict:
    """Everything of one TTA: tables, and figures where any run has scores."""
    rows = [row for row in document["scores"][tta] if row["scores"]]
    parts = {"tta": tta, "table": tables.score_table(document, tta), "pairs": None, "classes": None, "figures": []}
    if document["pairs"][tta]:
        parts["pairs"] = tables.pair_table(document, tta)
    if rows:
        parts["classes"] = tables.class_table(document, tta)
    if len(rows) > 1:  # one run by itself has its own pictures in its folder
        parts["figures"] = _score_figures(document, rows, tta)
    return parts


def _score_figures(document: dict, rows: list[dict], tta: str) -> list[tuple[str, str]]:
    classes, faces = document["classes"], tables.faces_text(document, tta)
    f1 = {row["run"]: np.array([row["scores"]["per_class"][name]["f1"] for name in classes]) for row in rows}
    matrices = {row["run"]: np.array(row["scores"]["confusion"]) for row in rows}
    names = ", ".join(f1)
    return [
        (
            figure_data_uri(plot_class_f1(f1, classes, f"F1 of each class\n{faces}")),
            f"Bars of the F1 of each class for {names}; the numbers stand in the table",
        ),
        (
            figure_data_uri(plot_confusions(matrices, classes, f"Share of each true class, in %\n{faces}")),
            f"Confusion matrices of {names}, rows are true classes",
        ),
    ]


def _curves(comparison: Comparison) -> tuple[str, str] | None:
    """Curves of the runs that were trained on the same data; a loss that is another function is not drawn."""
    base = comparison.runs[0]
    drawn = [run for run in comparison.runs if not training_obstacle(run, base)]
    if not drawn:
        return None
    figure = plot_overlaid_curves(
        {run.name: run.history for run in drawn},
        {run.name: run.monitor for run in drawn},
        "Loss and accuracy over the epochs",
        without_loss=[run.name for run in drawn if loss_obstacle(run, base)],
    )
    return figure_data_uri(figure), f"Training and validation curves of {', '.join(run.name for run in drawn)}"


def _pair(*sides: Side) -> list[dict]:
    return [
        {
            "right": side.right,
            "wrong": side.wrong,
            "n": side.n,
            "items": [
                (
                    image_data_uri(sample.pixels),
                    f"{sample.face}, labelled {sample.label}",
                    sample.label,
                    f"✓ {sample.right_confidence:.0%}, ✗ {sample.wrong} {sample.wrong_confidence:.0%}",
                )
                for sample in side.samples
            ],
        }
        for side in sides
    ]


def _own_pictures(scored: dict, pictures: Sequence[Picture]) -> dict:
    networks, each = tables.picture_tables(scored)
    images = [image_data_uri(picture.pixels) for picture in pictures]
    names = [row["run"] for row in scored["networks"]]
    correct = [[row["results"][name]["correct"] for name in names] for row in scored["pictures"]]
    rows = list(zip(images, each.rows, correct, strict=True))
    return {"how": scored["how"], "warning": scored["warning"], "networks": networks, "head": each.head, "rows": rows}
