"""Curves of each class against all others: areas counted by hand, and classes that have none."""

import numpy as np
import pytest

from fer_keras.errors import DataError
from fer_keras.metrics.one_vs_rest import one_vs_rest_curves

P = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.2, 0.8]])
LABELS = np.array([0, 0, 1, 1])


def test_areas_are_shares_of_pairs_in_the_right_order():
    first, second = one_vs_rest_curves(LABELS, P, ("a", "b"))
    # Faces of a at 0.9 and 0.4, others at 0.6 and 0.2: three of four pairs are in order.
    assert (first.name, first.support, first.share, first.roc_auc) == ("a", 2, 0.5, 0.75)
    assert first.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert second.roc_auc == 0.75
    area = np.trapezoid(first.true_positive_rate, first.false_positive_rate)
    assert area == pytest.approx(first.roc_auc)


def test_a_class_without_faces_or_with_all_has_no_curve():
    three = np.column_stack([P, np.zeros(4)])
    assert [curve.name for curve in one_vs_rest_curves(LABELS, three, ("a", "b", "c"))] == ["a", "b"]
    assert one_vs_rest_curves(np.zeros(4, int), P, ("a", "b")) == []


def test_what_are_no_probabilities_is_refused():
    with pytest.raises(DataError):
        one_vs_rest_curves(LABELS, P * 2, ("a", "b"))
