"""Folders that are classes, splits or neither."""

import unicodedata

import pytest

from fer_keras.datasets.sources.folder_names import split_of, splits_of, why_no_classes, words_of
from fer_keras.datasets.sources.folder_tree import arrange
from fer_keras.datasets.sources.tree_layout import NoClassesError
from fer_keras.emotions import FER7
from fer_keras.errors import DataError


def files(*folders, n=2):
    return [f"{folder}/{i}.png" for folder in folders for i in range(n)]


def test_words():
    assert words_of("FER2013Train") == ["fer", "2013", "train"]
    assert words_of("train_set-2") == ["train", "set", "2"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Training", "train"),
        ("FER2013Train", "train"),
        ("train_set", "train"),
        ("AffectNet-train", "train"),
        ("TRAINSET", "train"),
        ("train images", "train"),
        ("PublicTest", "validation"),
        ("FER2013Valid", "validation"),
        ("validation_data", "validation"),
        ("dev", "validation"),
        ("Val2", "validation"),
        ("PrivateTest", "test"),
        ("private_test", "test"),
        ("test-set", "test"),
        ("testing", "test"),
        ("eval", "eval"),
        ("happy_train", ""),
        ("valence", ""),
        ("trains", "train"),
        ("bored", ""),
        ("detest", ""),
    ],
)
def test_splits(name, split):
    assert split_of(name) == split


def test_eval_is_what_the_others_leave():
    assert splits_of(["train", "eval", "test"])["eval"] == "validation"
    assert splits_of(["train", "val", "eval"])["eval"] == "test"
    assert splits_of(["train", "eval"])["eval"] == "validation"


@pytest.mark.parametrize(
    "names",
    [
        ("set_a", "set_b"),
        ("aligned", "original"),
        ("images", "annotations"),
        ("001", "002", "123"),
        ("S005", "S010"),
        ("subject1", "subject2"),
        ("person_a", "person_b"),
        ("batch1", "batch2"),
        ("fold_0", "fold_1"),
        ("A", "B"),
        ("2023", "2024"),
        ("2024-01-05", "2024-01-06"),
        ("male", "female"),
        ("cropped faces", "full_images"),
        ("AF01", "BM12"),
        ("happy_train", "sad_train"),
        ("happy", "sad", "images"),
        ("cam1", "cam2"),
        ("raw", "processed"),
        ("12", "13", "14"),
        ("session-1", "session-2"),
        ("3f2a9c", "9b1e77"),
        ("00", "01", "02"),
    ],
)
def test_what_is_no_class(names):
    assert why_no_classes(names)
    with pytest.raises(NoClassesError, match=r"are no classes: .*data\.classes"):
        arrange(files(*names), "x")
    tree = arrange(files(*names), "x", named=names)  # the user says that they are
    assert len(tree.files) == 2 * len(names)
    assert len(tree.classes) == len(names)


@pytest.mark.parametrize(
    "names",
    [
        ("bored", "engaged"),
        ("happy", "not happy"),
        ("pain", "no pain", "sleepy"),
        ("0", "1", "2", "3", "4", "5", "6"),
        ("1", "2", "3"),
        ("class_0", "class_1"),
        ("AU01", "AU12"),
        ("positive", "negative"),
        ("happy", "sad", "other"),
        ("Brille", "ohne Brille"),
    ],
)
def test_what_may_be_classes(names):
    assert why_no_classes(names) == ""
    assert set(arrange(files(*names), "x").classes) == set(names)


