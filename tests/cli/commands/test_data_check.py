"""``fer-keras data check``: what it prints and how it ends."""

import json

import layouts
import numpy as np
import pytest
from fer_keras_cli.main import run


def write_csv(path, side, n=30, seed=0):
    """Noise in FER2013's format, ``side`` pixels a side, with the first face twice."""
    random = np.random.default_rng(seed)
    faces = random.integers(0, 256, (n, side * side))
    faces[1] = faces[0]
    usages = ["Training", "PublicTest", "PrivateTest"]
    rows = (f"{i % 7},{' '.join(map(str, face))},{usages[i % 3]}" for i, face in enumerate(faces))
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n")
    return path


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_KERAS_CACHE", str(tmp_path / "cache"))


def test_an_unknown_data_set(tmp_path, capsys):
    path, page = write_csv(tmp_path / "faces.csv", 48), tmp_path / "quality.html"
    assert run(["data", "check", str(path), "--html", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "unknown data set" in shown
    assert "1 of 10 validation rows are pixel-identical" in " ".join(shown.split())
    assert page.read_text().startswith("<!doctype html>")
    assert run(["data", "check", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "unknown data set"
    assert report["copies"]["validation rows in train"] == 1


def test_images_of_another_size_are_counted_not_just_refused(tmp_path, capsys):
    path = write_csv(tmp_path / "small.csv", 44)
    with pytest.raises(SystemExit) as ended:
        run(["data", "check", str(path), "--json", "--html", str(tmp_path / "quality.html")])
    assert ended.value.code == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["kind"] == "unreadable"
    assert "30 of 30 rows or files" in finding["sentence"]
    assert "wrong number of pixels (30)" in finding["sentence"]
    assert "row 0 (line 2)" in finding["sentence"]


def test_a_few_bad_rows_do_not_hide_the_rest(tmp_path, capsys):
    path = write_csv(tmp_path / "faces.csv", 48)
    path.write_text(path.read_text() + "3,1 2 3,Training\n")
    with pytest.raises(SystemExit) as ended:
        run(["data", "check", str(path), "--json"])
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert [finding["kind"] for finding in report["findings"]][:1] == ["unreadable"]
    assert report["copies"]["rows"] == 30


def test_what_is_no_data_set_at_all(tmp_path, capsys):
    assert run(["data", "check", str(tmp_path / "missing.csv")]) == 2
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert run(["data", "check", str(tmp_path / "x.csv")]) == 2
    assert "has no column" in capsys.readouterr().err


def folders(root, names, n=20):
    return layouts.write(
        root, {f"{name}/{i}.png": layouts.picture(i + 99 * k) for k, name in enumerate(names) for i in range(n)}
    )


def test_classes_and_counts_come_first(tmp_path, capsys):
    path = layouts.write(tmp_path / "ferplus", layouts.ferplus(20))
    assert run(["data", "check", str(path)]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["class", "train", "validation", "test"]
    assert first.split() == ["angry", "2", "2", "2"]
    assert run(["data", "check", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["faces"]["test"]["contempt"] == 2
    assert any("12 pictures have no expression" in notice for notice in document["notices"])


def test_folders_that_are_no_classes(tmp_path, capsys):
    path = folders(tmp_path / "x", ("set_a", "set_b"))
    assert run(["data", "check", str(path)]) == 2
    assert "'set_a' is the name of a group of files. If they are your classes, name them" in capsys.readouterr().err
    assert run(["data", "check", str(path), "--classes", "set_a, set_b"]) == 0
    assert "set_a" in capsys.readouterr().out


def test_own_classes_need_nothing(tmp_path, capsys):
    assert run(["data", "check", str(folders(tmp_path / "x", ("bored", "engaged")))]) == 0
    assert "bored" in capsys.readouterr().out


def test_every_bad_file_at_once(tmp_path, capsys):
    path = folders(tmp_path / "x", ("bored", "engaged"))
    layouts.write(path, {"bored/a.png": b"", "engaged/b.jpg": b"text", "bored/c.txt": b"notes"})
    assert run(["data", "check", str(path)]) == 2
    errors = capsys.readouterr().err
    assert all(name in errors for name in ("bored/a.png", "engaged/b.jpg", "bored/c.txt", "3 files cannot be used"))
    assert run(["data", "check", str(path), "--on-bad", "skip"]) == 0


def test_the_page_never_takes_the_place_of_the_data(tmp_path, capsys):
    path = write_csv(tmp_path / "faces.csv", 48)
    before = path.read_bytes()
    assert run(["data", "check", str(path), "--html", str(path)]) == 2
    assert "is a file that is read" in capsys.readouterr().err
    assert path.read_bytes() == before
