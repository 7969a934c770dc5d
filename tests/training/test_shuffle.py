"""The order of the faces: every epoch and every seed another permutation, as good as independent ones."""

import itertools

import numpy as np
import pytest

from fer_keras.datasets.faces import Split
from fer_keras.recipe.augmentation import AugmentationSection
from fer_keras.training.input_pipeline import make_train_dataset


def numbered(n: int, classes: int = 1) -> Split:
    """Faces of (4, 1, 1) pixels that are the bytes of their row number."""
    images = np.arange(n, dtype=np.uint32).view(np.uint8).reshape(n, 4, 1, 1)
    return Split(images, np.arange(n) % classes, np.arange(n).astype(str))


def drawn(split: Split, steps: range, *, classes: int = 1, batch: int | None = None, **options) -> np.ndarray:
    """Row numbers (steps, batch) of the faces of some steps; without ``batch`` a step is an epoch."""
    dataset = make_train_dataset(
        split, classes=classes, augmentation=AugmentationSection(), batch_size=batch or len(split),
        start_step=steps.start, stop_step=steps.stop, **options,
    )  # fmt: skip
    return np.stack([images.numpy().astype(np.uint8).reshape(-1, 4).view(np.uint32).ravel() for images, _ in dataset])


def places(orders: np.ndarray) -> np.ndarray:
    """Orders (epochs, n) to the place (epochs, n) of each face in them."""
    return np.argsort(orders, axis=1)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def pairs(groups: np.ndarray) -> float:
    counts = np.unique(groups, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1) / 2).sum())


def meetings(orders: np.ndarray, batch: int) -> float:
    """How often two faces of a batch meet again in the next epoch, as a multiple of chance."""
    batches, n = places(orders) // batch, orders.shape[1]
    met = expected = 0.0
    for one, other in itertools.pairwise(batches):
        met += pairs(one * n + other)
        expected += pairs(one) * pairs(other) / (n * (n - 1) / 2)
    return met / expected


@pytest.mark.parametrize(("n", "epochs", "batch"), [(55, 400, 8), (436, 300, 16), (28_709, 12, 128)])
@pytest.mark.parametrize("imbalance", ["none", "balanced_sampling"])
def test_epochs_are_as_unlike_as_independent_permutations(n, epochs, batch, imbalance):
    orders = drawn(numbered(n), range(epochs), seed=0, imbalance=imbalance)
    assert (np.sort(orders, axis=1) == np.arange(n)).all()
    ranks = places(orders)
    alike = [rank_correlation(one, other) for one, other in itertools.pairwise(ranks)]
    assert abs(np.mean(alike)) < 0.03
    assert np.abs(alike).max() < 6 / np.sqrt(n)
    assert meetings(orders, batch) == pytest.approx(1, abs=0.1)


def test_no_epoch_of_a_small_class_comes_twice():
    orders = drawn(numbered(55), range(600), seed=0)
    assert len({order.tobytes() for order in orders}) == 600


@pytest.mark.parametrize("imbalance", ["none", "balanced_sampling"])
def test_seeds_that_share_their_low_bytes_are_other_orders(imbalance):
    seeds = (0, 1, 256, 65_536, 2**31, 2**31 - 1, 2**40)
    orders = np.concatenate([drawn(numbered(436), range(1), seed=seed, imbalance=imbalance) for seed in seeds])
    ranks = places(orders)
    for one in range(len(seeds)):
        for other in range(one):
            assert abs(rank_correlation(ranks[one], ranks[other])) < 0.25, (seeds[one], seeds[other])


def test_classes_in_turn_are_ordered_independently():
    """Faces 0, 7, 14 ... of class 0 beside 1, 8, 15 ... of class 1: their places must not be the same."""
    n = 7 * 436
    order = drawn(numbered(n, 7), range(1), classes=7, seed=5, imbalance="balanced_sampling")[0]
    ranks = np.stack([np.argsort(order[order % 7 == label] // 7) for label in range(7)])
    alike = np.corrcoef(ranks) - np.eye(7)
    assert np.abs(alike).max() < 0.25


EARLIER = {
    "none": [
        [40, 0, 4, 27, 41, 7, 24, 34, 31, 21, 32, 8, 22, 25],
        [32, 41, 5, 23, 36, 37, 21, 24, 1, 29, 33, 13, 15, 0],
    ],
    "balanced_sampling": [
        [0, 29, 2, 3, 32, 12, 34, 28, 22, 37, 38, 25, 26, 20],
        [14, 15, 23, 24, 18, 26, 13, 35, 8, 9, 10, 4, 5, 20],
    ],
}


@pytest.mark.parametrize(("imbalance", "expected"), EARLIER.items())
def test_a_run_that_began_in_the_earlier_order_can_end_in_it(imbalance, expected):
    """The numbers were written by the version whose orders were not hashed."""
    rows = drawn(numbered(42, 7), range(5, 7), classes=7, batch=14, seed=3, imbalance=imbalance, shuffle="unhashed")
    assert rows.tolist() == expected
