"""What the names in a tree say."""

import pytest

from fer_keras.datasets.sources.folder_tree import arrange, looks_like_a_tree
from fer_keras.datasets.sources.rows import BadRows
from fer_keras.errors import DataError

FLAT = ["sad/1.png", "happy/2.jpg", "happy/3.webp"]
SPLIT = ["train/sad/1.png", "train/happy/2.png", "test/sad/3.png", "test/happy/4.png"]


def listed(tree):
    return [(file.name, file.split, tree.classes[file.label]) for file in tree.files]


def test_class_folders_without_splits():
    tree = arrange([*FLAT, "happy/", "sad/"], "x")
    assert (tree.classes, tree.splits) == (("happy", "sad"), ())
    assert listed(tree) == [("happy/2.jpg", "", "happy"), ("happy/3.webp", "", "happy"), ("sad/1.png", "", "sad")]


@pytest.mark.parametrize("validation", ["val", "valid", "Validation", "VAL", "val_set"])
def test_split_folders_in_any_spelling(validation):
    names = [
        *(name.replace("train", "Train") for name in SPLIT),
        f"{validation}/Sad/5.png",
        f"{validation}/HAPPY/6.png",
    ]
    tree = arrange(names, "x")
    assert sorted(tree.splits) == ["test", "train", "validation"]
    assert (f"{validation}/Sad/5.png", "validation", "sad") in listed(tree)


@pytest.mark.parametrize("above", ["AffectNet/", "a/b/"])
@pytest.mark.parametrize("names", [FLAT, SPLIT])
def test_folders_above_are_allowed(above, names):
    tree = arrange([above, *(above + name for name in names)], "x")
    assert tree.classes == ("happy", "sad")
    assert tree.splits == arrange(names, "x").splits
    assert [file.name for file in tree.files] == sorted(above + name for name in names)


def test_files_beside_the_class_folders_are_no_matter():
    assert listed(arrange([*FLAT, "README.md", "labels.csv"], "x")) == listed(arrange(FLAT, "x"))
    assert listed(arrange([*SPLIT, "train/notes.txt"], "x")) == listed(arrange(SPLIT, "x"))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["README.md"], "holds no images"),
        (["happy/1.png", "happy/2.png"], "one class only"),
        ([*FLAT, "fear/"], "no training image of the class fear"),
        ([*SPLIT, "test/fear/9.png"], "no training image of the class fear"),
        (["val/sad/1.png", "test/happy/2.png"], "no folder 'train'"),
        ([*SPLIT, "val/sad/5.png", "valid/sad/6.png"], "2 folders for the validation split.*val, valid"),
        ([*FLAT, "Happiness/4.png"], "2 folders for the class happy.*Happiness, happy"),
        ([*FLAT, "photo.png"], r"x, photo\.png: it is at the wrong place.*CLASS/FILE"),
        ([*FLAT, "happy/more/4.png"], r"happy/more/4\.png: it is at the wrong place"),
        ([*SPLIT, "extra/happy/4.png"], r"extra/happy/4\.png: it is at the wrong place.*SPLIT/CLASS/FILE"),
        ([*FLAT, "happy/list.txt"], r"happy/list\.txt: it is not an image"),
        ([*SPLIT, "train/happy/list.txt"], r"train/happy/list\.txt: it is not an image"),
        ([*FLAT, "=1+1/4.png"], r"the class folder =1\+1 would be a formula"),
        ([*FLAT, "@cmd/4.png"], "the class folder @cmd would be a formula"),
    ],
)
def test_what_is_no_tree_is_refused_with_its_reason(names, problem):
    with pytest.raises(DataError, match=problem):
        arrange(names, "x")


def test_misplaced_files_can_be_skipped():
    bad = BadRows("skip")
    tree = arrange([*FLAT, "photo.png", "happy/list.txt"], "x", bad)
    assert listed(tree) == listed(arrange(FLAT, "x"))
    assert bad.summary()["count"] == 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [(FLAT, True), (SPLIT, True), (["a.png"], False), (["happy/1.png"], False), (["a/b.txt", "c/d.txt"], False)],
)
def test_recognition(names, expected):
    assert looks_like_a_tree(names) is expected
