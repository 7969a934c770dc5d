"""The same recipe under KERAS_BACKEND=jax, on two devices; the run folder is then opened with TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from fer_keras import devices
from fer_keras.errors import ConfigError
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.runs.run_folder import RunFolder

PROGRAM = Path(__file__).parents[1] / "support" / "jax_program.py"


@pytest.fixture(scope="module")
def trained(tiny_csv, tmp_path_factory):
    """(folder, what the program says of it)"""
    pytest.importorskip("jax", reason="JAX is not installed: pip install 'fer_keras[jax]'")
    folder = tmp_path_factory.mktemp("jax")
    variables = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}
    command = [sys.executable, str(PROGRAM), tiny_csv, str(folder)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_every_batch_is_divided_among_the_devices(trained):
    _, found = trained
    assert (found["backend"], found["devices"], found["shared_over"]) == ("jax", 2, [2])


@pytest.mark.slow
def test_an_interrupted_and_resumed_run_is_the_same_run_on_jax(trained):
    _, found = trained
    assert found["finished"][:3] == [True, False, True]
    assert found["same_weights"]


@pytest.mark.slow
def test_a_student_learns_from_a_teacher_on_jax(trained):
    folder, found = trained
    assert found["finished"][3]
    record = json.loads((folder / "student" / "run.json").read_text(encoding="utf-8"))
    assert (record["backend"], record["distilled_from"]["run"]) == ("jax", "whole")


@pytest.mark.slow
def test_tensorflow_computes_what_jax_computed(trained, tiny_dataset):
    folder, _ = trained
    logits = load_run_model(RunFolder.open(folder / "whole")).predict(
        tiny_dataset.splits["validation"].images, verbose=0
    )
    np.testing.assert_allclose(logits, np.load(folder / "logits.npy"), atol=1e-4)
    record = json.loads((folder / "whole" / "run.json").read_text(encoding="utf-8"))
    assert record["backend"] == "jax"


@pytest.mark.parametrize(("backend", "refused"), [("jax", True), ("tensorflow", False)])
def test_a_batch_that_the_devices_cannot_share_is_refused(monkeypatch, backend, refused):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(devices, "_jax_devices", lambda: 4)
    devices.check_batch(12)
    if not refused:
        devices.check_batch(14)
        return
    with pytest.raises(ConfigError, match="batch of 14 faces cannot be divided among 4 devices.*multiple of 4"):
        devices.check_batch(14)
