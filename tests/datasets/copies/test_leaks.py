import numpy as np
import pytest

from fer_keras.datasets.copies.leaks import drop_leaks
from fer_keras.datasets.copies.search import search_copies
from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.emotions import FER7
from fer_keras.errors import DataError


def split(seed, n):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 48, 48, 1), dtype=np.uint8)
    soft = np.eye(7, dtype=np.float32)[np.arange(n) % 7]
    return Split(images, np.arange(n) % 7, np.array([f"{seed}-{i}" for i in range(n)]), soft)


@pytest.fixture
def dataset():
    """Of 20 training faces, 3 stand in validation and 4 in test, one of them in both; one almost."""
    train, validation, test = split(0, 20), split(1, 10), split(2, 10)
    validation.images[:3] = train.images[[2, 5, 11]]
    test.images[:4] = train.images[[5, 6, 7, 19]]
    test.images[9] = train.images[0]
    test.images[9, 0, 0] ^= 255
    splits = {"train": train, "validation": validation, "test": test}
    return FaceDataset("fer2013", FER7, splits, "nowhere", fingerprint(splits, FER7))


def test_training_loses_what_validation_and_test_hold(dataset):
    clean = drop_leaks(dataset)
    left = [i for i in range(20) if i not in {0, 2, 5, 6, 7, 11, 19}]
    train = clean.splits["train"]
    assert train.ids.tolist() == [f"0-{i}" for i in left]
    np.testing.assert_array_equal(train.images, dataset.splits["train"].images[left])
    np.testing.assert_array_equal(train.soft_labels, dataset.splits["train"].soft_labels[left])
    assert clean.splits["validation"] is dataset.splits["validation"]
    assert clean.splits["test"] is dataset.splits["test"]
    assert clean.sha256 != dataset.sha256


def test_what_was_dropped_is_recorded(dataset):
    (change,) = drop_leaks(dataset).changes
    assert change.details == {
        "n_before": 20, "n": 13, "dropped": 7, "dropped_pixel_identical": 6,
        "with_copy_in_validation": 3, "with_copy_in_test": 5,
        "with_pixel_identical_copy_in_validation": 3, "with_pixel_identical_copy_in_test": 4,
    }  # fmt: skip
    assert change.sentence == (
        "7 training faces with a copy in validation (3) or test (5) dropped, 6 of them pixel-identical: "
        "train n = 13 of 20"
    )


def test_nothing_left_is_refused(dataset):
    dataset.splits["validation"].images[:] = 0
    dataset.splits["train"].images[:] = 0
    with pytest.raises(DataError, match="every training face"):
        drop_leaks(dataset)


def changed(images, seed):
    """The pictures changed by noise of every strength, most of them around what still counts as a copy."""
    random = np.random.default_rng(seed)
    strength = random.uniform(0, 70, (len(images), 1, 1, 1))
    return np.clip(images + random.normal(size=images.shape) * strength, 0, 255).astype(np.uint8)


def dataset_of(train, validation, test):
    splits = {
        name: Split(images, np.zeros(len(images), np.int64), np.array([f"{name} {i}" for i in range(len(images))]))
        for name, images in (("train", train), ("validation", validation), ("test", test))
    }
    return FaceDataset("made", FER7, splits, "nowhere", fingerprint(splits, FER7))


@pytest.mark.parametrize("kind", ["photographs", "drawn faces"])
def test_a_new_search_finds_no_copy_left(kind, pictures):
    """Among drawn faces hash and thresholds follow from the faces at hand, and fewer are at hand afterwards."""
    faces = pictures(900, 4) if kind == "photographs" else draw_faces(np.arange(900) % 7, 5)
    dataset = dataset_of(faces, changed(faces[:250], 6), changed(faces[200:450], 7))
    assert search_copies(dataset).fixed == (kind == "photographs")
    clean = drop_leaks(dataset)
    assert 150 < len(dataset.splits["train"]) - len(clean.splits["train"]) < 450
    found = search_copies(clean)
    assert not (found.in_split("train") & (found.copy_in("validation") | found.copy_in("test"))).any()
    assert not (found.copy_in("train") & ~found.in_split("train")).any()
