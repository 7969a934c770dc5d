"""Skipping what is wrong: the rest is unchanged, and every skipped row is counted and named."""

import io
import zipfile

import numpy as np
import pytest

from fer_keras.datasets import load_faces
from fer_keras.datasets.sources.csv_file import read_csv
from fer_keras.datasets.sources.recognise import recognise
from fer_keras.datasets.sources.rows import MAX_EXAMPLES, BadRows, skipped_notice
from fer_keras.errors import DataError

FACE = " ".join(["7"] * 2304)
BAD_LINES = {
    "wrong number of pixels": f"3,{FACE} 7,Training",
    "pixel out of range": f"3,{FACE[:-1]}300,Training",
    "pixels are not whole numbers": f"3,{FACE[:-1]}nan,Training",
    "unknown emotion label": f"7,{FACE},Training",
    "unknown Usage": f"3,{FACE},Testing",
    "wrong number of fields": f"3,{FACE}",
    "not valid csv (unexpected end of data)": f'3,"{FACE},Training',
    "holds NUL bytes": f"3,{FACE},Trai\0ning",
    "longer than 65536 bytes, so this is no row of a FER2013 csv": "3," + "7 " * 100_000 + ",Training",
}


def test_every_kind_of_bad_line_is_skipped_and_the_rest_is_unchanged(tiny):
    lines = tiny.csv_text().splitlines()
    dirty = [lines[0]]
    for good, bad in zip(lines[1:], [*BAD_LINES.values(), *[""] * 3], strict=True):
        dirty += [bad, good]
    dirty.append("3,\xff,Training")
    bad = BadRows("skip")
    rows = list(read_csv(io.BytesIO("\n".join(dirty).encode("latin-1")), "x.csv", bad))
    assert [row.label for row in rows] == tiny.labels
    np.testing.assert_array_equal([row.pixels for row in rows], tiny.pixels)
    assert bad.reasons == dict.fromkeys([*BAD_LINES, "not UTF-8 text"], 1)
    assert bad.examples[0].startswith("x.csv, row 0 (line 2): wrong number of pixels.")


def test_an_unclosed_quote_costs_one_row_only():
    text = f'emotion,pixels,Usage\n3,"{FACE},Training\n' + f"3,{FACE},Training\n" * 50
    bad = BadRows("skip")
    assert len(list(read_csv(io.BytesIO(text.encode()), "x.csv", bad))) == 50
    assert bad.summary()["count"] == 1


@pytest.mark.parametrize("layout", ["folder", "zip"])
def test_bad_images_are_skipped_in_trees(tiny, tmp_path, layout):
    root = tiny.write_folder(tmp_path / "faces")
    wrong = {
        "train/happy/Training_9001.png": b"",
        "train/happy/Training_9002.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "train/joyful/Training_9003.png": b"x",
        "train/happy/image.png": b"x",
        "train/happy/PublicTest_9004.png": b"x",
    }
    path = root
    if layout == "zip":
        path = tiny.write_zip(tmp_path / "faces.zip")
        with zipfile.ZipFile(path, "a") as archive:
            for name, data in wrong.items():
                archive.writestr(name, data)
    else:
        for name, data in wrong.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(data)
    bad = BadRows("skip")
    tiny.check(recognise(path).read_splits(bad))
    assert bad.summary()["count"] == len(wrong)
    with pytest.raises(DataError, match=r"joyful|image\.png|PublicTest_9004|Training_900[12]"):
        recognise(path).read_splits()


def test_a_damaged_member_is_skipped(tiny, tmp_path):
    path = tiny.write_zip(tmp_path / "faces.zip")
    with zipfile.ZipFile(path) as archive:
        member = next(m for m in archive.infolist() if "Training" in m.filename)
        start = member.header_offset + 30 + len(member.filename)
    data = bytearray(path.read_bytes())
    data[start + 40 : start + 60] = bytes(20)
    path.write_bytes(data)
    bad = BadRows("skip")
    splits = recognise(path).read_splits(bad)
    assert sum(map(len, splits.values())) == 11
    assert bad.reasons == {"the member is damaged": 1}
    assert member.filename in bad.examples[0]


def test_a_data_set_with_skipped_rows_says_so_every_time(tiny, tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text(tiny.csv_text() + f"9,{FACE},Training\n" * 3 + f"3,{FACE} 1,Training\n")
    with pytest.raises(DataError, match=r"row 12 \(line 14\): unknown emotion label"):
        load_faces(path, cache_dir=tmp_path / "cache")
    for _ in range(2):  # prepared, then from the copy
        dataset = load_faces(path, cache_dir=tmp_path / "cache", on_bad="skip")
        assert sum(len(split) for split in dataset.splits.values()) == 12
        (notice,) = dataset.notices
        assert notice.startswith(
            "4 of 16 rows or files were skipped: unknown emotion label (3); wrong number of pixels"
        )
    with pytest.raises(DataError):  # the copy without them does not stand in for the strict one
        load_faces(path, cache_dir=tmp_path / "cache")


def test_nothing_skipped_says_nothing(tiny, tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text(tiny.csv_text())
    assert load_faces(path, cache_dir=tmp_path / "cache", on_bad="skip").notices == ()
    assert skipped_notice(BadRows("skip").summary(), 5) == ""


def test_examples_are_bounded():
    bad = BadRows("skip")
    for row in range(1000):
        bad.handle(f"row {row}", DataError("wrong"))
    assert bad.summary()["count"] == 1000
    assert len(bad.examples) == MAX_EXAMPLES


def test_a_data_set_of_nothing_but_bad_rows_is_refused(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + "9,1,Training\n" * 5)
    with pytest.raises(DataError, match="no Training rows"):
        load_faces(path, cache_dir=tmp_path / "cache", on_bad="skip")
