import numpy as np
import pytest

from fer_keras.errors import DataError
from fer_keras.export.tflite.calibration import representative_faces, select_calibration_faces


def numbered(labels):
    """Images whose first two pixels are their own row."""
    images = np.zeros((len(labels), 48, 48, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(len(labels)) // 256, np.arange(len(labels)) % 256
    return images


def rows_of(images):
    return images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]


def test_as_many_of_each_class_and_a_small_class_whole():
    labels = np.array([0] * 900 + [1] * 20 + [2] * 900)
    rows = rows_of(select_calibration_faces(numbered(labels), labels, 120))
    assert np.bincount(labels[rows]).tolist() == [50, 20, 50]
    assert (rows == np.sort(rows)).all()
    assert len(set(rows)) == 120
    assert {0, 899, 920, 1819} <= set(rows)  # at equal distances, from the first to the last


def test_the_same_faces_every_time_and_all_when_there_are_few():
    labels = np.arange(700) % 7
    first, second = (select_calibration_faces(numbered(labels), labels) for _ in range(2))
    assert len(first) == 500
    np.testing.assert_array_equal(first, second)
    assert len(select_calibration_faces(numbered(labels[:30]), labels[:30])) == 30


def test_no_faces_are_refused():
    with pytest.raises(DataError, match="needs training faces"):
        select_calibration_faces(np.zeros((0, 48, 48, 1), np.uint8), np.zeros(0, int))


def test_a_black_and_a_white_face_show_the_range_of_pixels():
    """One white pixel is blended with its neighbours where a network resizes what it is given."""
    faces = np.full((3, 48, 48, 1), 90, np.uint8)
    shown = [face for (face,) in representative_faces(faces, 48)]
    assert [(face.shape, face.min(), face.max()) for face in shown[:2]] == [
        ((1, 48, 48, 1), 0, 0),
        ((1, 48, 48, 1), 255, 255),
    ]
    np.testing.assert_array_equal(np.concatenate(shown[2:]), faces)
