"""One crafted file per attack; each is refused before a member is read."""

import struct
import time
import zipfile
import zlib

import pytest

from fer_keras.datasets.sources import zip_safety
from fer_keras.datasets.sources.zip_safety import open_checked_zip
from fer_keras.errors import DataError


def refuse(path, problem):
    with pytest.raises(DataError, match=problem) as caught, open_checked_zip(path):
        pass
    assert "\n" not in str(caught.value)


def write(path, *names, data=b"abc", compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in names:
            archive.writestr(name, data)
    return path


def directory_entry(name, offset, size):
    fields = (b"PK\1\2", 20, 20, 0, 0, 0, 0, zlib.crc32(b"a" * size), size, size, len(name), 0, 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3L5H2L", *fields) + name


def raw_zip(path, local, entries):
    """A zip from its parts: local headers with data, then central entries as given."""
    directory = b"".join(entries)
    count = min(len(entries), 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(local), 0)
    path.write_bytes(local + directory + end)
    return path


def local_header(name, data):
    fields = (b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(data), len(data), len(data), len(name), 0)
    return struct.pack("<4s5H3L2H", *fields) + name + data


def test_an_honest_zip_opens(tmp_path):
    path = write(tmp_path / "x.zip", "a.txt", "b/c.txt")
    with open_checked_zip(path) as archive:
        assert archive.read("b/c.txt") == b"abc"


def test_the_parts_of_the_forged_zips_are_valid(tmp_path):
    path = raw_zip(tmp_path / "x.zip", local_header(b"a", b"aaa"), [directory_entry(b"a", 0, 3)])
    with open_checked_zip(path) as archive:
        assert archive.read("a") == b"aaa"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\x"])
def test_names_that_leave_the_archive(tmp_path, name):
    refuse(write(tmp_path / "x.zip", name), "climbs out|absolute or a Windows path")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a.txt", "A.TXT"])
def test_duplicates(tmp_path, second):
    refuse(write(tmp_path / "x.zip", "a.txt", second), "listed twice")


def test_normalisation_duplicates(tmp_path):
    refuse(write(tmp_path / "x.zip", "\u00e9.txt", "e\u0301.txt"), "listed twice")


def test_high_ratio(tmp_path):
    refuse(write(tmp_path / "x.zip", "a", data=bytes(10**6), compression=zipfile.ZIP_DEFLATED), "more than 100 times")


def test_other_compressions(tmp_path):
    refuse(write(tmp_path / "x.zip", "a", compression=zipfile.ZIP_LZMA), "other than deflate")


def test_encrypted(tmp_path):
    path = write(tmp_path / "x.zip", "a")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    refuse(path, "is encrypted")


def test_symbolic_link(tmp_path):
    member = zipfile.ZipInfo("link")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    refuse(tmp_path / "x.zip", "symbolic link")


def test_total_size(tmp_path, monkeypatch):
    monkeypatch.setattr(zip_safety, "MAX_TOTAL_BYTES", 5)
    refuse(write(tmp_path / "x.zip", "a", "b"), "unpack to too much")


def test_full_overlap(tmp_path):
    entries = [directory_entry(name, 0, 3) for name in (b"a", b"b")]
    refuse(raw_zip(tmp_path / "x.zip", local_header(b"a", b"aaa"), entries), "overlaps")


def test_member_that_quotes_the_next_header(tmp_path):
    inner = local_header(b"b", b"aaa")
    outer = local_header(b"a", inner)
    entries = [directory_entry(b"a", 0, len(inner)), directory_entry(b"b", len(outer) - len(inner), 3)]
    refuse(raw_zip(tmp_path / "x.zip", outer, entries), "overlaps")


def test_a_million_members_are_refused_at_once(tmp_path):
    path = raw_zip(tmp_path / "x.zip", b"", [directory_entry(b"a", 0, 0)] * 1_000_000)
    start = time.perf_counter()
    refuse(path, "too many members")
    assert time.perf_counter() - start < 2
    path = raw_zip(tmp_path / "y.zip", b"", [directory_entry(b"a", 0, 0)] * 250_000)
    refuse(path, "too many members")


@pytest.mark.parametrize("kept", [0.3, 0.8, 0.99])
def test_truncated(tmp_path, kept):
    path = write(tmp_path / "x.zip", *"abcdefgh", data=b"x" * 500)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    refuse(path, "not a complete zip file")


def test_damaged_directory(tmp_path):
    path = write(tmp_path / "x.zip", "a")
    path.write_bytes(path.read_bytes().replace(b"PK\1\2", b"PK\7\7"))
    refuse(path, "damaged zip file")


def test_zip64_directory_is_found(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(65_600):  # more than the plain end record can count
            archive.writestr(f"{number}", b"")
    with open_checked_zip(path) as archive:
        assert len(archive.infolist()) == 65_600


def test_names_of_windows_programs_and_of_unmarked_utf8(tmp_path):
    path = tmp_path / "x.zip"
    raw = "wütend/1.png".encode()  # written without the flag, as old zips of macOS and Linux are
    local = local_header(b"train\\happy\\1.png", b"aaa") + local_header(raw, b"aaa")
    second = len(local_header(b"train\\happy\\1.png", b"aaa"))
    raw_zip(path, local, [directory_entry(b"train\\happy\\1.png", 0, 3), directory_entry(raw, second, 3)])
    with open_checked_zip(path) as archive:
        assert archive.namelist() == ["train/happy/1.png", "wütend/1.png"]
        assert archive.read("train/happy/1.png") == b"aaa"
    refuse(write(tmp_path / "y.zip", "..\\x"), "climbs out")
    refuse(write(tmp_path / "y.zip", "C:\\x"), "absolute or a Windows path")
    refuse(write(tmp_path / "y.zip", "\\\\server\\x"), "absolute or a Windows path")
    refuse(write(tmp_path / "y.zip", "a/x", "a\\x"), "listed twice")
