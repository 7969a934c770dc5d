"""Resizing, and the temporary file of prepared faces."""

import io

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets.face_images import FaceSpool, encode_png, resize_gray
from fer_keras.errors import ImageDecodeError
from fer_keras.imaging import decode_gray


def noise(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8)


def test_the_right_size_is_left_alone():
    gray = noise(48, 48)
    assert resize_gray(gray, 48) is gray


def test_shrinking_averages_areas():
    gray = noise(96, 96)
    blocks = gray.reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(resize_gray(gray, 48) - blocks).max() <= 0.5


def test_shrinking_by_a_fraction_weights_by_area():
    gray = np.tile(np.array([0, 90, 240], np.uint8), (3, 1))
    assert resize_gray(gray, 2)[0].tolist() == [30, 190]  # (0 + 90 / 2) / 1.5 and (90 / 2 + 240) / 1.5


def test_one_side_may_shrink_while_the_other_grows():
    column = np.linspace(0, 255, 24).astype(np.uint8)
    gray = np.repeat(column[:, None], 96, axis=1)  # (24, 96)
    face = resize_gray(gray, 48)
    assert face.shape == (48, 48)
    assert (face == face[:, :1]).all()
    assert (np.diff(face[:, 0].astype(int)) >= 0).all()
    assert len(np.unique(face[:, 0])) > 24  # in between, not repeated


def test_the_spool_returns_what_went_in(tmp_path):
    faces, spool = [noise(40, 40), noise(80, 80), noise(30, 60)], FaceSpool(tmp_path, 40)
    for face in (faces[0], faces[1], faces[0], faces[2]):
        spool.append(encode_png(face))
    for index, face in ((2, faces[0]), (0, faces[0]), (1, faces[1])):
        np.testing.assert_array_equal(decode_gray(spool[index]), resize_gray(face, 40))
    assert (spool.digests[0], spool.stretched) == (spool.digests[2], 1)
    assert len(set(spool.digests)) == 3
    assert list(tmp_path.iterdir()) == []  # nothing is left behind, even by a killed process


def test_a_broken_image_leaves_the_spool_as_it_was(tmp_path):
    spool, buffer = FaceSpool(tmp_path, 40), io.BytesIO()
    Image.fromarray(noise(40, 40)).save(buffer, "JPEG")
    with pytest.raises(ImageDecodeError):
        spool.append(buffer.getvalue()[:200])
    spool.append(buffer.getvalue())
    np.testing.assert_array_equal(decode_gray(spool[0]), decode_gray(buffer.getvalue()))
