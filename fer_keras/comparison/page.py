"""The comparison as one HTML page with every picture inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..plotting.paper import SCREEN, drawing_for
from ..reporting import figure_data_uri, image_data_uri, render_page
from . import cost_tables, tables
from .collect import Comparison
from .disagreements import PER_SIDE, Side
from .figures import CURVES, Drawn, draw_figures, names_of
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
    """
    with drawing_for(SCREEN):
        figures = draw_figures(comparison, document)
    return render_page(
        "compare.html.j2",
        title=f"Comparison of {len(comparison.runs)} networks",
        summary=_summary(document),
        document=document,
        facts=_facts(document),
        scores=[_scores(document, tta, figures) for tta in comparison.ttas],
        training=cost_tables.training_table(document),
        curves=_on_page(figures[CURVES]) if CURVES in figures else None,
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
    best, *others = sorted(scored, key=lambda row: -row["scores"]["accuracy"])
    low, high = (100 * bound for bound in best["scores"]["accuracy_ci95"])
    where = f"on the {tables.faces_text(document, 'none')}"
    lead = f"{best['run']} has {100 * best['scores']['accuracy']:.1f} % [{low:.1f}, {high:.1f}] {where}"
    level = [row["run"] for row in others if not tables.is_different(document, best["run"], row["run"])]
    if not level:
        return f"{lead}: more than every other, by the paired tests." if others else f"{lead}."
    return f"No winner: {lead}, and the paired tests tell it not apart from {', '.join(level)}."


def _facts(document: dict) -> list[tuple[str, str]]:
    return [
        ("Networks", str(len(document["runs"]))),
        ("Faces", f"{document['split']}, n = {document['n']:,}" if document["n"] else f"{document['split']}, none"),
        ("Data", document["dataset"] or "unknown"),
        ("Made", document["date"].replace("T", " ").removesuffix("Z") + " UTC"),
    ]


def _scores(document: dict, tta: str, figures: Mapping[str, Drawn]) -> dict:
    """Everything of one TTA: tables, and figures where any run has scores."""
    rows = [row for row in document["scores"][tta] if row["scores"]]
    parts = {"tta": tta, "table": tables.score_table(document, tta), "pairs": None, "classes": None, "figures": []}
    if document["pairs"][tta]:
        parts["pairs"] = tables.pair_table(document, tta)
    if rows:
        parts["classes"] = tables.class_table(document, tta)
    parts["figures"] = [_on_page(figures[name]) for name in names_of(tta) if name in figures]
    return parts


def _on_page(drawn: Drawn) -> tuple[str, str]:
    return figure_data_uri(drawn.figure), drawn.about


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
