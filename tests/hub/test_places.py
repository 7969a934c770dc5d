"""Pushing and fetching a run, against a stand-in of the hub on this machine: the real one is not asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_stand_in import Hub

from fer_keras.errors import FerKerasError, InputError
from fer_keras.hub import places
from fer_keras.hub.places import read_place

pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (fer_keras[hub])")
PUSH = ("hf://somebody/run", "--license", "cc-by-4.0")
RUN = Path(__file__).resolve().parents[2] / "saved_models" / "cnn_small-fer2013"


@pytest.mark.parametrize("text", ["hf://alone", "hf://a/b/c", "https://hf.co/a/b", "hf://../b", "hf://a/.b", "hf:///b"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(InputError, match="hf://USER/NAME"):
        read_place(text)
    assert read_place("hf://some-body/cnn_small.v2") == "some-body/cnn_small.v2"


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(FerKerasError, match=r"fer_keras\[hub\]"):
        places.fetch_run("hf://a/b")


def command(hub, home, *words):
    """In a process of its own: huggingface_hub reads its address and its cache when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_TOKEN": "hf_standin"}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def test_a_run_goes_to_the_hub_without_faces_and_comes_back_as_a_predictor(tmp_path):
    with Hub() as hub:
        done = command(
            hub, tmp_path, "-m", "fer_keras_cli", "push", str(RUN), "hf://somebody/run", "--license", "cc-by-4.0"
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert "/commit/" in done.stdout
        assert hub.made == ["run"]
        assert hub.tokens == {"Bearer hf_standin"}
        assert {
            "README.md",
            "manifest.json",
            "model.keras",
            "exports/model_dynamic.tflite",
            "exports/labels.txt",
        } <= set(hub.files)
        assert not [
            name for name in hub.files if "mistakes" in name or "predictions" in name or "training_faces" in name
        ]
        assert hub.files["model.keras"] == (RUN / "model.keras").read_bytes()
        assert b"license: cc-by-4.0" in hub.files["README.md"]
        program = (
            "import json, numpy as np; from fer_keras.inference import Predictor\n"
            "p = Predictor('hf://somebody/run', detector='none')\n"
            "print(json.dumps([p.classes, p.predict([np.zeros((48, 48), np.uint8)])[0].expression]))"
        )
        fetched = command(hub, tmp_path, "-c", program)
        assert fetched.returncode == 0, fetched.stderr[-2000:]
        classes, expression = json.loads(fetched.stdout.splitlines()[-1])
        assert expression in classes
        del hub.files["exports/model_dynamic.tflite"]


def test_what_is_not_there_is_one_clear_error(tmp_path):
    with Hub() as hub:
        done = command(hub, tmp_path, "-m", "fer_keras_cli", "predict", "x.jpg", "--model", "hf://nobody/nothing")
    assert done.returncode != 0
    assert "hf://nobody/nothing" in done.stderr
    assert "Traceback" not in done.stderr
