"""FER2013 out of a zip."""

import zipfile

import pytest

from fer_keras.datasets.sources.archive import read_zip
from fer_keras.datasets.sources.rows import gather_splits
from fer_keras.errors import DataError


def write(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("prefix", ["", "archive/", "a/b/"])
def test_image_tree(tmp_path, tiny, prefix):
    tiny.check(gather_splits(read_zip(tiny.write_zip(tmp_path / "x.zip", prefix)), "x"))


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013/anything.dat"])
def test_csv_inside(tmp_path, tiny, name):
    path = write(tmp_path / "x.zip", {name: tiny.icml_text(), "README.md": "text", "train.csv": "emotion,pixels\n"})
    tiny.check(gather_splits(read_zip(path), "x"))


def test_what_systems_and_people_leave_beside_the_tree_is_ignored(tmp_path, tiny):
    members = dict(tiny.files()) | {
        "__MACOSX/train/happy/._Training_2.png": b"",
        "train/.DS_Store": b"",
        "notes.txt": b"x",
    }
    tiny.check(gather_splits(read_zip(write(tmp_path / "x.zip", members)), "x"))


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({}, "holds no FER2013 data"),
        ({"a.txt": b"text"}, "holds no FER2013 data"),
        ({"inner.zip": b"PK\3\4"}, "Unpack inner.zip first"),
        ({"photo.png": b""}, "wrong place"),
        ({"train/happy/Training_1.png": b""}, "Training_1.png: the image is empty"),
        ({"train/happy/Training_1.png": b"GIF89a"}, "Training_1.png: damaged or truncated GIF"),
        ({"x/train/happy/Training_1.png": b"", "y/train/happy/Training_2.png": b""}, "outside the folder 'x/'"),
    ],
)
def test_wrong_content(tmp_path, members, problem):
    with pytest.raises(DataError, match=problem):
        list(read_zip(write(tmp_path / "x.zip", members)))


def test_two_data_sets_in_one_zip(tmp_path, tiny):
    members = dict(tiny.files()) | {"fer2013.csv": tiny.csv_text()}
    with pytest.raises(DataError, match=r"more than one data set.*fer2013.csv"):
        list(read_zip(write(tmp_path / "x.zip", members)))


@pytest.mark.parametrize("kind", ["images", "csv"])
def test_a_flipped_byte_is_noticed(tmp_path, tiny, kind):
    path = tmp_path / "x.zip"
    if kind == "images":
        tiny.write_zip(path, suffix=".bmp")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("fer2013.csv", tiny.csv_text())
    data = bytearray(path.read_bytes())
    data[5000] = data[5000] ^ 1 if kind == "images" else ord("1") + (data[5000] == ord("1"))
    path.write_bytes(data)
    with pytest.raises(DataError):
        list(read_zip(path))


def test_an_oversized_image_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train/happy/Training_1.png", bytes(10 * 2**20 + 1))
    with pytest.raises(DataError, match="too large for a face"):
        list(read_zip(path))
