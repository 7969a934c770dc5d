"""The files of an exploration: pictures that open, and a page that needs nothing else."""

import html
import json
import re

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.errors import RunFolderError
from fer_keras.exploration.report import FILES, PICTURES, check_free, write_exploration
from fer_keras.exploration.summary import explore

# What folder names may hold: markup, quotes, matplotlib's mathematics, length; the last class has no face.
CLASSES = ("<script>alert(1)</script>", 'a & "b"', r"$\frac$", "a name that is far too long for one line", "empty")


def make_split(n: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    ids = np.array([f"x/<i>{seed}-{row}.png" for row in range(n)], dtype=str)
    return Split(rng.integers(0, 256, (n, 40, 56, 1), dtype=np.uint8), np.arange(n) % 4, ids)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Another size than 48 pixels and not square; a copy with another label; an empty split."""
    splits = {"train": make_split(24, 0), "validation": make_split(9, 1), "test": make_split(0, 2)}
    splits["validation"].images[0] = splits["train"].images[5]
    dataset = FaceDataset("odd", CLASSES, splits, "/home/somebody/odd", fingerprint(splits, CLASSES), ("note < this",))
    folder = tmp_path_factory.mktemp("exploration")
    numbers = write_exploration(folder, dataset, explore(dataset, per_class=3))
    return folder, dataset, numbers


def test_every_file_is_there_and_every_picture_opens(written):
    folder, _, numbers = written
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for name in PICTURES:
        with Image.open(folder / name) as picture:
            picture.load()
            assert min(picture.size) > 100
    assert json.loads((folder / "numbers.json").read_text()) == numbers


def test_the_page_needs_nothing_else(written):
    page = (written[0] / "index.html").read_text()
    assert not re.search(r"https?://|url\(|@import|<link|<script|<iframe", page)
    sources = re.findall(r'src="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert len(sources) == len(re.findall(r'<img src="[^"]*" alt="[^"]+"', page))


def test_the_page_escapes_names_and_tells_no_path(written):
    page = (written[0] / "index.html").read_text()
    assert html.escape(CLASSES[0]) in page
    assert "x/&lt;i&gt;0-5.png" in page
    assert "note &lt; this" in page
    assert "somebody" not in page


def test_the_page_says_what_data_and_how_many(written):
    folder, dataset, numbers = written
    page = (folder / "index.html").read_text()
    assert "33 faces of 56 × 40 pixels in 5 classes." in page
    assert dataset.sha256 in page
    assert "not checked by the gate" in page
    row = re.search(r'<th scope="row">a name that.*?</th>(.*?)</tr>', page, re.DOTALL)[1]
    assert re.findall(r"<td>(.*?)</td>", row) == ["6", "25.0%", "2", "22.2%", "0", "–"]
    assert numbers["splits"]["test"]["sharpness"] is None
    assert "1 of 1 pictures" in page


def test_only_an_old_exploration_is_replaced(written, tmp_path):
    folder = written[0]
    check_free(tmp_path / "new", force=False)
    check_free(tmp_path, force=False)
    with pytest.raises(RunFolderError, match="--force"):
        check_free(folder, force=False)
    check_free(folder, force=True)
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match=r"thesis\.tex"):
        check_free(tmp_path, force=True)
    with pytest.raises(RunFolderError, match="a file"):
        check_free(tmp_path / "thesis.tex", force=True)
