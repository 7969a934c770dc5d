"""Every dirty row is named; nothing is coerced."""

import io
import re

import numpy as np
import pytest

from fer_keras.datasets.sources.csv_file import has_contempt, is_face_csv, read_csv
from fer_keras.datasets.sources.rows import SPLIT_OF_USAGE
from fer_keras.errors import DataError

FACE = " ".join(["7"] * 2304)
HEADER = "emotion,pixels,Usage\n"
GOOD = f"3,{FACE},Training\n"


def read(text):
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_csv(io.BytesIO(data), "x.csv"))


def test_challenge_layout(tiny):
    rows = read(tiny.csv_text())
    assert [row.label for row in rows] == tiny.labels
    assert [row.split for row in rows] == [SPLIT_OF_USAGE[usage] for usage in tiny.usages]
    np.testing.assert_array_equal([row.pixels for row in rows], tiny.pixels)
    assert (rows[0].id, rows[11].id) == ("row 0", "row 11")
    assert rows[0].pixels.dtype == np.uint8


def test_layouts_and_spellings_of_the_same_data_are_equal(tiny):
    expected = [(row.split, row.label, row.pixels.tobytes()) for row in read(tiny.csv_text())]
    quoted = tiny.csv_text().replace(",Training", ',"Training"')
    variants = {
        "icml": tiny.icml_text(),
        "BOM": b"\xef\xbb\xbf" + tiny.csv_text().encode(),
        "CRLF": tiny.csv_text(newline="\r\n"),
        "quoted fields": quoted,
        "quoted header": tiny.csv_text('"emotion","pixels","Usage"'),
        "spaces": tiny.csv_text("emotion , pixels , Usage"),
        "blank lines": tiny.csv_text() + "\n\n",
        "no final newline": tiny.csv_text().rstrip("\n"),
        "semicolons": tiny.csv_text().replace(",", ";"),
        "tabs": tiny.csv_text().replace(",", "\t"),
        "UTF-16 of Excel": tiny.csv_text(newline="\r\n").replace(",", "\t").encode("utf-16"),
        "UTF-16 of the other order": b"\xfe\xff" + tiny.csv_text().encode("utf-16-be"),
        "UTF-16 without a mark": tiny.csv_text().encode("utf-16-le"),
        "empty columns at the end": tiny.csv_text(newline=",,,\r\n"),
        "empty columns in the rows alone": tiny.csv_text().replace("Training\n", "Training,,\n"),
        "rows of empty columns": tiny.csv_text() + ",,\n,,\n",
        "quoted pixels": re.sub(r",(\d[\d ]+\d),", r',"\1",', tiny.csv_text()),
        "line ends of old Macs": tiny.csv_text(newline="\r"),
        "a line for Excel": "sep=;\r\n" + tiny.csv_text(newline="\r\n").replace(",", ";"),
    }
    for name, text in variants.items():
        assert [(row.split, row.label, row.pixels.tobytes()) for row in read(text)] == expected, name


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"7,{FACE},Training", "unknown emotion label"),
        (f"-1,{FACE},Training", "unknown emotion label"),
        (f",{FACE},Training", "unknown emotion label"),
        (f"3.0,{FACE},Training", "unknown emotion label"),
        (f"nan,{FACE},Training", "unknown emotion label"),
        (f"happy,{FACE},Training", "unknown emotion label"),
        (f"\N{ARABIC-INDIC DIGIT THREE},{FACE},Training", "unknown emotion label"),
        (f"3,{FACE},Testing", "unknown Usage"),
        (f"3,{FACE},training", "Did you mean 'Training'"),
        (f"3,{FACE},", "unknown Usage"),
        (f"3,{FACE} 7,Training", "wrong number of pixels.*Received: 2305"),
        (f"3,{FACE[2:]},Training", "wrong number of pixels.*Received: 2303"),
        ("3,,Training", "wrong number of pixels.*Received: 0"),
        ("3, ,Training", "wrong number of pixels.*Received: 0"),
        (f"3,{FACE[:-1]}256,Training", "out of range.*Received: 256"),
        (f"3,{FACE[:-1]}99999999999999999999999,Training", "out of range"),
        (f"3,{FACE[:-1]}-1,Training", "not whole numbers"),
        (f"3,{FACE[:-1]}7.5,Training", "not whole numbers"),
        (f"3,{FACE[:-1]}x,Training", "not whole numbers"),
        (f"3,{FACE[:-1]}\N{ARABIC-INDIC DIGIT THREE},Training", "not whole numbers"),
        (f"3,{FACE}", "wrong number of fields"),
        (f"3,{FACE},Training,extra", "wrong number of fields"),
        (f'3,"{FACE},Training', "quote that is never closed"),
        (f'3,{FACE},"Train"ing', "not valid csv"),
        (f"3,{FACE},Trai\0ning", "NUL bytes"),
        (b"3,\xff\xfe,Training", "not UTF-8"),
        ("3," + "7 " * 40_000 + ",Training", "longer than"),
    ],
)
def test_a_dirty_row_is_named(row, problem):
    row = row if isinstance(row, bytes) else row.encode()
    with pytest.raises(DataError, match=problem) as caught:
        read(HEADER.encode() + GOOD.encode() + row + b"\n" + GOOD.encode())
    assert "line 3" in str(caught.value)
    assert str(caught.value).startswith("x.csv")
    assert "\n" not in str(caught.value)


