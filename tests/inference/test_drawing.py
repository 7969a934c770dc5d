"""Annotated copies: sizes, places of labels, contrast."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from fer_keras.errors import InputError
from fer_keras.inference.boxes import Box
from fer_keras.inference.drawing import (
    GROUND,
    LINE,
    MUTED_LINE,
    NO_FACE,
    TEXT,
    draw_predictions,
    label_of,
    save_annotated,
)
from fer_keras.inference.results import Prediction


def face(left, top, width, height, uncertain=False):
    box = Box(left, top, width, height)
    return Prediction("x", 0, 0.0, 0, True, box, "surprise", 0.87, uncertain, {"surprise": 0.87})


def rows_of(image, color):
    return np.flatnonzero((image == color).all(axis=-1).any(axis=1))


@pytest.mark.parametrize("size", [(20, 20), (48, 640), (640, 480), (3000, 4000)])
def test_the_size_stays_and_the_line_grows_with_it(size):
    height, width = size
    drawn = draw_predictions(np.full(size, 120, np.uint8), [face(width * 0.2, height * 0.3, width / 2, height / 2)])
    assert drawn.shape == (*size, 3)
    assert drawn.dtype == np.uint8
    if min(size) >= 48:  # in 20 pixels the label is all that there is room for
        thickness = (drawn[:, width // 2] == LINE).all(axis=-1).sum() / 2  # upper and lower edge
        assert thickness >= max(1, 0.003 * (width * height) ** 0.5)


def test_small_copies_are_enlarged():
    assert draw_predictions(np.zeros((24, 48), np.uint8), [Prediction("x")], enlarge=True).shape == (160, 320, 3)


@pytest.mark.parametrize(
    "box", [(0, 0, 200, 200), (-30, -40, 90, 90), (250, 200, 90, 90), (0, 0, 320, 240), (5, 5, 4, 4)]
)
def test_the_label_is_inside_and_legible_wherever_the_box_is(box):
    drawn = draw_predictions(np.full((240, 320), 120, np.uint8), [face(*box)])
    ground = (drawn == GROUND).all(axis=-1)
    white = drawn.min(axis=-1) > 200
    assert ground.sum() > 500  # a whole plate, not a corner of it
    assert white.sum() > 100
    assert not white[:, -1].any()


def test_uncertain_and_no_face_say_so():
    assert label_of(face(0, 0, 9, 9)) == "surprise 87%"
    assert label_of(face(0, 0, 9, 9, uncertain=True)) == "surprise? 87%"
    assert label_of(Prediction("x")) == NO_FACE
    drawn = draw_predictions(np.full((240, 320, 3), 50, np.uint8), [face(100, 100, 80, 80, uncertain=True)])
    assert len(rows_of(drawn, MUTED_LINE))
    assert not len(rows_of(drawn, LINE))


def test_the_picture_itself_is_not_changed():
    image = np.full((60, 60, 3), 50, np.uint8)
    draw_predictions(image, [face(10, 10, 20, 20)])
    assert (image == 50).all()


def test_a_copy_is_written_whole_and_never_over_a_source(tmp_path):
    path = tmp_path / "new" / "ä.jpg"
    save_annotated(np.full((400, 500), 80, np.uint8), [face(100, 100, 80, 80)], path)
    with Image.open(path) as copy:
        assert copy.size == (500, 400)
        assert not copy.getexif()
    with pytest.raises(InputError, match="replace"):
        save_annotated(np.full((40, 50), 80, np.uint8), [], path, {path.resolve()})


def plates(image):
    """(H, W) bool: where labels stand, on a picture without a pixel of their ground."""
    return (image == GROUND).all(axis=-1) | (image == TEXT).all(axis=-1)


def test_labels_of_neighbours_cover_neither_each_other_nor_a_face():
    faces = [face(40 + 90 * column, 60 + 110 * row, 60, 60) for row in range(4) for column in range(6)]
    image = np.full((520, 640, 3), 120, np.uint8)
    alone = [plates(draw_predictions(image, [one])).sum() for one in faces]
    drawn = draw_predictions(image, faces)
    inside = [
        drawn[int(f.box.top) + 8 : int(f.box.bottom) - 8, int(f.box.left) + 8 : int(f.box.right) - 8] for f in faces
    ]
    assert not any(plates(part).any() for part in inside)
    crowded, roomy = plates(drawn).sum(), sum(alone)
    assert 0.3 * roomy < crowded < 0.9 * roomy, "in smaller letters, and all are there"


def test_a_frame_is_copied_once():
    image = np.full((2160, 3840, 3), 120, np.uint8)
    draw_predictions(image, [face(100, 100, 80, 80)])
    tracemalloc.start()
    draw_predictions(image, [face(100, 100, 80, 80)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * image.nbytes
