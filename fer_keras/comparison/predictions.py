"""One evaluation as it lies in a run folder: ``metrics.json`` and ``predictions.csv``, checked against each other."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import DataError
from ..evaluation.robustness.report import FILES as ROBUSTNESS_FILES
from ..metrics.scores import confusion

_AGAIN = "Evaluate the run again"


class ClassScores(BaseModel):
    """Scores of one class."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    precision: float
    recall: float
    f1: float
    support: int


class Deduplicated(BaseModel):
    """Scores without faces that stand in the training split too."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    n: int | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    reason: str | None = None


class Calibrated(BaseModel):
    """Scores of the probabilities at the run's temperature."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    temperature: float
    nll: float
    ece: float


class Metrics(BaseModel):
    """``metrics.json``, as far as it is compared."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    split: str
    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    top2_accuracy: float
    nll: float
    ece: float
    per_class: dict[str, ClassScores]
    tta: str
    dataset: str = ""
    dataset_sha256: str
    split_sha256: str | None = None
    date: str | None = None
    notices: list[str] = []
    deduplicated: Deduplicated = Deduplicated()
    calibrated: Calibrated | None = None


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
    """
    if not folder.is_dir() or {path.name for path in folder.iterdir()} == set(ROBUSTNESS_FILES):
        return None
    metrics = _read_metrics(folder / "metrics.json")
    if (metrics.split, metrics.tta) != (split, tta):
        received = f"split {metrics.split}, TTA {metrics.tta}"
        raise DataError(f"{folder} is of another evaluation", allowed=f"split {split}, TTA {tta}", received=received)
    evaluation = _read_predictions(folder / "predictions.csv", metrics)
    _check_agreement(folder, evaluation)
    return evaluation


def _read_metrics(path: Path) -> Metrics:
    try:
        return Metrics.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", hint=_AGAIN) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: '{where}': {first['msg']}", hint=_AGAIN) from error


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
