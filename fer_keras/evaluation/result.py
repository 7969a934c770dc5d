"""What an evaluation returns: the content of ``metrics.json`` that can be tabled and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.frames import make_frame
from ..plotting.axes import axes_or_new
from ..plotting.style import SHADES

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from sklearn.metrics import ConfusionMatrixDisplay


class EvaluationResult(dict):
    """The content of ``metrics.json``: a dictionary, with the confusion matrix beside it.

    Attributes:
        classes: names in label order.
        confusion_matrix: (classes, classes) counts; row is the true class, column the predicted one.
    """

    def __init__(self, metrics: dict, classes: Sequence[str], confusion_matrix: np.ndarray):
        super().__init__(metrics)
        self.classes, self.confusion_matrix = tuple(classes), confusion_matrix

    def to_frame(self) -> pandas.DataFrame:
        """One row for each class: ``precision, recall, f1, support``.

        Raises:
            InputError: pandas is not installed.
        """
        return make_frame([{"class": name, **row} for name, row in self["per_class"].items()], "class")

    def plot(self, ax: Axes | None = None, *, normalize: bool = True) -> ConfusionMatrixDisplay:
        """Draw the confusion matrix with scikit-learn and return its display.

        Args:
            ax: where to; a new figure by default.
            normalize: shares of each true class instead of counts.
        """
        from sklearn.metrics import ConfusionMatrixDisplay

        counts = self.confusion_matrix
        cells = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if normalize else counts
        display = ConfusionMatrixDisplay(cells, display_labels=self.classes)
        form = ".0%" if normalize else ",d"
        return display.plot(
            ax=axes_or_new(ax), cmap=SHADES, colorbar=False, values_format=form, xticks_rotation="vertical"
        )
