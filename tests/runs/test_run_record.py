import importlib.metadata
import re
import subprocess

import numpy as np

from fer_keras.datasets.faces import describe_dataset
from fer_keras.runs import run_record
from fer_keras.runs.run_record import git_commit, hardware, now, versions


def test_versions_are_the_installed_ones():
    found = versions()
    assert found["keras"] == importlib.metadata.version("keras")
    assert set(found) >= {"python", "fer_keras", "keras", "tensorflow", "numpy"}


def test_hardware_says_what_is_there():
    machine = hardware(["GPU X"])
    assert machine["gpus"] == ["GPU X"]
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0
    assert machine["cpu"]


def test_the_dataset_is_described_without_its_folder(tiny_dataset):
    import dataclasses

    record = describe_dataset(dataclasses.replace(tiny_dataset, source="/home/someone/fer2013.csv"))
    assert record["source"] == "fer2013.csv"
    assert record["faces"] == {"train": 42, "validation": 14, "test": 14}
    assert record["sha256"] == tiny_dataset.sha256


def test_code_that_is_not_that_of_the_commit_is_dirty(tmp_path, monkeypatch):
    module = tmp_path / "fer_keras" / "runs" / "run_record.py"
    module.parent.mkdir(parents=True)
    module.write_text("code = 1\n")

    def git(*words):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init", "-q")
    monkeypatch.setattr(run_record, "__file__", str(module))
    assert git_commit() is None
    git("add", ".")
    git("commit", "-qm", "first")
    assert re.fullmatch(r"[0-9a-f]{40}", git_commit())
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "result.txt").write_text("beside the code")
    assert not git_commit().endswith("-dirty")
    module.write_text("code = 2\n")
    assert git_commit().endswith("-dirty")
    git("commit", "-qam", "second")
    module.with_name("new.py").write_text("untracked code")
    assert git_commit().endswith("-dirty")


def test_commit_and_time_have_their_form():
    assert git_commit() is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", git_commit())
    assert np.datetime64(now().removesuffix("Z")) <= np.datetime64("now") + np.timedelta64(1, "m")
