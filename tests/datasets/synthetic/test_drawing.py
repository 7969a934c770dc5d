"""The drawing is deterministic, in range, and changes with the label only where the face is."""

import numpy as np
import pytest

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.emotions import FER7
from fer_keras.errors import InputError

EVERY_EMOTION = np.arange(len(FER7))


def draw(emotion, n=40, seed=7):
    return draw_faces(np.full(n, FER7.index(emotion)), seed)[..., 0].astype(int)


def test_shape_dtype_and_use_of_the_range():
    images = draw_faces(np.repeat(EVERY_EMOTION, 30), 1)
    assert images.shape == (210, 48, 48, 1)
    assert images.dtype == np.uint8
    assert images.min() < 10
    assert images.max() > 245
    assert (images.std(axis=(1, 2, 3)) > 5).all()


def test_no_labels_give_no_faces():
    assert draw_faces(np.array([]), 1).shape == (0, 48, 48, 1)


def test_the_seed_decides_the_pixels():
    np.testing.assert_array_equal(draw_faces(EVERY_EMOTION, 5), draw_faces(EVERY_EMOTION, 5))
    assert (draw_faces(EVERY_EMOTION, 5) != draw_faces(EVERY_EMOTION, 6)).any(axis=(1, 2, 3)).all()


def test_more_labels_leave_the_first_faces_as_they_are():
    labels = np.arange(250) % len(FER7)  # more than one chunk
    np.testing.assert_array_equal(draw_faces(labels, 5)[:130], draw_faces(labels[:130], 5))


@pytest.mark.parametrize("emotion", FER7[:-1])
def test_an_expression_leaves_the_background_alone(emotion):
    neutral, shown = draw("neutral"), draw(emotion)
    for corner in (np.s_[:, :8, :8], np.s_[:, :8, -8:]):
        np.testing.assert_array_equal(neutral[corner], shown[corner])
    assert (neutral != shown).any(axis=(1, 2)).all()


@pytest.mark.parametrize(("emotion", "moves_brows"), [("happy", False), ("surprise", True), ("angry", True)])
def test_the_change_is_round_the_features(emotion, moves_brows):
    change = np.abs(draw("neutral") - draw(emotion)).mean(axis=0)  # (48, 48)
    assert (change[8:20, 14:34].mean() > 4) == moves_brows  # brows and forehead
    assert change[8:46, 10:38].mean() > 10 * change[:4].mean()


def test_a_smile_lifts_the_corners_of_the_mouth_and_a_sad_mouth_drops_them():
    neutral = draw("neutral", n=300).mean(axis=0)
    for emotion, darker, lighter in (("happy", np.s_[31:33], np.s_[35:37]), ("sad", np.s_[35:37], np.s_[31:33])):
        change = draw(emotion, n=300).mean(axis=0) - neutral
        beside = [17, 18, 29, 30]  # columns of the two corners
        assert change[darker][:, beside].mean() < change[lighter][:, beside].mean() - 1, emotion


def test_mouth_falls_open_in_surprise_only_below_the_nose():
    change = draw("surprise", n=200).mean(axis=0) - draw("neutral", n=200).mean(axis=0)
    assert change[34:38, 22:26].mean() < -20


@pytest.mark.parametrize("labels", [np.zeros((2, 2), int), np.array([0.5]), np.array(["happy"]), [7], [-1]])
def test_labels_that_are_no_classes_are_refused(labels):
    with pytest.raises(InputError, match=r"integers 0\.\.6"):
        draw_faces(labels, 1)


@pytest.mark.parametrize("seed", [-1, 1.5, None, True])
def test_a_seed_that_would_not_repeat_is_refused(seed):
    with pytest.raises(InputError, match="seed"):
        draw_faces([0], seed)
