"""Scores against scikit-learn and against numbers worked out by hand."""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from fer_keras.emotions import FER7
from fer_keras.errors import DataError
from fer_keras.metrics.scores import (
    confusion,
    expected_calibration_error,
    mean_and_sd,
    score,
    softmax,
    spread_text,
    top_k_accuracy,
    wilson_interval,
)

NO_TIES = np.linspace(0, 1, 7)
SKEWED = (0.5, 0.2, 0.2, 0.1, 0, 0, 0)  # three classes never occur


def random_split(seed, n, shares=None, blind=None, dtype=np.float64):
    """Labels and probabilities; ``blind`` is a class that is never the most probable one."""
    rng = np.random.default_rng(seed)
    y_true = rng.choice(7, n, p=shares)
    logits = rng.normal(size=(n, 7)) + 1.5 * np.eye(7)[y_true]
    if blind is not None:
        logits[:, blind] -= 30
    return y_true, softmax(logits).astype(dtype)


CASES = {
    "random": random_split(0, 500),
    "float32": random_split(1, 500, dtype=np.float32),
    "absent classes": random_split(2, 200, shares=SKEWED),
    "never predicted": random_split(3, 300, blind=1),
    "absent and never predicted": random_split(4, 50, shares=SKEWED, blind=6),
    "one row": random_split(5, 1),
    "all right": (np.arange(7), softmax(9 * np.eye(7) + NO_TIES)),
    "all wrong": (np.arange(7), softmax(9 * np.roll(np.eye(7), 1, axis=1) + NO_TIES)),
}


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "-"))
def split(request):
    return CASES[request.param]


def test_score_agrees_with_scikit_learn(split):
    y_true, y_prob = split
    y_pred, labels = y_prob.argmax(axis=1), range(7)
    ours = score(y_true, y_prob, FER7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes that do not occur
        balanced = sk.balanced_accuracy_score(y_true, y_pred)
    assert ours["n"] == len(y_true)
    assert ours["accuracy"] == sk.accuracy_score(y_true, y_pred)
    assert ours["macro_f1"] == sk.f1_score(y_true, y_pred, labels=labels, average="macro", zero_division=0)
    assert ours["balanced_accuracy"] == pytest.approx(balanced, abs=1e-15)
    assert ours["top2_accuracy"] == sk.top_k_accuracy_score(y_true, y_prob, k=2, labels=labels)
    assert ours["nll"] == pytest.approx(sk.log_loss(y_true, y_prob, labels=labels), rel=1e-6)


def test_per_class_agrees_with_the_classification_report(split):
    y_true, y_prob = split
    report = sk.classification_report(
        y_true, y_prob.argmax(axis=1), labels=range(7), target_names=FER7, output_dict=True, zero_division=0
    )
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}
    expected = {c: {ours: report[c][theirs] for ours, theirs in names.items()} for c in FER7}
    assert score(y_true, y_prob, FER7)["per_class"] == expected


def test_confusion_agrees_with_scikit_learn_and_keeps_its_shape(split):
    y_true, y_prob = split
    y_pred = y_prob.argmax(axis=1)
    matrix = confusion(y_true, y_pred, 7)
    assert matrix.shape == (7, 7)
    assert matrix.sum() == len(y_true)
    assert (matrix == sk.confusion_matrix(y_true, y_pred, labels=range(7))).all()
    assert confusion(np.array([2]), np.array([5]), 7)[2, 5] == 1  # row is the true class


def test_scores_are_plain_finite_numbers(split):
    scores = score(*split, FER7)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_absent_class_counts_in_macro_f1_but_not_in_balanced_accuracy():
    y_prob = softmax(9 * np.eye(3)[[0, 0, 1, 1]])
    scores = score(np.array([0, 0, 1, 0]), y_prob, ("a", "b", "c"))
    assert scores["per_class"]["c"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3 + 0) / 3)


def test_log_loss_of_a_certain_mistake_is_finite_and_equals_scikit_learn():
    y_true, y_prob = np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32)
    nll = score(y_true, y_prob, ("a", "b"))["nll"]
    assert nll == pytest.approx(sk.log_loss(y_true, y_prob, labels=[0, 1]), rel=1e-6)
    assert nll == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2, rel=1e-6)


