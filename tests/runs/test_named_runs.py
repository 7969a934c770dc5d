import os

import pytest

from fer_keras.errors import RunFolderError
from fer_keras.runs.named_runs import PACKAGED_RUNS, find_run, no_such_run, packaged_run
from fer_keras.runs.run_folder import RunFolder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(path, age):
    path.mkdir(parents=True)
    (path / "recipe.yaml").write_text("model: {name: cnn}\n")
    os.utime(path / "recipe.yaml", (age, age))


@pytest.mark.parametrize("name", PACKAGED_RUNS)
def test_the_runs_of_the_package_are_whole(name):
    """Recipe, record and model, so that they can be gone on with."""
    assert find_run(name) == packaged_run(name)
    RunFolder.open(find_run(name))


def test_a_path_comes_first_then_saved_models_then_the_package(tmp_path):
    name = PACKAGED_RUNS[0]
    make(tmp_path / "saved_models" / name, 5)
    assert find_run(name).resolve() == tmp_path / "saved_models" / name
    make(tmp_path / name, 5)
    assert find_run(name).resolve() == tmp_path / name
    make(tmp_path / "beside" / "mine", 5)
    assert find_run("mine", tmp_path / "beside") == tmp_path / "beside" / "mine"


def test_last_is_the_run_that_was_begun_last(tmp_path):
    for name, age in (("b", 10), ("a", 30), ("c", 20)):
        make(tmp_path / "saved_models" / name, age)
    (tmp_path / "saved_models" / "c" / "metrics.json").write_text("later")
    assert find_run("last").name == "a"


def test_last_without_a_run_says_so():
    with pytest.raises(RunFolderError, match="there is no run in"):
        find_run("last")


def test_a_name_of_nothing_is_a_path_of_nothing(tmp_path):
    assert not find_run("nothing").exists()
    assert "Did you mean" in str(no_such_run("cnn_small-fer2012"))
