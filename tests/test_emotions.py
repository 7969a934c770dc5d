"""Spellings and order of label sets."""

import pytest

from fer_keras.emotions import AFFECTNET8, FER7, canonical_emotion, order_classes
from fer_keras.errors import DataError


@pytest.mark.parametrize(
    ("name", "classes", "expected"),
    [
        ("Happiness", FER7, "happy"),
        ("HAPPY", FER7, "happy"),
        (" anger ", FER7, "angry"),
        ("angry", AFFECTNET8, "anger"),
        ("happy", AFFECTNET8, "happiness"),
        ("Suprise", AFFECTNET8, "surprise"),
        ("Sadness", AFFECTNET8, "sad"),
        ("Contempt", AFFECTNET8, "contempt"),
        ("joy", ("Joyful", "Happiness"), "Happiness"),
        ("bored", ("Bored", "bored "), "Bored"),
    ],
)
def test_a_class_is_found_in_any_spelling(name, classes, expected):
    assert canonical_emotion(name, classes) == expected


def test_an_unknown_class_is_refused_with_the_nearest_one():
    with pytest.raises(DataError, match=r"unknown emotion 'nuetral'.*Did you mean 'neutral'"):
        canonical_emotion("nuetral")
    with pytest.raises(DataError, match="unknown emotion 'contempt'"):
        canonical_emotion("contempt", FER7)


def test_names_of_fer2013_come_in_its_order():
    classes, class_of = order_classes(["Neutral", "anger", "Sadness"])
    assert classes == ("angry", "sad", "neutral")
    assert class_of == {"Neutral": "neutral", "anger": "angry", "Sadness": "sad"}
    assert order_classes(AFFECTNET8[:1] + AFFECTNET8[2:])[0] == FER7


def test_contempt_makes_it_affectnet():
    names = ["Surprise", "Sad", "Neutral", "Happy", "Fear", "Disgust", "Contempt", "Angry"]
    classes, class_of = order_classes(names)
    assert classes == AFFECTNET8
    assert (class_of["Happy"], class_of["Angry"]) == ("happiness", "anger")


def test_other_names_are_kept_as_they_are():
    assert order_classes(["Sleepy", "Happy", "bored"]) == (
        ("Happy", "Sleepy", "bored"),
        {"Happy": "Happy", "Sleepy": "Sleepy", "bored": "bored"},
    )
