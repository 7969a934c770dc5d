"""The order of a checkpoint's outputs; no PyTorch needed."""

import numpy as np
import pytest

from fer_keras.datasets.faces import Split
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, InputError
from fer_keras.porting.class_orders import accuracy_by_order, order_notices, resolve_class_order

ALPHABETICAL = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def test_class_orders_by_name_and_by_list():
    assert resolve_class_order("alphabetical") == (ALPHABETICAL, FER7)
    assert resolve_class_order("happy, sadness,neutral") == (("happy", "sad", "neutral"), ("happy", "sad", "neutral"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("alphabet", "unknown class order"), ("sad", "unknown class order"), ("sad,sadness", "stands twice")],
)
def test_wrong_class_orders_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        resolve_class_order(text)


def test_an_unknown_class_gets_the_nearest_name():
    with pytest.raises(DataError, match="Did you mean 'happy'"):
        resolve_class_order("sad,happi")


def test_labelled_faces_tell_a_wrong_class_order():
    labels = np.arange(70) % 7
    faces = Split(np.zeros((70, 48, 48, 1), np.uint8), labels, np.arange(70).astype(str))
    order, classes = resolve_class_order("fer2013")
    outputs = np.array([ALPHABETICAL.index(FER7[label]) for label in labels])  # a perfect ImageFolder network
    accuracies = accuracy_by_order(np.eye(7)[outputs], order, faces, classes)
    assert accuracies["alphabetical"] == 1
    assert accuracies["assumed"] == pytest.approx(4 / 7)  # angry, disgust, fear and happy have the same place
    assert "--class-order alphabetical 100.0%" in order_notices(accuracies, 70)[0]
    assert order_notices({"assumed": 0.9, "alphabetical": 0.2}, 70) == []
    assert "normalise its input" in order_notices({"assumed": 0.14}, 70)[0]
