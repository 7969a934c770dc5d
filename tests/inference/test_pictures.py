"""Which files arguments mean, and boxes from a file."""

import os

import pytest

from fer_keras.errors import DataError, InputError
from fer_keras.inference.boxes import Box
from fer_keras.inference.detection.box_file import read_boxes
from fer_keras.inference.pictures import find_pictures


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/2.jpg", "a/10.PNG", "a/b/3.webp", "a/.hidden.jpg", "a/notes.txt", "a/out/2.jpg", "[x].jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a/loop").symlink_to(tmp_path / "a")
    return tmp_path


def names(inputs, **options):
    return [str(file.path) for file in find_pictures(inputs, **options)]


def test_a_folder_is_all_images_below_it_once(tree):
    assert names(["a"]) == ["a/10.PNG", "a/2.jpg", "a/b/3.webp", "a/out/2.jpg"]
    assert [str(file.name) for file in find_pictures(["a"])][2] == "b/3.webp"


def test_the_folder_of_copies_is_left_out(tree):
    assert "a/out/2.jpg" not in names(["a"], leave_out=tree / "a" / "out")


def test_patterns_and_names_with_brackets(tree):
    assert names(["a/*.jpg", "[x].jpg", "a/2.jpg"]) == ["a/2.jpg", "[x].jpg"]
    assert names(["a/**/3.*"]) == ["a/b/3.webp"]


def test_a_named_file_is_taken_whatever_it_is(tree):
    assert names(["a/notes.txt", "nowhere.jpg"]) == ["a/notes.txt", "nowhere.jpg"]


@pytest.mark.parametrize("given", ["none*.jpg", "empty"])
def test_nothing_found(tree, given):
    os.mkdir("empty")
    with pytest.raises(InputError, match=given.replace("*", r"\*")):
        find_pictures([given])


def write(tree, text):
    (tree / "boxes.csv").write_text(text)
    return read_boxes("boxes.csv")


def test_boxes_by_file_in_their_order(tree):
    given = write(tree, "file,left,top,width,height,extra\na/2.jpg,1,2,3,4,x\n[x].jpg,,,,,\na/2.jpg,5.5,6,7,8,\n")
    assert given.of(tree / "a/2.jpg") == [Box(5.5, 6, 7, 8), Box(1, 2, 3, 4)]  # largest first
    assert given.of(tree / "[x].jpg") == []
    assert [str(path) for path in given.files] == ["a/2.jpg", "[x].jpg"]


def test_boxes_may_have_a_tilt(tree):
    given = write(tree, "file,left,top,width,height,tilt\na/2.jpg,1,2,3,4,-25.5\na/2.jpg,1,2,3,3,\n")
    assert given.of(tree / "a/2.jpg") == [Box(1, 2, 3, 4, -25.5), Box(1, 2, 3, 3)]
    with pytest.raises(DataError, match="line 2"):
        write(tree, "file,left,top,width,height,tilt\na/2.jpg,1,2,3,4,left\n")


def test_names_may_be_relative_to_the_csv_file(tree):
    (tree / "a" / "boxes.csv").write_text("file,left,top,width,height\nb/3.webp,0,0,9,9\n")
    assert read_boxes("a/boxes.csv").of(tree / "a/b/3.webp") == [Box(0, 0, 9, 9)]


def test_a_picture_without_a_row_is_no_guess(tree):
    with pytest.raises(DataError, match="no row"):
        write(tree, "file,left,top,width,height\n").of(tree / "a/2.jpg")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header"),
        ("file,left,top,width\n", "height"),
        ("file,left,top,width,height\na,1,2,3,x\n", "line 2"),
        ("file,left,top,width,height\na,1,2,0,4\n", "above 0"),
        ("file,left,top,width,height\na,1,2,,4\n", "four numbers"),
        ("file,left,top,width,height\n,1,2,3,4\n", "no file name"),
        ('file,left,top,width,height\n"a,1,2,3,4\n', "CSV"),
    ],
)
def test_a_wrong_file_of_boxes_is_refused_with_its_place(tree, text, words):
    with pytest.raises(DataError, match=words):
        write(tree, text)


def test_a_missing_file_of_boxes(tree):
    with pytest.raises(DataError, match="cannot read"):
        read_boxes("nowhere.csv")
