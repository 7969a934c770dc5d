import json

import numpy as np
import pytest
from interrupted_runs import StopAt

from fer_keras.datasets.folds import make_folds
from fer_keras.errors import DataError
from fer_keras.recipe.recipe import make_recipe
from fer_keras.training.cross_validation import cross_validate
from fer_keras.training.train import TrainingResult

RECIPE = make_recipe({"model": {"name": "simple_cnn", "head_units": 0}, "train": {"epochs": 2, "batch_size": 16}})


def test_folds_are_trained_scored_and_gone_on_with(tiny_dataset, tmp_path):
    folds, place = make_folds(tiny_dataset, 3), tmp_path / "cv"
    stopped = cross_validate(
        RECIPE, folds, place, make_observer=lambda fold: StopAt(1, 1) if fold == 2 else StopAt(9, 9)
    )
    assert isinstance(stopped, TrainingResult)
    first = (place / "fold-1" / "model.keras").stat().st_mtime_ns
    found = cross_validate(RECIPE, folds, place)
    assert (place / "fold-1" / "model.keras").stat().st_mtime_ns == first
    assert found.confusion_matrix.sum() == 70  # every face once
    summary = json.loads((place / "folds.json").read_text())
    scores = [row["accuracy"] for row in summary["folds"]]
    assert summary["accuracy"]["mean"] == pytest.approx(np.mean(scores))
    assert summary["accuracy"]["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert summary["pooled"]["accuracy"] == pytest.approx(np.trace(found.confusion_matrix) / 70)
    assert (place / "confusion_matrix.png").stat().st_size > 10_000
    assert any("copies of one face are in one fold" in notice for notice in summary["notices"])
    with pytest.raises(DataError, match="was begun with other faces"):
        cross_validate(RECIPE, make_folds(tiny_dataset, 3, seed=5), place)
