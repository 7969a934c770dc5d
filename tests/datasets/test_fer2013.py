"""The TFDS builder, as other programs use it."""

import pickle

import numpy as np
import pytest
import tensorflow_datasets as tfds

from fer_keras.datasets import Fer2013
from fer_keras.emotions import FER7
from fer_keras.errors import DataError

USAGES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}


@pytest.fixture
def source(tmp_path, tiny):
    path = tmp_path / "faces.csv"
    path.write_text(tiny.csv_text())
    return path


@pytest.fixture(autouse=True)
def _no_fer2013_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("FER2013_PATH", raising=False)
    monkeypatch.chdir(tmp_path)


def test_tfds_load_gives_the_splits_in_source_order(source, tiny, tmp_path):
    options = {"builder_kwargs": {"source": str(source)}, "data_dir": str(tmp_path / "prepared")}
    splits, info = tfds.load("fer2013", with_info=True, **options)
    assert info.features["label"].names == list(FER7)
    assert set(splits) == set(USAGES)
    for name, usage in USAGES.items():
        examples = list(splits[name].as_numpy_iterator())
        rows = [row for row in range(12) if tiny.usages[row] == usage]
        assert [example["label"] for example in examples] == [tiny.labels[row] for row in rows]
        assert [example["id"].decode() for example in examples] == [f"row {row}" for row in rows]
        np.testing.assert_array_equal([example["image"][..., 0] for example in examples], tiny.pixels[rows])


def test_the_environment_names_the_source(source, tmp_path, monkeypatch):
    monkeypatch.setenv("FER2013_PATH", str(source))
    assert len(tfds.load("fer2013", split="train", data_dir=str(tmp_path / "prepared"))) == 6


def test_nothing_found_is_an_error_and_not_synthetic_faces(tmp_path):
    with pytest.raises(DataError, match="FER2013 was not found"):
        tfds.load("fer2013", data_dir=str(tmp_path / "prepared"))
    assert not list((tmp_path / "prepared").rglob("*.tfrecord*"))


def test_a_wrong_source_is_an_error_at_once(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        tfds.load("fer2013", builder_kwargs={"source": "missing.csv"}, data_dir=str(tmp_path))


def test_a_copy_of_another_source_is_not_served(source, tmp_path, tiny):
    data_dir = str(tmp_path / "prepared")
    Fer2013(source=source, data_dir=data_dir).download_and_prepare()
    Fer2013(source=source, data_dir=data_dir)  # the same one is fine, and so is none
    assert Fer2013(data_dir=data_dir).is_prepared()
    (tmp_path / "other.csv").write_text(tiny.icml_text())
    with pytest.raises(DataError, match="prepared from another source"):
        Fer2013(source=tmp_path / "other.csv", data_dir=data_dir)


def test_builders_can_be_pickled(source, tmp_path):
    builder = Fer2013(source=source, data_dir=str(tmp_path / "prepared"))
    copy = pickle.loads(pickle.dumps(builder))
    copy.download_and_prepare()
    assert copy.info.splits["train"].num_examples == 6
