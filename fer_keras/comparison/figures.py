"""The figures of a comparison, each for the page and as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ..plotting.comparison import plot_class_f1, plot_confusions, plot_overlaid_curves
from . import tables
from .collect import TTAS, Comparison
from .costs import loss_obstacle, training_obstacle

CURVES = "curves.png"


@dataclass(frozen=True)
class Drawn:
    """A figure, and the words for those who cannot see it."""

    figure: Figure
    about: str


def names_of(tta: str) -> tuple[str, str]:
    """File names of the figures of one test-time augmentation."""
    suffix = "" if tta == "none" else f"_{tta}_tta"
    return f"class_f1{suffix}.png", f"confusion_matrices{suffix}.png"


FIGURES = (CURVES, *(name for tta in TTAS for name in names_of(tta)))


def draw_figures(comparison: Comparison, document: dict) -> dict[str, Drawn]:
    """Draw every figure that has something to show, by file name.

    Args:
        comparison: the runs.
        document: what :func:`fer_keras.comparison.document.describe` made of them.
    """
    figures: dict[str, Drawn] = {}
    for tta in comparison.ttas:
        rows = [row for row in document["scores"][tta] if row["scores"]]
        if len(rows) > 1:  # one run by itself has its own pictures in its folder
            figures.update(zip(names_of(tta), _draw_scores(document, rows, tta), strict=True))
    curves = _draw_curves(comparison)
    return figures if curves is None else figures | {CURVES: curves}


def _draw_scores(document: dict, rows: list[dict], tta: str) -> tuple[Drawn, Drawn]:
    classes, faces = document["classes"], tables.faces_text(document, tta)
    f1 = {row["run"]: np.array([row["scores"]["per_class"][name]["f1"] for name in classes]) for row in rows}
    matrices = {row["run"]: np.array(row["scores"]["confusion"]) for row in rows}
    names = ", ".join(f1)
    return (
        Drawn(
            plot_class_f1(f1, classes, f"F1 of each class\n{faces}"),
            f"Bars of the F1 of each class for {names}; the numbers stand in the table",
        ),
        Drawn(
            plot_confusions(matrices, classes, f"Share of each true class, in %\n{faces}"),
            f"Confusion matrices of {names}, rows are true classes",
        ),
    )


def _draw_curves(comparison: Comparison) -> Drawn | None:
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
    return Drawn(figure, f"Training and validation curves of {', '.join(run.name for run in drawn)}")