@pytest.mark.parametrize(
    "names",
    [
        ("AN", "DI", "FE", "HA", "SA", "SU", "NE"),
        ("AN", "DI", "AF", "HA", "SA", "SU", "NE"),
        ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"),
        ("0_angry", "1_disgust", "2_fear", "3_happy", "4_sad", "5_surprise", "6_neutral"),
        ("Wut", "Ekel", "Angst", "Freude", "Trauer", "Überraschung", "Neutral"),
        ("colère", "dégoût", "peur", "joie", "tristesse", "surprise", "neutre"),
        ("愤怒", "厌恶", "恐惧", "高兴", "悲伤", "惊讶", "中性"),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_expressions_in_other_words(names, form):
    assert arrange(files(*(unicodedata.normalize(form, name) for name in names)), "x").classes == FER7


def test_one_class_in_two_unicode_forms_and_cases():
    names = [f"train/{unicodedata.normalize('NFD', 'gelöst')}/1.png", "train/müde/2.png"]
    tree = arrange([*names, "test/Gelöst/3.png", "test/müde/4.png"], "x")
    assert len(tree.classes) == 2
    assert [file.label for file in tree.files if "3.png" in file.name] == [0]
    with pytest.raises(DataError, match="2 folders for the class"):
        arrange([*names, "train/gelöst/9.png"], "x")


def test_a_class_folder_that_is_no_text():
    with pytest.raises(DataError, match=r"cannot be read as text.*udcff"):
        arrange(files("bo\udcffred", "tired"), "x")


@pytest.mark.parametrize(
    "tops",
    [
        ("Training", "PublicTest", "PrivateTest"),
        ("FER2013Train", "FER2013Valid", "FER2013Test"),
        ("train_set", "val_set", "test_set"),
        ("my-Train", "my-dev", "my-Test"),
        ("TRAIN", "eval", "test"),
    ],
)
@pytest.mark.parametrize("above", ["", "archive/", "test_pictures/"])
def test_split_folders(tops, above):
    names = [f"{above}{top}/{name}/{i}.png" for top in tops for name in ("happy", "sad") for i in range(2)]
    tree = arrange(names, "x")
    assert set(tree.splits) == {"train", "validation", "test"}
    assert {file.split for file in tree.files if tops[1] in file.name} == {"validation"}


def test_splits_without_classes_say_what_was_understood():
    with pytest.raises(NoClassesError, match=r"side by side.*FER2013Train \(understood as train\)"):
        arrange(files("FER2013Train", "FER2013Valid", "FER2013Test"), "x")
    with pytest.raises(NoClassesError, match=r"'images' is the name of a group.*train_set \(understood as train\)"):
        arrange([*files("train_set/images", "val_set/images"), "train_set/annotations/0_exp.npy"], "x")


def test_versions_of_one_tree_are_not_mixed():
    with pytest.raises(NoClassesError, match=r"aligned, original each hold the class folders happy, sad"):
        arrange(files("aligned/happy", "aligned/sad", "original/happy", "original/sad"), "x")


@pytest.mark.parametrize("versions", [("size48", "size96"), ("v1", "v2"), ("set1", "set2"), ("anna", "bob")])
def test_numbered_versions_are_no_persons(versions):
    with pytest.raises(NoClassesError, match="each hold the class folders"):
        arrange(files(*(f"{version}/{name}" for version in versions for name in ("happy", "sad"))), "x")


def test_splits_below_the_classes():
    tree = arrange(files(*(f"{name}/{split}" for name in ("happy", "sad") for split in ("Train", "val", "test"))), "x")
    assert tree.classes == ("happy", "sad")
    assert {file.split for file in tree.files if "/val/" in file.name} == {"validation"}


@pytest.mark.parametrize("order", ["{person}/{emotion}", "{emotion}/{person}"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_folders_of_persons_above_or_below_the_classes(order, split):
    folders = [order.format(person=p, emotion=e) for p in ("S005", "S010") for e in ("happy", "sad")]
    tree = arrange(files(*(split + folder for folder in folders)), "x")
    assert tree.classes == ("happy", "sad")
    assert all(file.group in file.name and file.group.startswith("S0") for file in tree.files)


def test_folders_beside_the_tree_are_no_classes():
    names = [*files("data/happy", "data/sad"), "docs/sub/readme.txt", "docs/", "data/"]
    assert arrange(names, "x").classes == ("happy", "sad")
