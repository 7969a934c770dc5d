"""Each class against all others: ROC and precision-recall curves from labels and probabilities. scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from .scores import check_predictions


@dataclass(frozen=True)
class ClassCurves:
    """How well the probability of one class tells its faces from all others.

    Attributes:
        name: of the class.
        support: faces of it.
        share: support over all faces, the precision of chance.
        false_positive_rate, true_positive_rate: (points,) float64, the ROC curve, rising.
        roc_auc: area under it, 0.5 is chance.
        recall, precision: (points,) float64, recall falling.
        average_precision: area under precision over recall, by steps and without interpolation.
    """

    name: str
    support: int
    share: float
    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    roc_auc: float
    recall: np.ndarray
    precision: np.ndarray
    average_precision: float


def one_vs_rest_curves(y_true: np.ndarray, y_prob: np.ndarray, classes: Sequence[str]) -> list[ClassCurves]:
    """Return the curves of each class that some and not all of the faces have, in label order.

    Args:
        y_true: (n,) integer labels.
        y_prob: (n, len(classes)) float probabilities.
        classes: names in label order.

    Raises:
        DataError: see :func:`fer_keras.metrics.scores.check_predictions`.
    """
    y_true, y_prob = check_predictions(y_true, y_prob, len(classes))
    support = np.bincount(y_true, minlength=len(classes))  # (classes,)
    drawn = [label for label in range(len(classes)) if 0 < support[label] < len(y_true)]
    return [_curves(y_true == label, y_prob[:, label], classes[label]) for label in drawn]


def _curves(positive: np.ndarray, scores: np.ndarray, name: str) -> ClassCurves:
    false_rate, true_rate, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores)
    return ClassCurves(
        name=name,
        support=int(positive.sum()),
        share=float(positive.mean()),
        false_positive_rate=false_rate,
        true_positive_rate=true_rate,
        roc_auc=float(roc_auc_score(positive, scores)),
        recall=recall,
        precision=precision,
        average_precision=float(average_precision_score(positive, scores)),
    )
