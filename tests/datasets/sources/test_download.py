"""Downloading with a stand-in for kagglehub, since tests have no network."""

import sys
from types import SimpleNamespace

import pytest

from fer_keras.datasets.sources.download import HANDLE, download_fer2013
from fer_keras.errors import DataError, InputError


def test_the_folder_that_kagglehub_made_is_returned(monkeypatch, tmp_path):
    asked = []
    hub = SimpleNamespace(dataset_download=lambda handle: asked.append(handle) or str(tmp_path))
    monkeypatch.setitem(sys.modules, "kagglehub", hub)
    assert download_fer2013() == tmp_path
    assert asked == [HANDLE]


def test_without_a_network_it_says_what_to_do(monkeypatch):
    def fail(handle):
        raise ConnectionError("Max retries exceeded\nwith url")

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=fail))
    with pytest.raises(DataError, match=r"Max retries exceeded with url.*archive\.zip.*~/data/fer2013.*FER2013_PATH"):
        download_fer2013()


def test_without_kagglehub_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(InputError, match=r"fer_keras\[kaggle\]"):
        download_fer2013()


def test_the_place_it_names_is_looked_at(monkeypatch, tmp_path, tiny):
    from fer_keras.datasets.sources.find import find_fer2013

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FER2013_PATH", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "fer2013").mkdir(parents=True)
    tiny.write_zip(tmp_path / "data" / "fer2013" / "archive.zip")
    assert find_fer2013().kind == "zip"
