"""What the command tells the page, and how much a visitor may ask for."""

import pytest

from fer_keras.inference.model_files import PACKAGED_RUNS
from fer_keras.webapp.settings import (
    MAX_FILES,
    MEBIBYTE,
    PACKAGED_LABEL,
    TOTAL_MB,
    AppSettings,
    read_settings,
    within_limits,
)


def test_settings_survive_the_command_line():
    settings = AppSettings(("saved_models/a b", 'x"y.tflite'), "yunet:/a.onnx")
    assert read_settings(settings.as_arguments()) == settings
    assert read_settings([]) == AppSettings()


def test_labels_differ_and_the_packaged_models_come_last():
    choices = AppSettings(("one/run", "two/run", "three/other")).choices()
    packaged = {PACKAGED_LABEL: None, **{f"{PACKAGED_LABEL}: {run}": run for run in PACKAGED_RUNS[1:]}}
    assert choices == {"one/run": "one/run", "two/run": "two/run", "other": "three/other", **packaged}


def test_the_same_model_given_twice_is_one_choice():
    assert len(AppSettings(("one/run", "one/run")).choices()) == 1 + len(PACKAGED_RUNS)


@pytest.mark.parametrize(
    ("sizes", "count"),
    [([10] * MAX_FILES, MAX_FILES), ([10] * 30, MAX_FILES), ([10 * MEBIBYTE] * 6, 5), ([], 0)],
)
def test_limits(sizes, count):
    assert TOTAL_MB == 50
    taken, notice = within_limits(sizes)
    assert taken == count
    assert bool(notice) == (count < len(sizes))
    if notice:
        assert f"{len(sizes)} pictures" in notice
        assert f"first {count}" in notice
