"""One evaluation as it lies in a run folder: ``metrics.json`` and ``predictions.csv``, checked against each other."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..evaluation.robustness.report import FILES as ROBUSTNESS_FILES
from ..metrics.scores import confusion
from ..runs.records import Metrics, read_metrics
from ..runs.run_folder import RunFolder

_AGAIN = "Evaluate the run again"


@dataclass(frozen=True)
class Evaluation:
    """Predictions on the n faces of one split.

    Attributes:
        metrics: content of ``metrics.json``.
        classes: names in label order.
        ids: n names of faces.
        y_true: (n,) int64.
        y_pred: (n,) int64.
        confidence: (n,) float64, probability of the predicted class.
    """

    metrics: Metrics
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    y_true: np.ndarray
    y_pred: np.ndarray
    confidence: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """(n,) bool."""
        return self.y_true == self.y_pred

    @property
    def faces_sha256(self) -> str:
        """Fingerprint of ids and labels in their order."""
        return hashlib.sha256("\n".join((*self.ids, *map(str, self.y_true.tolist()))).encode()).hexdigest()

    def confusion(self) -> np.ndarray:
        """(classes, classes) counts, row is the true class."""
        return confusion(self.y_true, self.y_pred, len(self.classes))


def read_evaluation(folder: Path, split: str, tta: str) -> Evaluation | None:
    """Read one ``evaluation/<split>`` folder; None when there is none, or one of ``evaluate --robustness`` alone.

    Raises:
        DataError: a file is unreadable, is of another split or TTA, or both files disagree.
        ModelFileError: a file was changed or damaged.
    """
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not folder.is_dir() or (names and names <= set(ROBUSTNESS_FILES)):
        return None
    run = RunFolder(folder.parent.parent)
    metrics = read_metrics(run, folder, DataError)
    if (metrics.split, metrics.tta) != (split, tta):
        received = f"split {metrics.split}, TTA {metrics.tta}"
        raise DataError(f"{folder} is of another evaluation", allowed=f"split {split}, TTA {tta}", received=received)
    evaluation = _read_predictions(folder / "predictions.csv", metrics)
    _check_agreement(folder, evaluation)
    run.check(folder / "predictions.csv")
    return evaluation


def _read_predictions(path: Path, metrics: Metrics) -> Evaluation:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            header, *rows = csv.reader(handle, strict=True)
        classes = tuple(name.removeprefix("p_") for name in header if name.startswith("p_"))
        places = [header.index(name) for name in ("id", "true", "predicted", "confidence")]
        ids, true, predicted, confidence = zip(*([row[i] for i in places] for row in rows), strict=True)
        index = {name: label for label, name in enumerate(classes)}
        y_true, y_pred = (np.array([index[name] for name in names], np.int64) for names in (true, predicted))
        return Evaluation(metrics, classes, ids, y_true, y_pred, np.array(confidence, np.float64))
    except (OSError, ValueError, IndexError, KeyError, csv.Error) as error:  # ValueError: no row, no column, no number
        reason = getattr(error, "strerror", None) or f"{type(error).__name__} {error}"
        raise DataError(f"cannot read {path}: {reason}", hint=_AGAIN) from error


def _check_agreement(folder: Path, evaluation: Evaluation) -> None:
    metrics, n = evaluation.metrics, len(evaluation.ids)
    same = n == metrics.n and abs(evaluation.correct.mean() - metrics.accuracy) < 1e-9
    if not same or set(metrics.per_class) != set(evaluation.classes):
        raise DataError(
            f"metrics.json and predictions.csv in {folder} disagree",
            allowed=f"n = {metrics.n}, accuracy {metrics.accuracy:.6f}",
            received=f"n = {n}, accuracy {evaluation.correct.mean():.6f}",
            hint=_AGAIN,
        )
