"""The files of one evaluation: tables for machines, pictures for people. No TensorFlow."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import classification_report

from ..atomic_files import as_cell, write_json, write_text
from ..datasets.faces import Split
from ..metrics.one_vs_rest import one_vs_rest_curves
from ..metrics.scores import confusion
from ..plotting.one_vs_rest import plot_precision_recall, plot_roc
from ..plotting.results import plot_confusion_matrix, plot_face_grid
from ..plotting.style import save_figure
from .calibration.report import write_calibration_report

MISTAKES_SHOWN, MISTAKES_PER_ROW = 24, 6


def write_report(
    folder: Path,
    name: str,
    rows: Split,
    classes: Sequence[str],
    y_prob: np.ndarray,
    metrics: dict,
    calibrated: np.ndarray | None = None,
) -> None:
    """Write every file of one evaluation into ``folder``.

    Args:
        folder: exists and is empty.
        name: the run's, for the headings.
        rows: the n faces that were scored.
        classes: names in label order.
        y_prob: (n, classes) float probabilities.
        metrics: content of ``metrics.json``.
        calibrated: (n, classes) float probabilities at the run's temperature; None for a run without calibration.
    """
    y_pred = y_prob.argmax(axis=1)  # (n,)
    matrix = confusion(rows.labels, y_pred, len(classes))
    teacher = f", distilled from {metrics['distilled_from']}," if metrics.get("distilled_from") else ""
    heading = f"{name}{teacher} on {metrics['split']}" + (" with flip TTA" if metrics["tta"] == "flip" else "")
    write_json(folder / "metrics.json", metrics)
    write_predictions(folder / "predictions.csv", rows, classes, y_prob)
    write_confusion_matrix(folder / "confusion_matrix.csv", matrix, classes)
    write_text(folder / "classification_report.txt", _report_text(rows.labels, y_pred, classes, metrics["notices"]))
    figure = plot_confusion_matrix(matrix, classes, _title(heading, metrics))
    save_figure(figure, folder / "confusion_matrix.png")
    save_figure(_plot_worst_mistakes(rows, classes, y_prob, heading), folder / "worst_mistakes.png")
    title = _title(heading, metrics)
    _write_one_vs_rest(folder, rows.labels, y_prob, classes, title)
    write_calibration_report(folder, title, rows.labels, y_prob, calibrated, **_marks(metrics["calibrated"]))


def _write_one_vs_rest(
    folder: Path, labels: np.ndarray, y_prob: np.ndarray, classes: Sequence[str], title: str
) -> None:
    """``roc.png``, ``precision_recall.png`` and the areas under their curves as ``one_vs_rest.csv``."""
    curves = one_vs_rest_curves(labels, y_prob, classes)
    save_figure(plot_roc(curves, title), folder / "roc.png")
    save_figure(plot_precision_recall(curves, title), folder / "precision_recall.png")
    lines = ([c.name, c.support, c.roc_auc, c.average_precision] for c in curves)
    _write_csv(folder / "one_vs_rest.csv", ["class", "faces", "roc_auc", "average_precision"], lines)


def _marks(calibrated: dict | None) -> dict:
    """What the pictures of calibration mark; nothing for a run without calibration."""
    if calibrated is None:
        return {}
    uncertain = calibrated["uncertain"]
    marks = {"target": uncertain["target_precision"], "threshold": uncertain["threshold"]}
    return {"temperature": calibrated["temperature"], **marks}


def write_predictions(path: Path, rows: Split, classes: Sequence[str], y_prob: np.ndarray) -> None:
    """Write one row per face: id, true, predicted, confidence, correct (1 or 0), then ``p_<class>`` for each class.

    Probabilities are written with as many digits as their type needs to be read back unchanged.
    """
    y_pred = y_prob.argmax(axis=1)  # (n,)
    header = ["id", "true", "predicted", "confidence", "correct", *(f"p_{name}" for name in classes)]
    lines = (
        [as_cell(identity), classes[label], classes[predicted], values[predicted], int(label == predicted), *values]
        for identity, label, predicted, values in zip(
            rows.ids.tolist(), rows.labels.tolist(), y_pred.tolist(), y_prob.astype(str).tolist(), strict=True
        )
    )
    _write_csv(path, header, lines)


def write_confusion_matrix(path: Path, matrix: np.ndarray, classes: Sequence[str]) -> None:
    """Write counts: one row per true class, one column per predicted class, names in the first of each."""
    lines = ([name, *counts] for name, counts in zip(classes, matrix.tolist(), strict=True))
    _write_csv(path, ["true \\ predicted", *classes], lines)


def _write_csv(path: Path, header: list[str], lines: Iterable[list]) -> None:
    # Inside the evaluation folder, which takes its place as a whole.
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def _report_text(y_true: np.ndarray, y_pred: np.ndarray, classes: Sequence[str], notices: Sequence[str]) -> str:
    report = classification_report(
        y_true, y_pred, labels=range(len(classes)), target_names=list(classes), digits=4, zero_division=0
    )
    return "\n".join([report, *notices, ""]) if notices else report


def _title(heading: str, metrics: dict) -> str:
    low, high = metrics["accuracy_ci95"]
    numbers = (
        f"{metrics['dataset']}, n = {metrics['n']:,}   "
        f"accuracy {metrics['accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]   macro-F1 {metrics['macro_f1']:.3f}"
    )
    notices = [line for notice in metrics["notices"] for line in textwrap.wrap(notice, 110)]
    return "\n".join([heading, numbers, *notices])


def _plot_worst_mistakes(rows: Split, classes: Sequence[str], y_prob: np.ndarray, heading: str):
    y_pred, confidence = y_prob.argmax(axis=1), y_prob.max(axis=1)  # (n,)
    wrong = np.flatnonzero(y_pred != rows.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES_SHOWN]
    captions = [f"{classes[rows.labels[i]]} → {classes[y_pred[i]]}\n{confidence[i]:.1%}" for i in worst]
    title = f"{heading}: most confident mistakes"
    if len(worst):
        title += f"\ntrue → predicted, confidence; {len(worst)} of {len(wrong):,} mistakes on {len(rows):,} faces"
    return plot_face_grid(
        rows.images[worst], captions, MISTAKES_PER_ROW, title, empty=f"No mistake on {len(rows):,} faces"
    )
