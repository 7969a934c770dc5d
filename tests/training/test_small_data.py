import json
from dataclasses import replace

import numpy as np
import pytest

from fer_keras.datasets.faces import Split
from fer_keras.errors import DataError
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.fitting import plan
from fer_keras.training.small_data import chance_notice, steps_notice, suit_to_faces
from fer_keras.training.train import train


def faces(dataset, count):
    rows = np.arange(count) % len(dataset.splits["train"])
    return replace(dataset, splits=dataset.splits | {"train": dataset.splits["train"].take(rows)})


def recipe(**train_section):
    return make_recipe({"model": {"name": "cnn_small"}, "train": {"epochs": 70, **train_section}})


@pytest.mark.parametrize(("count", "batch", "steps"), [(20, 16, 1), (150, 16, 9), (300, 30, 10), (1000, 100, 10)])
def test_the_batch_is_lowered_until_an_epoch_has_steps(tiny_dataset, count, batch, steps):
    suited, said = suit_to_faces(recipe(), faces(tiny_dataset, count))
    assert plan(suited, faces(tiny_dataset, count)) == (batch, steps)
    assert f"128 -> {batch}" in said[0]
    assert suit_to_faces(suited, faces(tiny_dataset, count)) == (suited, [])


def test_warm_up_takes_a_tenth_of_the_steps(tiny_dataset):
    suited, _ = suit_to_faces(recipe(), faces(tiny_dataset, 300))
    assert suited.train.warmup_epochs == 7.0  # 70 of 700 steps
    assert suit_to_faces(recipe(warmup_epochs=0.0), faces(tiny_dataset, 300))[0].train.warmup_epochs == 0


def test_many_faces_change_nothing(tiny_dataset):
    assert suit_to_faces(recipe(), faces(tiny_dataset, 28_709)) == (recipe(), [])


def test_an_empty_split_is_refused(tiny_dataset):
    empty = Split(*(array[:0] for array in (tiny_dataset.splits["train"].images,) * 3))
    with pytest.raises(DataError, match="train split is empty"):
        suit_to_faces(recipe(), replace(tiny_dataset, splits=tiny_dataset.splits | {"train": empty}))


def test_few_steps_are_said_and_what_to_do(tiny_dataset):
    (notice,) = steps_notice(suit_to_faces(recipe(), tiny_dataset)[0], tiny_dataset)
    assert "2 steps of 16" in notice
    assert "42 training faces" in notice
    assert "--from cnn_small-fer2013" in notice
    assert steps_notice(recipe(batch_size=4), tiny_dataset) == []


@pytest.mark.parametrize(("learned", "validated", "said"), [(0.57, 0.2, True), (0.57, 0.6, False), (0.2, 0.15, False)])
def test_validation_at_chance_is_said(tiny_dataset, learned, validated, said):
    rows = [{"accuracy": 0.1, "val_accuracy": 0.14}, {"accuracy": learned, "val_accuracy": validated}]
    notices = chance_notice(rows, recipe(), tiny_dataset)
    assert bool(notices) is said
    if said:
        assert "training accuracy reached 0.57" in notices[0]
        assert "n = 14" in notices[0]


def test_a_new_run_keeps_the_suited_recipe_and_an_old_one_its_own(tiny_dataset, tmp_path):
    """Runs that were begun before batches were lowered go on with the batch of their recipe."""
    run = RunFolder(tmp_path / "run")
    short = make_recipe({"model": {"name": "cnn", "width": 8}, "train": {"epochs": 1}})
    train(short, tiny_dataset, run)
    record = json.loads(run.run_json.read_text())
    assert (record["batch_size"], record["steps_per_epoch"]) == (16, 2)
    assert any("2 steps of 16" in notice for notice in record["notices"])
    assert "batch_size: 16" in run.recipe.read_text()
    old = RunFolder.create(tmp_path / "old")
    from fer_keras.recipe.recipe import dump_recipe

    old.recipe.write_text(dump_recipe(short))
    train(short, tiny_dataset, old)
    assert json.loads(old.run_json.read_text())["batch_size"] == 42
