import numpy as np
import pytest

from fer_keras.datasets import load_faces
from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.datasets.folds import make_folds
from fer_keras.errors import DataError, InputError

CLASSES = ("frown", "smile")


def dataset(images, labels, ids):
    parts = np.array_split(np.arange(len(labels)), 3)
    splits = {
        name: Split(images[rows], labels[rows], ids[rows])
        for name, rows in zip(("train", "validation", "test"), parts, strict=True)
    }
    return FaceDataset("own", CLASSES, splits, "made for the test", fingerprint(splits, CLASSES))


@pytest.fixture
def faces():
    images = np.random.default_rng(0).integers(0, 256, (60, 48, 48, 1)).astype(np.uint8)
    labels = np.arange(60) % 2
    return images, labels, np.array([f"{i}.png" for i in range(60)])


def folds_of(parts):
    """Fold of each face by its id."""
    return {identity: at for at, part in enumerate(parts) for identity in part.splits["test"].ids}


def test_every_face_is_in_one_fold_and_classes_are_shared_out(faces):
    parts = make_folds(dataset(*faces), 5)
    where = folds_of(parts)
    assert len(where) == 60
    for at, part in enumerate(parts):
        assert {name: len(split) for name, split in part.splits.items()} == {"train": 36, "validation": 12, "test": 12}
        assert np.bincount(part.splits["test"].labels).tolist() == [6, 6]
        assert not set(part.splits["test"].ids) & set(part.splits["train"].ids)
        assert set(part.splits["validation"].ids) == set(parts[(at + 1) % 5].splits["test"].ids)
        assert f"fold {at + 1} of 5" in part.notices[-1]
    assert len({part.sha256 for part in parts}) == 5
    assert [part.sha256 for part in make_folds(dataset(*faces), 5)] == [part.sha256 for part in parts]
    assert make_folds(dataset(*faces), 5, seed=1)[0].sha256 != parts[0].sha256


def test_copies_of_one_face_are_in_one_fold(faces):
    images, labels, ids = faces
    images[7], images[40], images[58] = images[3], images[3], images[3]
    where = folds_of(make_folds(dataset(images, labels, ids), 4))
    assert len({where[f"{i}.png"] for i in (3, 7, 40, 58)}) == 1


def test_the_faces_of_one_person_are_in_one_fold(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(1)
    for person in range(8):
        for name in CLASSES:
            for number in range(3):
                path = tmp_path / "faces" / name / f"subject{person:02d}_{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 256, (48, 48)).astype(np.uint8)).save(path)
    parts = make_folds(load_faces(tmp_path / "faces", cache_dir=tmp_path / "cache"), 4)
    where = folds_of(parts)
    for person in range(8):
        assert len({at for name, at in where.items() if f"subject{person:02d}" in name}) == 1
    assert "faces of one person (8) stay together" in parts[0].notices[-1]
    assert not any(" cut from " in notice for notice in parts[0].notices)
    by_number = make_folds(load_faces(tmp_path / "faces", cache_dir=tmp_path / "cache"), 3, group_by=r"_(\d)\.png")
    assert len({at for name, at in folds_of(by_number).items() if name.endswith("_1.png")}) == 1


def test_what_cannot_be_divided_is_refused(faces):
    images, labels, ids = faces
    for folds in (2, 21):
        with pytest.raises(InputError, match="3 to 20"):
            make_folds(dataset(*faces), folds)
    labels = np.where(np.arange(60) < 3, 0, 1)
    images[1] = images[0]
    with pytest.raises(DataError, match=r"the class frown cannot be divided into 3 folds.*3 faces, 2 of which"):
        make_folds(dataset(images, labels, ids), 3)
