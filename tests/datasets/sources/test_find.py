"""Where FER2013 is looked for, and its download with a stand-in for kagglehub, since tests have no network."""

import sys
from types import SimpleNamespace

import pytest

from fer_keras.datasets.sources.find import HANDLE, download_fer2013, find_fer2013
from fer_keras.errors import DataError, InputError


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FER2013_PATH", raising=False)
    monkeypatch.chdir(tmp_path / "work")


def test_nothing_found():
    assert find_fer2013() is None


@pytest.mark.parametrize("place", ["work/fer2013.csv", "work/data/fer2013/x", "home/fer2013/x", "home/data/fer2013/x"])
def test_usual_places(tmp_path, tiny, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tiny.csv_text())
    assert find_fer2013().path.resolve() == path


def test_a_folder_of_that_name_with_other_things_is_passed_over(tmp_path):
    (tmp_path / "work" / "fer2013").mkdir()
    (tmp_path / "work" / "fer2013" / "notes.txt").write_text("x")
    assert find_fer2013() is None


def test_the_environment_comes_first(tmp_path, tiny, monkeypatch):
    (tmp_path / "work" / "fer2013.csv").write_text(tiny.csv_text())
    (tmp_path / "other").write_text(tiny.csv_text())
    monkeypatch.setenv("FER2013_PATH", str(tmp_path / "other"))
    assert find_fer2013().path == tmp_path / "other"


def test_a_wrong_environment_is_no_reason_to_look_elsewhere(tmp_path, tiny, monkeypatch):
    (tmp_path / "work" / "fer2013.csv").write_text(tiny.csv_text())
    monkeypatch.setenv("FER2013_PATH", str(tmp_path / "missing"))
    with pytest.raises(DataError, match="FER2013_PATH is set, but cannot read"):
        find_fer2013()


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
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FER2013_PATH", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "fer2013").mkdir(parents=True)
    tiny.write_zip(tmp_path / "data" / "fer2013" / "archive.zip")
    assert find_fer2013().kind == "zip"
