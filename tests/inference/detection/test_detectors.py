"""Face detectors: what Haar finds, and clear words for what is missing."""

import importlib.util
import os

import numpy as np
import pytest
from composed_pictures import box_at, compose
from PIL import Image

from fer_keras.errors import InputError
from fer_keras.inference.boxes import iou
from fer_keras.inference.detection.detectors import make_detector


@pytest.fixture(scope="module")
def haar():
    return make_detector("haar")


@pytest.mark.parametrize("gray", [False, True])
def test_haar_finds_two_faces(haar, gray):
    image = compose([(70, 70), (400, 240)])
    boxes = haar.detect(image[..., 0] if gray else image)
    assert len(boxes) == 2
    for place in (box_at(70, 70), box_at(400, 240)):
        assert max(iou(place, box) for box in boxes) > 0.4


def test_boxes_are_in_pixels_of_the_picture_however_large(haar):
    image = compose([(100, 80)])
    [small] = haar.detect(image)
    [large] = haar.detect(np.kron(image, np.ones((5, 5, 1), np.uint8)))  # 3200 pixels wide: searched at 1024
    assert iou(small.scaled(5), large) > 0.7


def test_no_face_is_an_empty_list(haar):
    assert haar.detect(np.full((300, 400), 99, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 11000), (11000, 1, 3), (20, 20, 3)])
def test_any_size_is_searched(haar, shape):
    assert haar.detect(np.zeros(shape, np.uint8)) == []


def test_a_larger_side_finds_smaller_faces(haar):
    image = np.full((1600, 2400), 118, np.uint8)
    face = Image.fromarray(compose([(60, 60)], (280, 280))[..., 0]).resize((105, 105), Image.Resampling.BOX)
    image[800:905, 800:905] = face  # 60 pixels of face: 16 when the picture is reduced to 640
    assert haar.detect(image) == []
    assert len(make_detector("haar:2400").detect(image)) == 1


def test_none_is_no_detector():
    assert make_detector("none") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("harr", "Did you mean 'haar'"),
        ("blazface", "Did you mean 'blazeface'"),
        ("blazeface:x", "blazeface:PIXELS"),
        ("haar:x", "unknown face detector"),
        ("haar:0", "haar:SIDE"),
        ("yunet", "yunet:PATH"),
        ("yunet:nowhere.onnx", "nowhere.onnx"),
    ],
)
def test_wrong_names_say_what_is_allowed(name, words):
    with pytest.raises(InputError, match=words):
        make_detector(name)


@pytest.mark.skipif(importlib.util.find_spec("mtcnn") is not None, reason="mtcnn is installed")
def test_a_missing_package_is_named():
    with pytest.raises(InputError, match="pip install"):
        make_detector("mtcnn")


@pytest.mark.skipif("YUNET_PATH" not in os.environ, reason="no YuNet model file in YUNET_PATH")
def test_yunet_takes_any_picture():
    detector = make_detector(f"yunet:{os.environ['YUNET_PATH']}")
    assert isinstance(detector.detect(compose([(20, 30)])), list)
