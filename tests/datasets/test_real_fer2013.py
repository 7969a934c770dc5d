"""The real data set, where a copy lies beside the checkout."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_keras.datasets import load_faces

MAKER = Path(__file__).resolve().parents[2] / "../shared/fer2013/make_fer2013.py"

pytestmark = pytest.mark.skipif(not MAKER.is_file(), reason="no FER2013 in ../shared/fer2013")

OFFICIAL_COUNTS = {
    "train": [3995, 436, 4097, 7215, 4830, 3171, 4965],
    "validation": [467, 56, 496, 895, 653, 415, 607],
    "test": [491, 55, 528, 879, 594, 416, 626],
}


def make(out, layout, *options):
    subprocess.run([sys.executable, str(MAKER), str(out), "--layout", layout, *options], check=True)
    return out


@pytest.mark.slow
def test_small_copies_agree_in_every_layout(tmp_path):
    loaded = {
        layout: load_faces(make(tmp_path / layout, layout, "--limit", "40"), cache_dir=tmp_path / "cache")
        for layout in ("csv", "icml", "folder", "zip")
    }
    assert loaded["icml"].sha256 == loaded["csv"].sha256
    assert loaded["zip"].sha256 == loaded["folder"].sha256
    for faces in loaded.values():
        for name, split in loaded["csv"].splits.items():
            assert faces.splits[name].labels.tolist() == split.labels.tolist()
            # The JPEG layouts lose a little; another face or order would differ by tens of levels.
            difference = np.abs(faces.splits[name].images.astype(int) - split.images.astype(int)).mean()
            assert difference < 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_whole_csv_has_the_official_counts(tmp_path):
    faces = load_faces(make(tmp_path, "csv"), cache_dir=tmp_path / "cache")
    for name, counts in OFFICIAL_COUNTS.items():
        assert np.bincount(faces.splits[name].labels, minlength=7).tolist() == counts
    assert faces.splits["train"].ids[0] == "row 0"
    assert faces.splits["test"].ids[-1] == "row 35886"
