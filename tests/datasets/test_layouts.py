"""Layouts that people have, from the files to faces in splits."""

import layouts
import numpy as np
import pytest

from fer_keras.datasets import load_faces
from fer_keras.errors import DataError
from fer_keras.imaging import decode_gray


@pytest.fixture
def load(tmp_path):
    def load(files, **options):
        root = tmp_path / "tree"
        path = layouts.write(root, files) if isinstance(files, dict) else files
        return load_faces(path, cache_dir=tmp_path / "cache", **options)

    return load


def sizes(dataset):
    return {name: len(split) for name, split in dataset.splits.items()}


def test_lists_boxes_and_skipped_lines(load):
    dataset = load(layouts.affectnet_csv())
    assert dataset.name == "tree"
    assert sizes(dataset)["validation"] == 16
    assert any("cut out by the boxes" in notice for notice in dataset.notices)
    assert any("test cut from the train split" in notice for notice in dataset.notices)
    found = {
        name: image for split in dataset.splits.values() for name, image in zip(split.ids, split.images, strict=True)
    }
    cut = decode_gray(layouts.picture(1, (60, 60), "JPEG"))[4:44, 8:48]
    assert abs(found["Manually_Annotated_Images/1/1ab.jpg"].mean() - cut.mean()) < 1


def test_a_box_outside_of_its_picture_is_no_face(load):
    files = layouts.affectnet_csv()
    name = "Manually_Annotated_file_lists/training.csv"
    with pytest.raises(DataError, match=r"box of its list is not in the picture.*If the pictures are cut out already"):
        load(files | {name: files[name].replace("8,4,40,40", "134,134,899,899")})


def test_persons_of_ckplus_stay_in_one_split(load):
    files = {}
    for person in range(40):
        for k, emotion in enumerate(("happy", "sad")):
            for frame in (9, 10, 11):
                seed = 1000 * person + 10 * k + frame
                files[f"{emotion}/S{person:03}_{k + 1:03}_{frame:08}.png"] = layouts.picture(seed)
    dataset = load(files)
    persons = {name: {i.split("/")[1][:4] for i in split.ids.tolist()} for name, split in dataset.splits.items()}
    assert not persons["train"] & persons["validation"]
    assert not persons["train"] & persons["test"]
    assert not persons["validation"] & persons["test"]
    [notice] = dataset.notices
    assert "faces of one person (40, named as in CK+) stay together" in notice
    mixed = load(files, group_by=r"_(\d+)\.png$")  # another choice is another preparation
    assert mixed.sha256 != dataset.sha256


def test_without_names_that_tell_nothing_is_promised(load):
    files = {
        f"{name}/{i}.png": layouts.picture(i + 100 * k) for k, name in enumerate(("happy", "sad")) for i in range(20)
    }
    [notice] = load(files).notices
    assert "names do not tell which faces are of one person" in notice
    assert "identical copies kept together" in notice


def test_persons_in_two_given_splits_are_told(load):
    files = {
        f"{split}/{name}/S00{person}_001_0000000{i}.png": layouts.picture(hash((split, name, person, i)) % 9999)
        for split in ("train", "val", "test")
        for name in ("happy", "sad")
        for person in (1, 2)
        for i in (1, 2)
    }
    [notice] = load(files).notices
    assert "2 persons or sequences of train are in validation or test too (S001, S002)" in notice


def test_ckextended_and_parquet(load, tmp_path):
    (tmp_path / "ck.csv").write_text(layouts.ckextended(160))
    dataset = load(tmp_path / "ck.csv")
    assert (len(dataset.classes), sizes(dataset)) == (8, {"train": 128, "validation": 16, "test": 16})
    first = np.random.default_rng(0).integers(0, 256, 2304).reshape(48, 48, 1)
    row = dataset.splits["train"].ids.tolist().index("row 0")
    assert (dataset.splits["train"].images[row] == first).all()
    layouts.write_parquet(tmp_path / "hub" / "train.parquet", 40)
    layouts.write_parquet(tmp_path / "hub" / "test.parquet", 10, seed=70)
    dataset = load(tmp_path / "hub")
    assert sum(sizes(dataset).values()) == 50
    assert sizes(dataset)["test"] == 10


def test_named_classes_that_look_like_groups(load):
    files = {
        f"{name}/{i}.png": layouts.picture(i + 100 * k)
        for k, name in enumerate(("aligned", "original"))
        for i in range(20)
    }
    with pytest.raises(DataError, match="are no classes"):
        load(files)
    assert load(files, classes=("original", "aligned")).classes == ("aligned", "original")


def test_a_name_that_is_no_text(load, tmp_path):
    files = {
        f"{name}/{i}.png": layouts.picture(i + 100 * k) for k, name in enumerate(("happy", "sad")) for i in range(20)
    }
    dataset = load(files | {"happy/caf\udce9.png": layouts.picture(999)})
    names = [name for split in dataset.splits.values() for name in split.ids.tolist()]
    assert "happy/caf\\udce9.png" in names


def test_a_zip_of_windows(load, tmp_path):
    names = ("happy", "sad")
    files = {f"Faces\\{name}\\{i}.png": layouts.picture(i + 100 * k) for k, name in enumerate(names) for i in range(20)}
    dataset = load(layouts.write_zip(tmp_path / "x.zip", files))
    assert dataset.classes == names
    assert sum(sizes(dataset).values()) == 40


def test_a_folder_whose_name_is_no_text(tmp_path):
    files = {
        f"{name}/{i}.png": layouts.picture(i + 100 * k) for k, name in enumerate(("a lot", "little")) for i in range(20)
    }
    root = layouts.write(tmp_path / "caf\udce9", files)
    for _ in range(2):  # prepared, then found again
        dataset = load_faces(root, cache_dir=tmp_path / "cache")
        assert dataset.classes == ("a lot", "little")


def test_tables_from_excel_are_fer2013(load, tmp_path):
    rows = ["emotion;pixels;Usage;;"]
    for i in range(21):
        pixels = " ".join(map(str, np.random.default_rng(i).integers(0, 256, 2304)))
        rows.append(f'{i % 7};"{pixels}";{("Training", "PublicTest", "PrivateTest")[i // 7]};;')
    (tmp_path / "sheet.csv").write_bytes("\r\n".join([*rows, ";;;;", ""]).encode("utf-16"))
    dataset = load(tmp_path / "sheet.csv")
    assert (dataset.name, sizes(dataset)) == ("fer2013", {"train": 7, "validation": 7, "test": 7})
