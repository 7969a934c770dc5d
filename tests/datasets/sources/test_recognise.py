"""What a path holds is found by content."""

import gzip
import os

import pytest

from fer_keras.datasets.sources.recognise import recognise
from fer_keras.errors import DataError


@pytest.fixture(params=["csv", "icml", "folder", "zip", "zipped csv"])
def layout(request, tiny, tmp_path):
    """Return (kind, path of the source, folder it lies in) with names that say nothing."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "fer2013new.csv").write_text("Usage,Image name,neutral\nTraining,x,1\n")
    path = root / "thing.bin"
    if request.param == "folder":
        return "folder", tiny.write_folder(root), root
    if request.param == "zip":
        return "zip", tiny.write_zip(path), root
    if request.param == "zipped csv":
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside", tiny.csv_text())
        return "zip", path, root
    path.write_text(tiny.icml_text() if request.param == "icml" else tiny.csv_text())
    return "csv", path, root


def test_every_layout_gives_the_same_rows(layout, tiny):
    kind, path, root = layout
    for given in (path, root):
        source = recognise(given)
        assert (source.kind, source.path) == (kind, path)
        tiny.check(source.read_splits())


def test_signature_follows_the_source(layout):
    _, path, root = layout
    before = recognise(root).signature
    assert recognise(path).signature == before
    changed = next(root.rglob("Training_2.png"), path)
    os.utime(changed, ns=(1, 1))
    assert recognise(root).signature != before


def test_home_is_expanded(tmp_path, tiny, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "f.csv").write_text(tiny.csv_text())
    assert recognise("~/f.csv").path == tmp_path / "f.csv"


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="No such file or directory"):
        recognise(tmp_path / "missing.csv")
    with pytest.raises(DataError, match="holds no FER2013 data"):
        recognise(tmp_path)


def test_several_data_sets_in_a_folder(tmp_path, tiny):
    tiny.write_folder(tmp_path)
    (tmp_path / "a.csv").write_text(tiny.csv_text())
    with pytest.raises(DataError, match=r"several data sets.*a\.csv"):
        recognise(tmp_path)


def test_other_archives(tmp_path):
    (tmp_path / "fer2013.tar.gz").write_bytes(gzip.compress(b"x"))
    with pytest.raises(DataError, match=r"gzip archive.*Unpack it first"):
        recognise(tmp_path / "fer2013.tar.gz")


def test_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        recognise(tmp_path / "pipe")


@pytest.mark.parametrize("usage", ["Training", "PublicTest", "PrivateTest"])
def test_an_empty_split_is_refused(tmp_path, tiny, usage):
    kept = [line for line in tiny.csv_text().splitlines(keepends=True) if not line.endswith(f"{usage}\n")]
    (tmp_path / "a.csv").write_text("".join(kept))
    with pytest.raises(DataError, match=f"no {usage} rows"):
        recognise(tmp_path).read_splits()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY\1\0", "a NumPy file"),
        (b"\x80\x04\x95", "a Python pickle"),
        (bytes(257) + b"ustar", "a tar archive"),
        (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path, head, words):
    (tmp_path / "x").write_bytes(head + bytes(600))
    with pytest.raises(DataError, match=words):
        recognise(tmp_path / "x")
