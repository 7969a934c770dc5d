"""``fer-keras predict`` on videos and cameras, with a stand-in for the model."""

import csv
import json

import pytest
from fer_keras_cli.main import run
from video_files import BrightnessPredictor, PatchDetector, picture, write_timed, write_video

from fer_keras.inference.video.reader import Frame


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    import fer_keras_cli.commands.predict

    monkeypatch.setattr(
        fer_keras_cli.commands.predict, "make_predictor", lambda options: BrightnessPredictor(PatchDetector())
    )


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "talk.mp4", [picture((10 + at, 20, 120)) for at in range(30)])


def test_rows_and_copy_of_a_video(video, tmp_path, capsys):
    table, folder = tmp_path / "rows.csv", tmp_path / "marked"
    assert run(["predict", str(video), "--csv", str(table), "--output", str(folder), "--every", "2"]) == 0
    shown = capsys.readouterr()
    assert "15 frames analysed, 15 with a face, 1 face numbers" in shown.out
    assert "appeared mostly: middle 100%" in shown.out
    assert shown.err == "model: a file without the name of its run, brightness\n"
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(0, 30, 2))
    assert [path.name for path in folder.iterdir()] == ["talk.mp4"]


def test_json_lines_on_stdout_are_nothing_else(video, capsys):
    assert run(["predict", str(video), "--jsonl", "-", "--seconds", "0.1", "--smoothing", "0"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["timestamp"] for line in lines] == [0.0, 0.04, 0.08]


def test_one_broken_video_among_others(video, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    assert run(["predict", str(broken), str(video), "--json"]) == 1
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert [item["frames_read"] for item in document["videos"]] == [30]
    assert document["videos"][0]["rows_by_expression"] == {"middle": 30}
    assert [item["file"] for item in document["errors"]] == [str(broken)]
    assert "broken.mp4" in shown.err
    assert run(["predict", str(broken)]) == 2


def test_a_missing_video_costs_no_rows_of_the_others(video, tmp_path, capsys):
    table, missing = tmp_path / "rows.csv", str(tmp_path / "missing.mp4")
    for inputs in ([str(video), missing], [missing, str(video)]):
        assert run(["predict", *inputs, "--csv", str(table), "--force"]) == 1
        assert f"{missing}: there is no file" in capsys.readouterr().err
        with open(table, newline="") as file:
            assert len({row["frame"] for row in csv.DictReader(file)}) == 30


def test_pictures_that_begin_late_are_told(tmp_path, capsys):
    frames = [picture((60, 40, 120))] * 25
    late = write_timed(tmp_path / "late.mp4", frames, [0.8 + at / 25 for at in range(25)], sound=2.0)
    assert run(["predict", str(late), "--jsonl", "-"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out.splitlines()[0])["timestamp"] == 0.8
    assert "begin at 0.80 s" in shown.err
    assert "damaged" not in shown.err


def test_thinning_by_time(video, capsys):
    assert run(["predict", str(video), "--jsonl", "-", "--rate", "5"]) == 0
    lines = [json.loads(line)["frame"] for line in capsys.readouterr().out.splitlines()]
    assert lines == [0, 5, 10, 15, 20, 25]
    assert run(["predict", str(video), "--rate", "5", "--every", "2"]) == 2


def test_what_does_not_go_together(video, capsys):
    content = video.read_bytes()
    for arguments in (
        [str(video), "face.png"],
        [str(video), "--boxes", "boxes.csv"],
        [str(video), "--csv", str(video)],
        [str(video), "--output", str(video.parent), "--force"],
        ["--webcam", "0", "--output", "marked"],
    ):
        assert run(["predict", *arguments]) == 2, arguments
    assert video.read_bytes() == content
    assert [path.name for path in video.parent.iterdir()] == ["talk.mp4"]


def test_two_videos_of_one_name_get_two_copies(video, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "talk.mp4").write_bytes(video.read_bytes())
    folder = tmp_path / "marked"
    assert run(["predict", str(tmp_path / "**" / "*.mp4"), "--output", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {"talk.mp4", "talk-2.mp4"}


def test_no_camera(capsys):
    assert run(["predict", "--webcam", "97"]) == 2
    shown = capsys.readouterr()
    assert "no camera with number 97" in shown.err
    assert shown.out == ""


def test_a_camera_writes_json_lines(monkeypatch, capsys):
    """A stand-in camera: this is about the way from its pictures to the lines, until Ctrl-C."""
    from contextlib import contextmanager

    from fer_keras.inference.video import predict as module

    class Camera:
        def read(self):
            for at in range(3):
                yield Frame(at, at / 10, picture((60, 40, 200)))
            raise KeyboardInterrupt

    @contextmanager
    def open_camera(index):
        yield Camera()

    monkeypatch.setattr(module, "open_camera", open_camera)
    assert run(["predict", "--webcam"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["file"], line["timestamp"], line["expression"]) for line in lines] == [
        ("camera 0", at / 10, "bright") for at in range(3)
    ]


def test_a_folder_of_videos_is_read(video, tmp_path, capsys):
    folder = tmp_path / "talks" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes(video.read_bytes())
    (tmp_path / "talks" / "b.MP4").write_bytes(video.read_bytes())
    (folder / "notes.txt").write_text("x")
    assert run(["predict", str(tmp_path / "talks"), "--csv", str(tmp_path / "rows.csv")]) == 0
    assert "1 no picture by its name (.txt)" in capsys.readouterr().err
    with open(tmp_path / "rows.csv", newline="") as file:
        assert len({row["file"] for row in csv.DictReader(file)}) == 2
    assert run(["predict", str(tmp_path / "talks"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == {"no picture by its name (.txt)": 1}


def test_names_at_the_limit_and_without_text(video, tmp_path, capsys):
    """OpenCV ends the process on a name that is no UTF-8, for reading and for writing."""
    longest = "x" * 251 + ".mp4"
    for name in (longest, f"y/{longest}", "caf\udce9.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(video.read_bytes())
    inputs = [str(tmp_path / name) for name in (longest, "y", "caf\udce9.mp4")]
    for folder in ("m", "m\udce9"):
        assert (
            run(["predict", *inputs, "--csv", str(tmp_path / f"{folder}.csv"), "--output", str(tmp_path / folder)]) == 0
        )
        assert len(list((tmp_path / folder).iterdir())) == 3
    assert "caf\\udce9.mp4" in capsys.readouterr().out
