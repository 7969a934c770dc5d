"""Pipes, devices and links to above in a folder of pictures."""

import os

import pytest
from hostile_files import encode, one_face

from fer_keras.datasets.sources.rows import BadRows
from fer_keras.datasets.sources.tree import TreeSource
from fer_keras.errors import DataError
from fer_keras.imaging import read_image_file

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")


@pytest.fixture
def pictures(tmp_path):
    for name in ("happy", "sad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(encode(one_face()))
    return tmp_path


def test_a_pipe_is_not_waited_for(pictures):
    os.mkfifo(pictures / "happy" / "2.png")
    with pytest.raises(DataError, match="not a regular file"):
        read_image_file(pictures / "happy" / "2.png")
    with pytest.raises(DataError, match="not a regular file"):
        read_image_file("/dev/zero")
    bad = TreeSource("folder", pictures).find_bad()
    assert bad["count"] == 1
    assert "not a regular file" in str(bad["examples"])


@pytest.mark.parametrize("target", ["/", "..", "."])
def test_a_link_to_a_folder_above_is_refused(target, pictures):
    os.symlink(target, pictures / "sad" / "more")
    with pytest.raises(DataError, match="sad/more is a link to a folder that holds it"):
        TreeSource("folder", pictures).arrange(BadRows("skip"))


def test_a_link_to_pictures_elsewhere_is_followed(pictures, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "3.png").write_bytes(encode(one_face(3)))
    os.symlink(other, pictures / "fear")
    assert TreeSource("folder", pictures).arrange(BadRows("skip")).classes == ("fear", "happy", "sad")
