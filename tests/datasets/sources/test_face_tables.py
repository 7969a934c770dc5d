"""CK+ in FER2013's form, and Parquet."""

from collections import Counter

import layouts
import pytest

from fer_keras.datasets.sources.face_tables import ParquetTable, PixelTable
from fer_keras.datasets.sources.recognise import recognise
from fer_keras.datasets.sources.rows import BadRows
from fer_keras.emotions import FERPLUS8
from fer_keras.errors import DataError, InputError


def test_ckextended(tmp_path):
    path = tmp_path / "ckextended.csv"
    path.write_text(layouts.ckextended(160))
    for given in (path, tmp_path):
        source = recognise(given)
        assert isinstance(source, PixelTable)
        tree = source.arrange()
        assert tree.classes == FERPLUS8
        assert Counter(file.split for file in tree.files) == {"train": 128, "validation": 16, "test": 16}
        [(_, png)] = source.read([tree.files[0].name])
        assert png.startswith(b"\x89PNG")


def test_a_wrong_row_of_ckextended(tmp_path):
    path = tmp_path / "ck.csv"
    path.write_text(layouts.ckextended() + "8,1 2 3,Training\n")
    with pytest.raises(DataError, match=r"row 64 \(line 66\): unknown emotion label"):
        recognise(path).arrange()
    bad = BadRows("skip")
    assert len(recognise(path).arrange(bad).files) == 64
    assert bad.summary()["count"] == 1


def test_one_fer2013_row_with_label_7_is_a_fault_and_no_class(tmp_path, tiny):
    path = tmp_path / "fer.csv"
    rows = tiny.csv_text().splitlines(keepends=True)
    path.write_text("".join([rows[0], *rows[1:] * 20, "7," + rows[1].split(",", 1)[1]]))
    with pytest.raises(DataError, match="unknown emotion label"):
        recognise(path).read_splits()


@pytest.mark.parametrize("plain", [False, True])
def test_parquet_with_names_in_its_metadata(tmp_path, plain):
    layouts.write_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", 20, plain=plain)
    layouts.write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", 6, plain=plain, seed=50)
    source = recognise(tmp_path)
    assert isinstance(source, ParquetTable)
    tree = source.arrange()
    assert tree.classes == ("happy", "sad")
    assert Counter(file.split for file in tree.files) == {"train": 20, "test": 6}
    names = [file.name for file in tree.files if file.split == "train"]
    assert dict(source.read(names))[names[3]] == layouts.picture(3)


def test_one_parquet_file_with_a_column_of_usages(tmp_path):
    usage = ["Training", "Training", "PublicTest", "PrivateTest"] * 4
    source = recognise(layouts.write_parquet(tmp_path / "fer", 16, usage=usage, names=None))
    tree = source.arrange()
    assert tree.classes == ("0", "1")
    assert "nothing says what they mean" in tree.notices[0]
    assert Counter(file.split for file in tree.files) == {"train": 8, "validation": 4, "test": 4}


def test_parquet_that_holds_something_else(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no column of pictures"):
        recognise(tmp_path).arrange()
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(DataError, match="damaged Parquet"):
        recognise(tmp_path).arrange()


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    layouts.write_parquet(tmp_path / "train.parquet", 4)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"fer_keras\[parquet\]"):
        recognise(tmp_path).arrange()
