"""HTML of results: what is escaped, what is said of uncertain faces, which colours are used."""

from fer_keras.inference.boxes import Box
from fer_keras.inference.results import Prediction
from fer_keras.inference.timeline.figure import class_colors
from fer_keras.webapp.analysis import Face, PictureResult
from fer_keras.webapp.markup import answer, bars, face_card, result_card
from fer_keras.webapp.theme import paint

CLASSES = ("angry", "happy", "neutral")
SHARES = dict(zip(CLASSES, (0.1, 0.7, 0.2), strict=True))


def prediction(**changes):
    given = {"file": "a.png", "face": 0, "face_found": True, "box": Box(10, 20, 30, 40), "expression": "happy"}
    given |= {"confidence": 0.7, "uncertain": False, "probabilities": SHARES}
    return Prediction(**{**given, **changes})


def result(*predictions, name="a.png", size=(100, 200)):
    faces = tuple(Face(at, row.box, "data:,", (row,)) for at, row in enumerate(predictions))
    return PictureResult(name, "", size, "data:,", faces, (list(predictions),))


def test_names_of_files_models_and_classes_are_escaped():
    evil = "<img src=x onerror=alert(1)>\"'"
    row = prediction(expression=evil, probabilities={evil: 0.9, "b": 0.1})
    html = result_card(result(row, name=evil), [evil]) + face_card(Face(0, None, "data:,", (row, row)), [evil, evil])
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html
    assert 'onerror=alert(1)>"' not in html


def test_boxes_are_shares_of_the_picture():
    html = result_card(result(prediction()), ["m"])
    assert "left:10.00%;top:10.00%;width:30.00%;height:20.00%" in html


def test_a_box_outside_is_cut_and_one_beyond_is_not_drawn():
    html = result_card(result(prediction(box=Box(-50, -50, 100, 100)), prediction(box=Box(500, 0, 9, 9))), ["m"])
    assert "left:0.00%;top:0.00%;width:50.00%;height:25.00%" in html
    assert html.count('class="fk-box') == 1


def test_uncertain_is_said_and_the_nearest_class_is_smaller():
    html = answer(prediction(uncertain=True, confidence=0.41))
    assert 'data-expression="uncertain"' in html
    assert "nearest: happy 41 %" in html
    assert "apparent expression" in answer(prediction())


def test_colours_are_those_of_the_figures():
    assert [color for color, _ in paint(CLASSES).values()] == class_colors(CLASSES)
    html = bars(SHARES)
    assert all(color in html for color in class_colors(CLASSES))
    assert html.count("fk-top") == 1


def test_models_side_by_side_agree_or_differ():
    same = face_card(Face(0, None, "data:,", (prediction(), prediction())), ["one", "two"])
    other = face_card(Face(0, None, "data:,", (prediction(), prediction(expression="angry"))), ["one", "two"])
    assert ">agree<" in same
    assert ">differ<" in other
