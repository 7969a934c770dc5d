"""The benchmark that times epochs of recipes in turns, on narrow networks."""

import json

import epoch_seconds as script
import pytest

from fer_keras.errors import ConfigError


@pytest.mark.slow
def test_recipes_are_timed_in_turns(tiny_csv, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(script, "FACES_A_TURN", 20)
    for name, width, crop in (("wide", 16, 0), ("narrow", 8, 20)):
        text = f"model: {{name: cnn, width: {width}}}\naugmentation: {{crop: {crop}, horizontal_flip: true}}\n"
        (tmp_path / f"{name}.yaml").write_text(text + "train: {batch_size: 10, epochs: 1}\n", encoding="utf-8")
    wide, narrow = (str(tmp_path / f"{name}.yaml") for name in ("wide", "narrow"))
    script.main([wide, narrow, "--data", tiny_csv, "--rounds", "5", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert record["rounds"] == 5
    first, second = record["recipes"][wide], record["recipes"][narrow]
    assert first["ratio_p10_p50_p90"] == [1.0, 1.0, 1.0]
    low, middle, high = second["ratio_p10_p50_p90"]
    assert 0 < low <= middle <= high
    for row in (first, second):  # 42 faces: 4 batches of 10 in an epoch
        assert row["seconds_per_epoch"] * row["images_per_second"] == pytest.approx(40)


def test_percentiles_are_values_that_were_measured():
    assert script._percentiles([5.0, 1.0, 3.0]) == [1.0, 3.0, 5.0]
    assert script._percentiles([float(value) for value in range(11)]) == [1.0, 5.0, 9.0]


def test_recipes_whose_features_are_computed_once_are_refused():
    with pytest.raises(ConfigError, match="'mobilenetv2' trains on features that are computed once") as caught:
        script.main(["mobilenetv2", "--rounds", "1"])
    assert "train.cache_features: false" in str(caught.value)
