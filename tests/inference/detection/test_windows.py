"""Parts of a picture, candidates that are cut off, and the one list of faces."""

import numpy as np
import pytest

from fer_keras.inference.detection.windows import (
    SURE_FACE,
    Window,
    cut_window,
    is_cut_off,
    make_windows,
    merge_candidates,
)


def box(left, top, right, bottom, *points):
    return np.array([(left, top), (right, bottom), *points], float)


def test_without_small_faces_the_whole_picture_is_one_window():
    assert list(make_windows(640, 480, 192, None)) == [Window(0, -80, 640)]
    assert list(make_windows(100, 301, 192, None)) == [Window(-101, 0, 301)]


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (640, 480), (300, 2000), (5000, 90), (193, 193)])
@pytest.mark.parametrize("min_face", [10, 24, 60])
def test_every_face_lies_whole_in_a_window_in_which_it_is_large_enough(width, height, min_face):
    windows = np.array([(w.left, w.top, w.side) for w in make_windows(width, height, 192, min_face)], float)
    rng = np.random.default_rng(0)
    for _ in range(300):
        side = min_face * (min(width, height) / min_face) ** rng.random() if min(width, height) > min_face else min_face
        left, top = rng.random(2) * np.maximum([width - side, height - side], 0)
        inside = (windows[:, 0] <= left) & (windows[:, 1] <= top)
        inside &= (windows[:, 0] + windows[:, 2] >= left + side) & (windows[:, 1] + windows[:, 2] >= top + side)
        large = side * 192 / windows[:, 2] >= SURE_FACE * 0.99
        assert (inside & large).any(), (left, top, side)


def test_more_windows_for_smaller_faces_and_none_for_a_small_picture():
    counts = [len(list(make_windows(4000, 3000, 192, side))) for side in (None, 200, 60, 20)]
    assert counts == sorted(set(counts))
    assert counts[0] == 1
    assert len(list(make_windows(150, 120, 192, 20))) == 1


def test_a_window_that_reaches_beyond_is_filled_up_with_black():
    image = np.full((50, 100, 3), 200, np.uint8)
    cut = cut_window(image, Window(0, -25, 100), 40)
    assert cut.shape == (40, 40, 3)
    assert (cut[:10] == 0).all()
    assert (cut[10:30] == 200).all()
    assert (cut[30:] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3, 3), (7, 5, 3)])
def test_any_picture_is_cut(shape):
    image = np.full(shape, 200, np.uint8)
    for window in make_windows(shape[1], shape[0], 192, 10):
        assert cut_window(image, window, 192).max() == 200


def test_candidates_that_go_on_beyond_an_inner_edge_are_cut_off():
    """A window at the left edge of a picture of 300x100: its right edge is inside, the others are the picture's."""
    points = np.stack([box(-0.1, 0.2, 0.3, 0.6), box(0.8, 0.2, 1.1, 0.6), box(0.4, -0.2, 0.8, 0.3), box(2, 2, 3, 3)])
    assert is_cut_off(points, Window(0, 0, 100), 300, 100).tolist() == [False, True, False, True]


def test_candidates_that_overlap_become_their_weighted_mean():
    points = np.stack([box(0, 0, 10, 10, (2, 2)), box(2, 0, 12, 10, (4, 2)), box(50, 50, 60, 60, (1, 1))])
    first, second = merge_candidates(points, np.array([0.9, 0.6, 0.8]))
    np.testing.assert_allclose(first, box(0.8, 0, 10.8, 10, (2.8, 2)))  # 0.6 / 1.5 of the way
    np.testing.assert_allclose(second, points[2])


def test_a_part_of_a_face_is_no_second_one():
    points = np.stack([box(0, 0, 100, 100), box(30, 40, 50, 60)])
    (face,) = merge_candidates(points, np.array([0.9, 0.8]))
    np.testing.assert_allclose(face, points[0])  # and does not move it


def test_a_lone_candidate_needs_a_higher_score():
    points = np.stack([box(0, 0, 10, 10), box(50, 0, 60, 10), box(100, 0, 110, 10), box(101, 0, 111, 10)])
    found = merge_candidates(points, np.array([0.6, 0.8, 0.6, 0.6]), lone_score=0.7)
    assert sorted(float(face[0, 0]) for face in found) == [50, 100.5]
    assert merge_candidates(np.zeros((0, 8, 2)), np.zeros(0)) == []
