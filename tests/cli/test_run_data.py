"""Own data: what the options say to the loader, and the line that names the classes."""

import layouts
import pytest
from fer_keras_cli.commands.train import _as_overrides
from fer_keras_cli.run_data import load_data

from fer_keras.errors import DataError
from fer_keras.recipe.named_recipes import resolve_recipe


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_KERAS_CACHE", str(tmp_path / "cache"))
    files = {
        f"{name}/p{i % 5}_{i}.png": layouts.picture(i + 99 * k)
        for k, name in enumerate(("aligned", "raw"))
        for i in range(20)
    }
    return str(layouts.write(tmp_path / "tree", files))


def test_named_classes_and_a_pattern_of_persons(folder, capsys):
    options = _as_overrides(classes=["raw", "aligned"], group_by=r"/(p\d)_")
    dataset = load_data(resolve_recipe("cnn", None, options), folder)
    assert dataset.classes == ("raw", "aligned")
    shown = " ".join(capsys.readouterr().err.split())
    assert "2 classes: aligned 20, raw 20 (train 24, validation 8, test 8)" in shown
    assert "(5 of them) stay together" in shown.replace("│", "").replace("  ", " ")


def test_without_names_it_is_refused(folder):
    with pytest.raises(DataError, match="are no classes"):
        load_data(resolve_recipe("cnn", None, ()), folder)


def test_merged_and_dropped_classes_are_named_too(folder):
    merged = resolve_recipe("cnn", None, ("data.merge={left: [aligned], right: [raw]}",))
    assert load_data(merged, folder).classes == ("left", "right")
