"""``load_faces``: which data, with which notices."""

import numpy as np
import pytest

from fer_keras.datasets import fingerprint, load_faces
from fer_keras.datasets.loading import UNCHECKED_NOTICE
from fer_keras.datasets.synthetic.builder import SYNTHETIC_SPLITS
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, InputError


@pytest.fixture(autouse=True)
def _no_fer2013_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FER_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FER2013_PATH", raising=False)
    monkeypatch.chdir(tmp_path)


def test_shapes_and_types(tmp_path, tiny):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    faces = load_faces("x.csv")
    assert (faces.name, faces.source, faces.classes, faces.notices) == ("fer2013", "x.csv", FER7, ())
    assert {name: len(split) for name, split in faces.splits.items()} == {"train": 6, "validation": 3, "test": 3}
    train = faces.splits["train"]
    assert (train.images.shape, train.images.dtype) == ((6, 48, 48, 1), np.uint8)
    assert (train.labels.shape, train.labels.dtype) == ((6,), np.int64)
    assert list(train.ids[:2]) == ["row 0", "row 2"]
    assert faces.sha256 == fingerprint(faces.splits, FER7)
    assert (tmp_path / "cache").is_dir()


def test_every_layout_has_the_same_fingerprint(tmp_path, tiny):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    (tmp_path / "icml.csv").write_text(tiny.icml_text())
    tiny.write_folder(tmp_path / "tree")
    tiny.write_zip(tmp_path / "x.zip")
    sources = [tmp_path / name for name in ("x.csv", "icml.csv", "tree", "x.zip")]
    assert len({load_faces(source).sha256 for source in sources}) == 1


def test_a_part_does_not_carry_the_verdict_of_the_whole():
    whole, part = load_faces("synthetic"), load_faces("synthetic", limit=3)
    assert part.verdict == f"the first 3 faces of each split of: {whole.verdict}"


def test_limit_keeps_the_first_faces(tmp_path, tiny):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    whole, part = load_faces("x.csv"), load_faces("x.csv", limit=2)
    for name, split in part.splits.items():
        np.testing.assert_array_equal(split.images, whole.splits[name].images[:2])
        assert list(split.ids) == list(whole.splits[name].ids[:2])
    assert part.sha256 == fingerprint(part.splits, FER7) != whole.sha256
    with pytest.raises(InputError, match="at least 1"):
        load_faces("x.csv", limit=0)


def test_the_environment_is_used(tmp_path, tiny, monkeypatch):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    monkeypatch.setenv("FER2013_PATH", "x.csv")
    assert load_faces(limit=1).name == "fer2013"


def test_a_missing_path_is_never_replaced_by_synthetic_faces(monkeypatch):
    with pytest.raises(DataError, match="No such file"):
        load_faces("missing.csv")
    monkeypatch.setenv("FER2013_PATH", "missing.csv")
    with pytest.raises(DataError, match="FER2013_PATH is set, but"):
        load_faces()


def test_synthetic_faces_say_so(monkeypatch):
    for name in SYNTHETIC_SPLITS:
        monkeypatch.setitem(SYNTHETIC_SPLITS, name, (20, 1))  # drawing all 10,000 takes seconds
    asked, fallen_back = load_faces("synthetic", limit=3), load_faces(limit=3)
    for faces in (asked, fallen_back):
        assert faces.is_synthetic
        assert faces.notices[-1] == "synthetic faces: results say nothing about real faces"
    assert len(asked.notices) == 1
    assert "FER2013 was not found" in fallen_back.notices[0]
    assert asked.sha256 == fallen_back.sha256


def test_a_check_that_is_off_is_said_aloud_and_looks_for_nothing(tmp_path, tiny, monkeypatch):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    monkeypatch.setattr("fer_keras.datasets.quality.record.check_quality", None)
    monkeypatch.setattr("fer_keras.datasets.copies.duplicates.search_copies", None)
    for limit in (None, 2):
        faces = load_faces("x.csv", check=False, limit=limit)
        assert faces.notices == (UNCHECKED_NOTICE,)
        assert "copies were not looked for" in UNCHECKED_NOTICE
        assert (faces.verdict, faces.checked) == ("", False)


def test_a_check_that_was_off_is_made_up_for(tmp_path, tiny):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    load_faces("x.csv", check=False)
    faces = load_faces("x.csv")
    assert (faces.notices, faces.verdict, faces.checked) == ((), "unknown data set", True)
    assert (faces.folder / "copies.npz").is_file()
