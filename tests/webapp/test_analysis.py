"""Uploaded pictures, hostile and unusual ones too: what the visitor is told and shown."""

import base64
import io

import numpy as np
import pytest
from hostile_files import broken_files, encode, one_face, unusual_files, wall
from PIL import Image

from fer_keras.inference import Predictor
from fer_keras.webapp.analysis import analyse_picture
from fer_keras.webapp.markup import problem_card, result_card
from fer_keras.webapp.settings import FACES_SHOWN, UPLOAD_MB


@pytest.fixture(scope="module")
def predictor():
    return Predictor()


def opened(uri):
    kind, _, data = uri.partition(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_face(predictor):
    content = encode(one_face())
    result = analyse_picture(content, "a.png", [predictor])
    (face,) = result.faces
    assert [row.file for row in result.rows[0]] == ["a.png"]
    expected = predictor.predict(content)[0]
    assert (face.box, dict(face.predictions[0].probabilities)) == (expected.box, dict(expected.probabilities))
    kind, preview = opened(result.preview)
    assert (kind, preview.size, result.size) == ("data:image/jpeg", (320, 320), (320, 320))
    assert opened(face.crop)[1].size == (48, 48)


@pytest.mark.parametrize("name", broken_files())
def test_broken_files_are_told_in_one_sentence(predictor, name):
    content, told = broken_files()[name]
    result = analyse_picture(content, name, [predictor])
    assert told in result.error
    assert not result.preview
    card = problem_card(result.name, result.error)
    assert "<b onclick" not in card
    assert "Traceback" not in card


@pytest.mark.parametrize("name", unusual_files())
def test_unusual_files_are_understood(predictor, name):
    content, size, has_face = unusual_files()[name]
    result = analyse_picture(content, name, [predictor])
    assert (result.error, result.size, bool(result.faces)) == ("", size, has_face)
    assert result_card(result, ["m"])
    _, preview = opened(result.preview)
    assert max(preview.size) <= 1120
    assert not preview.getexif()


def test_a_turned_picture_is_shown_upright(predictor):
    content, *_ = unusual_files()["turned.jpg"]
    _, preview = opened(analyse_picture(content, "x", [predictor]).preview)
    difference = np.abs(np.asarray(preview.convert("L")).astype(int) - one_face()).mean()
    assert difference < 6


def test_eleven_megabytes_are_refused(predictor):
    result = analyse_picture(bytes((UPLOAD_MB + 1) * 2**20), "big.png", [predictor])
    assert "too large" in result.error


def test_a_picture_without_a_face_can_be_scored_whole(predictor):
    result = analyse_picture(wall(), "wall.png", [predictor])
    assert result.without_face
    assert [row.expression for row in result.rows[0]] == [None]
    whole = analyse_picture(wall(), "wall.png", [predictor], whole=True)
    assert (whole.without_face, whole.faces[0].box) == (False, None)
    assert whole.rows[0][0].face_found is False
    assert whole.rows[0][0].expression in predictor.classes


def test_two_models_answer_on_the_same_boxes(predictor):
    other = Predictor(tta="flip", detector=None)
    result = analyse_picture(encode(one_face()), "a.png", [predictor, other])
    first, second = result.faces[0].predictions
    assert first.box == second.box
    assert dict(first.probabilities) != dict(second.probabilities)


class Crowd:
    """Finds many faces."""

    name = "crowd"

    def detect(self, image):
        from fer_keras.inference.boxes import Box

        return [Box(5 * number, 3, 40, 40) for number in range(40)]


def test_a_crowd_is_shown_in_part_and_kept_whole():
    result = analyse_picture(encode(one_face()), "a.png", [Predictor(detector=Crowd())])
    assert (len(result.faces), len(result.rows[0])) == (FACES_SHOWN, 40)
    assert "16 smaller faces are in the CSV file" in result_card(result, ["m"])