def test_top2_of_equal_probabilities_follows_argmax():
    y_prob = np.full((4, 4), 0.25)
    assert top_k_accuracy(np.arange(4), y_prob, 2) == 0.5
    assert top_k_accuracy(np.zeros(4, int), y_prob, 2) == 1.0  # never below accuracy
    assert top_k_accuracy(np.arange(2), np.full((2, 2), 0.5), 2) == 1.0


# Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_against_published_values(successes, n, low, high):
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_by_hand_and_at_its_ends():
    # 1 of 2, z = 2: centre (1/2 + 4/4) / (1 + 4/2) = 1/2, half width 2/3 * sqrt((1/4 + 4/8) / 2) = sqrt(1/6).
    assert wilson_interval(1, 2, z=2) == pytest.approx((0.5 - (1 / 6) ** 0.5, 0.5 + (1 / 6) ** 0.5))
    assert wilson_interval(7, 7)[1] == 1.0
    assert wilson_interval(0, 7)[0] == 0.0
    low, high = wilson_interval(2500, 3589)
    assert low < 2500 / 3589 < high


def test_ece_by_hand():
    # Bin (0.6, 0.667]: confidences 0.65, 0.65, one right: 2 rows, gap |0.5 - 0.65|. Bin (0.867, 0.933]: 0.9, 0.9,
    # both right: 2 rows, gap 0.1. Together (2 * 0.15 + 2 * 0.1) / 4.
    y_prob = np.array([[0.65, 0.35], [0.65, 0.35], [0.9, 0.1], [0.1, 0.9]])
    assert expected_calibration_error(np.array([0, 1, 0, 1]), y_prob) == pytest.approx(0.125)


def test_ece_of_perfect_and_of_worst_confidence():
    certain = np.eye(3)
    assert expected_calibration_error(np.arange(3), certain) == 0
    assert expected_calibration_error(np.array([1, 2, 0]), certain) == 1
    assert expected_calibration_error(np.array([0, 1]), np.full((2, 2), 0.5)) == 0  # half of them right


def test_ece_bins_are_closed_on_the_right():
    # 0.5 belongs to the lower of two bins, with 0.4; their gaps (one right, one wrong) cancel in part: |1 - 0.9| / 2.
    y_prob = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25]])
    assert expected_calibration_error(np.array([0, 1]), y_prob, bins=2) == pytest.approx(0.05)


def test_softmax_does_not_overflow():
    assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])).tolist() == [[1, 0], [0.5, 0.5]]
    assert softmax(np.array([[0, np.log(3)]])) == pytest.approx(np.array([[0.25, 0.75]]))


GOOD = np.array([[0.5, 0.5], [0.2, 0.8]])


@pytest.mark.parametrize(
    ("y_true", "y_prob", "problem"),
    [
        (np.array([], int), np.zeros((0, 2)), "empty"),
        (np.array([0]), GOOD, "differ in length"),
        (np.array([[0], [1]]), GOOD, "differ in length"),
        (np.array([0, 2]), GOOD, "label out of range in row 1"),
        (np.array([-1, 0]), GOOD, "label out of range in row 0"),
        (np.array([0.0, 1.0]), GOOD, "labels must be integers"),
        (np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, 1]]), "not finite in row 1"),
        (np.array([0, 1]), np.array([[np.inf, 0.5], [0.2, 0.8]]), "not finite in row 0"),
        (np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.6]]), "does not sum to 1 in row 1"),
        (np.array([0, 1]), np.array([[1.5, -0.5], [0.2, 0.8]]), "out of range in row 0"),
        (np.array([0, 1]), GOOD[:, :1], "wrong shape"),
        (np.array([0, 1]), GOOD[0], "wrong shape"),
        (np.array([0, 1]), np.eye(2, dtype=int), "wrong shape or type"),
    ],
)
def test_score_refuses(y_true, y_prob, problem):
    with pytest.raises(DataError, match=problem):
        score(y_true, y_prob, ("a", "b"))


def test_mean_and_sample_standard_deviation():
    assert mean_and_sd([0.5]) == {"mean": 0.5, "sd": None}
    assert mean_and_sd([1.0, 2.0, 3.0]) == {"mean": 2.0, "sd": 1.0}


@pytest.mark.parametrize(
    ("values", "text"),
    [([0.5], "+50.00"), ([0.5, 0.625], "+50.00 and +62.50"), ([0.25, 0.5, 0.75], "+50.00 ± 25.00")],
)
def test_two_seeds_are_two_numbers(values, text):
    assert spread_text(values, "+.2f", 100) == text
