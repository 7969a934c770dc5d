"""Known values from other sources, and the properties the intervals must have."""

import numpy as np
import pytest

from fer_keras.errors import DataError, InputError
from fer_keras.metrics.paired_tests import bootstrap_differences, bootstrap_macro_f1, holm_adjust, mcnemar_exact
from fer_keras.metrics.scores import score


def test_mcnemar_is_the_binomial_test_of_the_discordant_faces():
    # 2 * P(X <= 2) of Binomial(12, 1/2) = 2 * (1 + 12 + 66) / 4096
    assert mcnemar_exact(2, 10) == pytest.approx(158 / 4096)
    assert mcnemar_exact(10, 2) == mcnemar_exact(2, 10)
    assert mcnemar_exact(5, 5) == mcnemar_exact(0, 0) == 1
    with pytest.raises(InputError, match="negative"):
        mcnemar_exact(-1, 2)


def test_holm_on_the_textbook_example_and_in_the_order_given():
    assert holm_adjust([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_adjust([0.6, 0.7]) == [1, 1]
    assert holm_adjust([]) == []
    with pytest.raises(InputError, match=r"0\.\.1"):
        holm_adjust([float("nan")])


def paired(n=700, seed=0):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 7, n)
    first = np.where(rng.random(n) < 0.7, y_true, rng.integers(0, 7, n))
    second = np.where(rng.random(n) < 0.5, y_true, rng.integers(0, 7, n))
    return y_true, first, second


def test_the_multinomial_draw_agrees_with_drawing_faces_one_by_one():
    y_true, first, second = paired()
    rng, differences = np.random.default_rng(1), []
    for _ in range(150):
        rows = rng.integers(0, len(y_true), len(y_true))
        scores = [score(y_true[rows], np.eye(7)[guess[rows]], "abcdefg") for guess in (first, second)]
        differences.append([scores[0][key] - scores[1][key] for key in ("accuracy", "macro_f1")])
    expected = np.quantile(differences, (0.025, 0.975), axis=0)
    found = bootstrap_differences(y_true, first, second, 7)
    assert found["accuracy"] == pytest.approx(expected[:, 0], abs=0.02)
    assert found["macro_f1"] == pytest.approx(expected[:, 1], abs=0.02)


def test_intervals_repeat_swap_sign_and_vanish_for_equal_predictions():
    y_true, first, second = paired()
    forward = bootstrap_differences(y_true, first, second, 7, resamples=2_500)
    assert forward == bootstrap_differences(y_true, first, second, 7, resamples=2_500)
    backward = bootstrap_differences(y_true, second, first, 7)
    assert backward["macro_f1"] == pytest.approx([-forward["macro_f1"][1], -forward["macro_f1"][0]], abs=0.01)
    assert bootstrap_differences(y_true, first, first, 7)["accuracy"] == [0, 0]


def test_the_interval_of_one_macro_f1_holds_its_value():
    y_true, first, _ = paired()
    low, high = bootstrap_macro_f1(y_true, first, 7)
    assert low < score(y_true, np.eye(7)[first], "abcdefg")["macro_f1"] < high


@pytest.mark.parametrize("rows", [([0], [0], [0, 1]), ([], [], []), ([0], [0], [7])])
def test_arrays_that_do_not_pair_are_refused(rows):
    with pytest.raises(DataError):
        bootstrap_differences(*map(np.array, rows), 7)
