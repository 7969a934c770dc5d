"""Whole or not at all, whatever the file is called and whatever stands there."""

import os
import stat

import pytest

from fer_keras.atomic_files import atomic_folder, atomic_path, fitting_name, path_for_libraries, write_text
from fer_keras.errors import RunFolderError


@pytest.mark.parametrize(
    "name",
    [
        "x" * 255,
        "x" * 251 + ".csv",
        "ж" * 125 + ".csv",
        "x." + "y" * 253,
        "." + "x" * 254,
        "caf\udce9.csv",
        "-x.csv",
        "a\nb",
    ],
)
def test_any_name_a_disk_can_hold(tmp_path, name):
    write_text(tmp_path / name, "1")
    write_text(tmp_path / name, "2")
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "2"
    with atomic_folder(tmp_path / "sub" / name) as scratch:
        (scratch / "a").write_text("3")
    assert os.listdir(tmp_path / "sub") == [name]


def test_scratch_files_keep_their_suffix(tmp_path):
    with atomic_path(tmp_path / ("x" * 240 + ".keras")) as scratch:
        assert scratch.suffix == ".keras"


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/new")
    write_text(tmp_path / "link", "1")
    assert (tmp_path / "there/new").read_text() == "1"
    assert (tmp_path / "link").is_symlink()


def test_devices_are_written_and_stay():
    with atomic_path("/dev/null") as place:
        place.write_text("x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(RunFolderError, match="No space left"):
        write_text("/dev/full", "x")


def test_names_are_cut_to_what_fits(tmp_path):
    long = tmp_path / ("ж" * 125 + ".jpg")
    assert fitting_name(long) == long
    cut = fitting_name(long, "-12")
    assert len(os.fsencode(cut.name)) <= 255
    assert cut.name.endswith("ж-12.jpg")


def test_a_name_that_is_no_text_for_libraries(tmp_path):
    odd = tmp_path / "caf\udce9.mp4"
    odd.write_bytes(b"x")
    with path_for_libraries(odd) as place:
        str(place).encode()
        assert place.suffix == ".mp4"
        assert place.read_bytes() == b"x"
    assert not place.exists()


def test_text_with_a_name_that_is_no_text(tmp_path):
    write_text(tmp_path / "x", "caf\udce9")
    assert (tmp_path / "x").read_text() == "caf\\udce9"
