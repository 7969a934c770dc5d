"""Numbers of faces, flow between detections, smoothing."""

import cv2
import numpy as np
import pytest
from video_files import picture

from fer_keras.inference.boxes import Box, iou
from fer_keras.inference.video.following import flow_picture, follow_boxes
from fer_keras.inference.video.tracking import ExponentialSmoother, FaceTracker, overlap_table, smoothing_lag


def numbers(tracker):
    return [track.face for track in tracker.visible]


def test_faces_keep_their_numbers_when_the_detector_changes_the_order():
    tracker = FaceTracker()
    left, right = Box(0, 0, 40, 40), Box(100, 0, 40, 40)
    tracker.detected([left, right], 0.0)
    tracker.detected([Box(104, 2, 40, 40), Box(3, 0, 40, 40)], 0.2)
    assert {track.face: track.box.left for track in tracker.visible} == {0: 3, 1: 104}


def test_assignment_is_the_best_of_all_and_not_greedy():
    """The greedy pair (track 0, first box) would leave track 1 without a box."""
    tracker = FaceTracker(min_iou=0.2)
    tracker.detected([Box(0, 0, 40, 40), Box(20, 0, 40, 40)], 0.0)
    tracker.detected([Box(14, 0, 40, 40), Box(-16, 0, 40, 40)], 0.2)
    assert {track.face: track.box.left for track in tracker.tracks} == {0: -16, 1: 14}


def test_a_confirmed_face_is_held_for_a_while_then_hidden_then_forgotten():
    tracker, box = FaceTracker(coast=0.5, max_gap=2.0), Box(0, 0, 40, 40)
    tracker.detected([box], 0.0)
    tracker.detected([box], 0.2)
    assert tracker.detected([], 0.6) == set()
    assert numbers(tracker) == [0]
    tracker.detected([], 0.8)
    assert numbers(tracker) == []
    tracker.detected([box], 2.1)
    assert numbers(tracker) == [0], "back within two seconds"
    assert tracker.detected([], 4.2) == {0}
    tracker.detected([box], 4.4)
    assert numbers(tracker) == [1], "a number is never given twice"


def test_a_detection_that_is_not_repeated_vanishes_at_once():
    tracker = FaceTracker()
    tracker.detected([Box(0, 0, 40, 40)], 0.0)
    tracker.detected([], 0.2)
    assert numbers(tracker) == []


def test_what_was_seen_in_a_few_frames_is_not_held():
    tracker = FaceTracker()
    for at in range(4):
        tracker.detected([Box(0, 0, 40, 40)], at / 30)
    tracker.detected([], 4 / 30)
    assert numbers(tracker) == []


def test_flow_is_asked_for_what_no_detection_continues_and_may_find_its_detection():
    """The second face has moved so far that its boxes do not overlap; flow tells where it is."""
    asked = []

    def follow(boxes):
        asked.append(boxes)
        return [Box(130, 0, 40, 40)]

    tracker = FaceTracker()
    tracker.detected([Box(0, 0, 40, 40), Box(80, 0, 40, 40)], 0.0)
    tracker.detected([Box(1, 0, 40, 40), Box(132, 0, 40, 40)], 0.1, follow)
    assert asked == [[Box(80, 0, 40, 40)]]
    assert {track.face: track.box.left for track in tracker.visible} == {0: 1, 1: 132}
    tracker.detected([Box(1, 0, 40, 40), Box(132, 0, 40, 40)], 0.2, follow)
    assert len(asked) == 1, "nothing to ask where all boxes go on"


def test_overlaps_of_many_boxes_at_once():
    random = np.random.default_rng(0)
    first, second = ([Box(*map(float, row)) for row in random.uniform(1, 60, (count, 4))] for count in (7, 9))
    expected = [[iou(one, other) for other in second] for one in first]
    np.testing.assert_allclose(overlap_table(first, second), expected, atol=1e-12)


def test_far_boxes_are_new_faces():
    tracker = FaceTracker()
    tracker.detected([Box(0, 0, 40, 40)], 0.0)
    tracker.detected([Box(80, 0, 40, 40)], 0.2)
    assert numbers(tracker) == [1]
    assert tracker.count == 2


@pytest.mark.parametrize(("shift", "down"), [(3, 0), (0, -4), (6, 5)])
def test_flow_follows_a_shift(shift, down):
    before, after = (flow_picture(picture((50 + dx, 40 + dy, 120))) for dx, dy in ((0, 0), (shift, down)))
    (moved,) = follow_boxes(before, after, [Box(50, 40, 40, 40)], 1.0)
    assert iou(moved, Box(50 + shift, 40 + down, 40, 40)) > 0.9


def test_flow_follows_growth_in_a_large_frame():
    """The pictures are reduced for the flow; boxes stay in pixels of the full frame."""
    large = cv2.resize(picture((50, 40, 120)), (960, 720))
    matrix = cv2.getRotationMatrix2D((420, 360), 0, 1.1)
    small = [flow_picture(image) for image in (large, cv2.warpAffine(large, matrix, (960, 720)))]
    assert small[0].shape == (240, 320)
    (moved,) = follow_boxes(*small, [Box(300, 240, 240, 240)], 320 / 960)
    assert iou(moved, Box(288, 228, 264, 264)) > 0.88


def test_flow_gives_up_when_the_scene_is_cut():
    random = np.random.default_rng(0)
    before, after = (random.integers(0, 256, (120, 160)).astype(np.uint8) for _ in range(2))
    assert follow_boxes(before, after, [Box(50, 40, 40, 40)], 1.0) == [None]


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_half_of_a_step_shows_after_the_stated_lag_at_any_frame_rate(fps):
    smoother, before, after = ExponentialSmoother(0.3), np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    smoother.update(0, 0.0, before)
    times = np.arange(1, 3 * fps) / fps
    values = np.array([smoother.update(0, t, after)[1] for t in times])
    crossed = times[np.argmax(values >= 0.5)]
    assert smoothing_lag(0.3) == pytest.approx(0.2079, abs=1e-4)
    assert 0 <= crossed - smoothing_lag(0.3) < 1 / fps + 1e-6
    assert values[-1] > 0.999


def test_smoothing_keeps_sums_and_faces_apart_and_can_be_off():
    random = np.random.default_rng(1).dirichlet([1] * 7, size=50).astype(np.float32)
    smoother = ExponentialSmoother(0.3)
    smoothed = np.stack([smoother.update(at % 2, at / 30, row) for at, row in enumerate(random)])
    np.testing.assert_allclose(smoothed.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(smoothed[1], random[1], "the first value of face 1 is its own")
    off = ExponentialSmoother(0)
    assert all((off.update(0, at, row) == row).all() for at, row in enumerate(random))
    with pytest.raises(ValueError, match="at least 0"):
        ExponentialSmoother(-1)
