"""The counter-based generator: uniform, independent of its neighbours, the same in every batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from fer_keras.augmentation.batch import DRAWS
from fer_keras.augmentation.stateless_random import pixel_noise, random_words, uniform

SIZE = 16  # seeds, epochs; indices are 16 times as many
ENOUGH = 1e-6  # smallest p-value that a fixed, deterministic sample may show


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    """Uniform numbers of neighbouring keys: (seed, epoch, index, draw)."""
    keys = np.array(list(itertools.product(range(SIZE), range(SIZE), range(16 * SIZE))))
    return uniform(random_words(keys, 22)).numpy().reshape(SIZE, SIZE, 16 * SIZE, 22)


def test_the_64_bit_words_are_those_of_splitmix64():
    """Published first outputs of SplitMix64 for the seed 0: the finaliser on multiples of the golden ratio."""
    from fer_keras.augmentation import stateless_random

    counters = tf.constant([1, 2, 3], tf.uint64) * tf.constant(stateless_random._GOLDEN, tf.uint64)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert stateless_random._mix64(counters).numpy().tolist() == expected


def test_every_draw_is_uniform(cube):
    for draw in range(cube.shape[-1]):
        counts, _ = np.histogram(cube[..., draw], bins=64, range=(0, 1))
        assert stats.chisquare(counts).pvalue > ENOUGH
    assert cube.min() >= 0
    assert cube.max() < 1


@pytest.mark.parametrize("axis", range(4), ids=["seed", "epoch", "index", "draw"])
def test_neighbours_are_independent(cube, axis):
    """Correlation, and a chi-square test of pairs, along each part of the key."""
    first, second = np.delete(cube, -1, axis).ravel(), np.delete(cube, 0, axis).ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))
    pairs, _, _ = np.histogram2d(first, second, bins=16, range=[(0, 1), (0, 1)])
    assert stats.chisquare(pairs.ravel()).pvalue > ENOUGH


def test_seed_epoch_and_index_do_not_stand_for_each_other():
    keys = np.array(list(itertools.permutations(range(30), 3)))
    assert len(np.unique(random_words(keys, 1).numpy())) == len(keys)


def test_each_bit_of_the_key_flips_half_of_the_word():
    base = np.array([[12345, 67, 8901]])
    for part, bit in itertools.product(range(3), range(31)):
        changed = base.copy()
        changed[0, part] ^= 1 << bit
        words = [random_words(keys, 64).numpy() for keys in (base, changed)]
        flipped = np.unpackbits((words[0] ^ words[1]).view(np.uint8)).mean()
        assert 0.45 < flipped < 0.55


def test_int32_and_int64_keys_give_the_same_words():
    keys = np.array([[3, 2, 1], [2**31 - 1, 0, 5]])
    words = [random_words(tf.constant(keys, dtype), 5).numpy() for dtype in (tf.int32, tf.int64)]
    np.testing.assert_array_equal(*words)


def test_a_word_does_not_depend_on_how_many_are_drawn():
    keys = np.arange(30).reshape(10, 3)
    np.testing.assert_array_equal(random_words(keys, 4), random_words(keys, len(DRAWS))[:, :4])


def test_noise_is_uniform_and_differs_between_pixels_and_images():
    noise = pixel_noise(random_words(np.arange(192).reshape(64, 3), 1)[:, 0], 48, 48, 2).numpy()
    assert noise.shape == (64, 48, 48, 2)
    assert stats.chisquare(np.bincount(noise.astype(int).ravel(), minlength=256)).pvalue > ENOUGH
    flat = noise.reshape(64, -1)
    limit = 5 / np.sqrt(flat.size)
    for first, second in ((flat[:-1], flat[1:]), (flat[:, :-1], flat[:, 1:]), (flat[:, :-96], flat[:, 96:])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < limit
