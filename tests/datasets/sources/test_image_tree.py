"""Names and images of the Kaggle folder."""

import io

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets.sources.image_tree import is_junk, order_images, read_images
from fer_keras.errors import DataError


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_order_is_split_then_number_and_not_text():
    names = [
        "test/sad/PrivateTest_3.png",
        "train/sad/Training_10.png",
        "test/angry/PublicTest_5.png",
        "train/happy/Training_9.png",
    ]
    ordered = order_images(names, "x")
    assert [image.name for image in ordered] == [names[3], names[1], names[2], names[0]]
    assert [image.label for image in ordered] == [3, 4, 0, 4]


def test_folder_spellings_are_mapped():
    names = [
        f"train/{folder}/Training_{n}.jpg" for n, folder in enumerate(("Anger", "DISGUST", "fearful", "happiness"))
    ]
    assert [image.label for image in order_images(names, "x")] == [0, 1, 2, 3]


def test_two_classes_may_share_a_number():
    names = ["train/sad/Training_1.png", "train/happy/Training_1.png"]
    assert [image.name for image in order_images(names, "x")] == names[::-1]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("train/contempt/Training_1.png", "unknown emotion 'contempt'"),
        ("train/happi/Training_1.png", "Did you mean"),
        ("train/happy/image.png", "does not tell its split"),
        ("train/happy/training_1.png", "does not tell its split"),
        ("train/happy/Training_x1.png", "does not tell its split"),
        ("train/happy/notes.txt", "is not an image"),
        ("train/Training_1.png", "wrong place"),
        ("train/happy/more/Training_1.png", "wrong place"),
        ("valid/happy/PublicTest_1.png", "wrong place"),
        ("test/happy/Training_1.png", "a Training image in the folder 'test'"),
        ("train/happy/PrivateTest_1.png", "a PrivateTest image in the folder 'train'"),
    ],
)
def test_a_wrong_name_is_refused(name, problem):
    with pytest.raises(DataError, match=problem) as caught:
        order_images([name], "x")
    assert name in str(caught.value)


def test_the_same_face_twice_is_refused():
    with pytest.raises(DataError, match="listed twice"):
        order_images(["train/happy/Training_1.png", "train/happy/Training_01.jpg"], "x")


def test_colour_is_converted_and_other_sizes_are_refused():
    images = order_images(["train/happy/Training_1.png"], "x")
    red = png(Image.new("RGB", (48, 48), (255, 0, 0)))
    (row,) = read_images(images, lambda name: red, "x")
    assert np.unique(row.pixels).tolist() == [76]
    assert (row.split, row.label, row.id) == ("train", 3, "train/happy/Training_1.png")
    with pytest.raises(DataError, match=r"Training_1.png: wrong image size. Allowed: 48x48. Received: 64x47"):
        list(read_images(images, lambda name: png(Image.new("L", (64, 47))), "x"))


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_an_undecodable_image_is_named(data):
    images = order_images(["train/happy/Training_1.png"], "x")
    with pytest.raises(DataError, match=r"x, train/happy/Training_1.png: "):
        list(read_images(images, lambda name: data, "x"))


def test_junk():
    assert all(map(is_junk, (".DS_Store", "train/happy/Thumbs.db", "__MACOSX/train/happy/._Training_1.png")))
    assert not is_junk("train/happy/Training_1.png")
