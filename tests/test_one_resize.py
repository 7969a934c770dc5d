"""One photograph on every way to a network: the same 48x48 pixels reach all of them."""

import base64
import io
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from deploy_guide import LANGUAGES, can_run, resizer
from PIL import Image

from fer_keras.comparison.pictures import read_pictures
from fer_keras.datasets import load_faces
from fer_keras.explanation.report import read_faces
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.imaging import decode_gray
from fer_keras.inference import Box, Predictor
from fer_keras.inference.pictures import read_picture
from fer_keras.inference.video.predict import FrameAnalysis
from fer_keras.inference.video.reader import Frame
from fer_keras.webapp.analysis import analyse_picture

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "photos"
SIDE = 48


def photograph(width, height, kind="JPEG", **options):
    """Coarse shapes with noise, in colour."""
    rng = np.random.default_rng(width)
    coarse = np.kron(rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))
    pixels = np.clip(coarse[:height, :width] + rng.normal(0, 12, (height, width, 3)), 0, 255)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


FILES = {
    "large.jpg": photograph(301, 301),
    "halves.png": photograph(160, 160, "PNG"),  # whose means are often half way between two values
    "small.png": photograph(31, 31, "PNG"),
    "wide_and_low.jpg": photograph(150, 40),
    "turned.jpg": photograph(120, 90, exif=turned()),
    **{path.name: path.read_bytes() for path in sorted(PHOTOS.glob("*.jpg"))[:2]},
}


def weights(old):
    """(48, old) by the definition: parts of an area, or linear between centres."""
    news, olds = np.arange(SIDE)[:, None], np.arange(old)
    if old > SIDE:
        common = np.minimum((news + 1) * old, (olds + 1) * SIDE) - np.maximum(news * old, olds * SIDE)
        return np.maximum(common, 0)
    centres = np.clip((2 * news + 1) * old - SIDE, 0, 2 * SIDE * (old - 1))
    return np.maximum(2 * SIDE - np.abs(centres - 2 * SIDE * olds), 0)


def defined(gray):
    """(48, 48) in whole numbers, halves rounded up."""
    rows, columns = weights(gray.shape[0]), weights(gray.shape[1])
    total = rows[0].sum() * columns[0].sum()
    return (2 * (rows @ gray.astype(np.int64) @ columns.T) + total) // (2 * total)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files in every split, one class of them and one of another picture: a tree of training data."""
    place = tmp_path_factory.mktemp("photographs")
    for split in ("train", "val", "test"):
        for label in ("happy", "sad"):
            (place / split / label).mkdir(parents=True)
        (place / split / "sad" / "other.png").write_bytes(photograph(50, 50, "PNG"))
        for name, content in FILES.items():
            (place / split / "happy" / name).write_bytes(content)
    return place


@pytest.fixture(scope="module")
def predictor():
    return Predictor(detector=None)


@pytest.fixture(scope="module")
def trained_on(folder, tmp_path_factory):
    split = load_faces(folder, cache_dir=tmp_path_factory.mktemp("cache")).splits["train"]
    return {Path(str(name)).name: image for name, image in zip(split.ids, split.images[..., 0], strict=True)}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A SavedModel whose seven outputs change with every pixel."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(7)]
    path = tmp_path_factory.mktemp("served") / "savedmodel"
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), *layers])
    export_savedmodel(model, [f"class{i}" for i in range(7)], path)
    return tf.saved_model.load(str(path))


def by_page(content, name, predictor):
    (face,) = analyse_picture(content, name, [predictor], whole=True).faces
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(face.crop.partition(",")[2]))))


@pytest.mark.parametrize("name", FILES)
def test_every_way_gives_the_defined_pixels(name, folder, trained_on, predictor, served):
    content, path = FILES[name], folder / "train" / "happy" / name
    expected = defined(decode_gray(content))
    (compared,), _ = read_pictures(_alone(path), ["happy"], [SIDE])
    ways = {
        "training": trained_on[name],
        "predict": predictor.crop(read_picture(content), None)[..., 0],
        "page": by_page(content, name, predictor),
        "explain": read_faces([path], SIDE).images[0, ..., 0],
        "compare": compared.pixels[..., 0],
    }
    for way, pixels in ways.items():
        np.testing.assert_array_equal(pixels, expected, err_msg=way)
    bytes_in = served.signatures["serve_bytes"](image_bytes=tf.constant([content]))
    pixels_in = served.signatures["serving_uint8"](images=tf.constant(expected[None, ..., None], tf.uint8))
    np.testing.assert_array_equal(bytes_in["probabilities"], pixels_in["probabilities"])


def _alone(path):
    """A folder of one class with this picture alone."""
    place = path.parents[2] / "alone" / path.stem
    (place / "happy").mkdir(parents=True, exist_ok=True)
    (place / "happy" / path.name).write_bytes(path.read_bytes())
    return place


def test_the_served_answer_would_tell_one_pixel_by_one(served):
    pixels = np.full((1, SIDE, SIDE, 1), 100, np.uint8)
    before = served.signatures["serving_uint8"](images=tf.constant(pixels))["probabilities"].numpy()
    for place in ((0, 0), (20, 31), (47, 47)):
        other = pixels.copy()
        other[0, *place, 0] += 1
        after = served.signatures["serving_uint8"](images=tf.constant(other))["probabilities"].numpy()
        assert (before != after).any()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guides_code_gives_the_defined_pixels(language, tmp_path):
    if not can_run(language):
        pytest.skip(f"needs {LANGUAGES[language]}")
    resize = resizer(language, tmp_path)
    for name, content in FILES.items():
        gray = decode_gray(content)
        np.testing.assert_array_equal(resize(gray, SIDE), defined(gray), err_msg=name)


@pytest.mark.parametrize("place", [Box(20, 31, 160, 160), Box(20.4, 30.6, 100.3, 96), Box(3, 5, 30, 30)])
def test_boxes_of_pictures_and_of_video_frames_are_cut_alike(place, predictor):
    picture = read_picture(FILES["large.jpg"])
    side = round(max(place.width, place.height))
    square = place.squared()
    left, top = int(np.floor(square.left + 0.5)), int(np.floor(square.top + 0.5))
    gray = np.asarray(Image.fromarray(picture).convert("L"))[top : top + side, left : left + side]
    np.testing.assert_array_equal(predictor.crop(picture, place)[..., 0], defined(gray))


def test_a_frame_of_a_video_is_a_picture(predictor, monkeypatch):
    seen = []
    monkeypatch.setattr(predictor, "_score", lambda crops: seen.append(crops) or np.full((len(crops), 7), 1 / 7))
    analysis = FrameAnalysis(predictor, "video")
    picture = read_picture(FILES["large.jpg"])
    analysis.add(Frame(0, 0.0, picture))
    np.testing.assert_array_equal(seen[0][0, ..., 0], defined(decode_gray(FILES["large.jpg"])))


def test_the_photographs_of_people_are_there():
    if not PHOTOS.is_dir():
        pytest.skip(f"no photographs in {PHOTOS}")
    assert any(name.startswith("200") for name in FILES)