def test_an_early_unclosed_quote_does_not_swallow_the_file():
    with pytest.raises(DataError, match=r"line 2\): not valid csv"):
        read(HEADER + f'3,"{FACE},Training\n' + GOOD * 100)


def test_row_and_line_are_told_apart():
    with pytest.raises(DataError, match=r"row 1 \(line 4\)"):
        read(HEADER + "\n" + GOOD + "9,1,Training\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (HEADER, "header but no rows"),
        ("emotion,pixels\n" + GOOD, "no column 'usage'"),
        ("pixels\n", "no column 'emotion'"),
        ("emotion,pixels,Usage,usage\n", "more than one column 'usage'"),
        (GOOD, "no column 'emotion'"),
        ("emotion,pixels,Usage\n".encode("utf-16"), "header but no rows"),
    ],
)
def test_a_wrong_file_is_refused(text, problem):
    with pytest.raises(DataError, match=problem):
        read(text)


def test_rows_come_one_at_a_time():
    rows = read_csv(io.BytesIO((HEADER + GOOD + "bad\n").encode()), "x.csv")
    assert next(rows).label == 3
    with pytest.raises(DataError):
        next(rows)


def test_headers_are_recognised():
    assert is_face_csv(b"emotion,pixels,Usage\n0,1 2")
    assert is_face_csv(b"\xef\xbb\xbfemotion, Usage, pixels\r\n")
    assert not is_face_csv(b"Usage,Image name,neutral,happiness\n")
    assert not is_face_csv(b"emotion,pixels\n")
    assert not is_face_csv(b"")
    assert is_face_csv("emotion;pixels;Usage\r\n".encode("utf-16"))
    assert is_face_csv(b"sep=;\r\nemotion;pixels;Usage;;\r\n")


def test_an_eighth_class_is_told_from_a_fault():
    rows = [f"{label},7 7 7,Training\n" for label in range(7)]
    assert has_contempt(io.BytesIO((HEADER + "".join(rows) + "7,1 1,Training\n").encode()))
    assert has_contempt(io.BytesIO((HEADER + "".join(rows) + '"7",1 1,Training\n').encode("utf-16")))
    assert not has_contempt(io.BytesIO((HEADER + "".join(rows)).encode()))
    assert not has_contempt(io.BytesIO((HEADER + "".join(rows * 40) + "7,1 1,Training\n").encode()))
