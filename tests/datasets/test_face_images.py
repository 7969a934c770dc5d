"""The temporary file of prepared faces."""

import io

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets.face_images import FaceSpool, encode_png
from fer_keras.errors import ImageDecodeError
from fer_keras.imaging import decode_gray, resize_gray


def noise(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8)


def test_the_spool_returns_what_went_in(tmp_path):
    faces, spool = [noise(40, 40), noise(80, 80), noise(30, 60)], FaceSpool(tmp_path, 40)
    for face in (faces[0], faces[1], faces[0], faces[2]):
        spool.append(encode_png(face))
    for index, face in ((2, faces[0]), (0, faces[0]), (1, faces[1])):
        np.testing.assert_array_equal(decode_gray(spool[index]), resize_gray(face, 40))
    assert (spool.digests[0], spool.not_square) == (spool.digests[2], 1)
    assert len(set(spool.digests)) == 3
    assert list(tmp_path.iterdir()) == []  # nothing is left behind, even by a killed process


def test_a_broken_image_leaves_the_spool_as_it_was(tmp_path):
    spool, buffer = FaceSpool(tmp_path, 40), io.BytesIO()
    Image.fromarray(noise(40, 40)).save(buffer, "JPEG")
    with pytest.raises(ImageDecodeError):
        spool.append(buffer.getvalue()[:200])
    spool.append(buffer.getvalue())
    np.testing.assert_array_equal(decode_gray(spool[0]), decode_gray(buffer.getvalue()))
