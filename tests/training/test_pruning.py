"""Magnitude pruning: the schedule, what becomes zero, and that it stays zero everywhere a weight is kept."""

import json

import keras
import numpy as np
import pytest
from interrupted_runs import StopAt

from fer_keras.errors import ConfigError, InputError, TrainingError
from fer_keras.pruning.run import make_pruning_recipe
from fer_keras.recipe.pruning import PruningSection
from fer_keras.recipe.recipe import apply_overrides, make_recipe
from fer_keras.recipe.train import TrainSection
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.checkpoints import Progress
from fer_keras.training.optimization import compile_model
from fer_keras.training.pruning import (
    PruningCallback,
    describe_sparsity,
    find_kernels,
    make_masks,
    pruning_is_over,
    sparsity_at,
)
from fer_keras.training.train import train

BASE = {
    "model": {"name": "cnn", "width": 8, "dropout": 0.3},
    "augmentation": {"horizontal_flip": True},
    "train": {"epochs": 3, "batch_size": 7, "deterministic": True, "ema": 0.9, "weight_decay": 0.01},
    "pruning": {"sparsity": 0.75, "frequency": 2, "end": 1.0},
}
ENDS = {"stem_conv", "logits"}


def recipe(*overrides):
    return make_recipe(apply_overrides(BASE, overrides))


def model_of(run):
    return keras.models.load_model(run.model, compile=False)


def inner_layers(model):
    return [row for row in describe_sparsity(model)["layers"] if row["layer"] not in ENDS]


@pytest.fixture(scope="module")
def pruned(tiny_dataset, tmp_path_factory):
    run = RunFolder.create(tmp_path_factory.mktemp("pruning") / "pruned")
    assert train(recipe(), tiny_dataset, run).finished
    return run


def test_the_schedule_is_the_cubic_one_of_the_paper():
    section = PruningSection(sparsity=0.8, initial_sparsity=0.2, begin=0.1, end=0.6)
    values = [sparsity_at(step, section, 100) for step in range(1, 101)]
    assert values[:9] == [0.0] * 9
    assert values[9] == pytest.approx(0.2)
    assert values[34] == pytest.approx(0.8 - 0.6 * 0.5**3)
    assert values[59:] == [0.8] * 41
    assert values == sorted(values)


def test_masks_keep_the_largest_per_layer_or_of_all():
    small, large = np.array([[0.1, -0.4], [0.2, 0.3]]), np.array([1.0, -2.0, 3.0, 0.05])
    of_layer = make_masks([small, large], 0.5, "layer")
    np.testing.assert_array_equal(of_layer[0], [[False, True], [False, True]])
    np.testing.assert_array_equal(of_layer[1], [False, True, True, False])
    of_all = make_masks([small, large], 0.5, "global")
    np.testing.assert_array_equal(of_all[0], [[False, True], [False, False]])
    np.testing.assert_array_equal(of_all[1], [True, True, True, False])
    assert make_masks([small], 0.0, "layer")[0].all()


def test_what_was_zero_stays_zero():
    weights = np.array([0.0, 5.0, 0.0, 1.0, 2.0, 3.0])
    assert not make_masks([weights], 0.5, "global")[0][[0, 2]].any()


def test_the_best_model_has_the_sparsity_of_the_recipe_and_dense_ends(pruned):
    model, record = model_of(pruned), json.loads(pruned.run_json.read_text())
    rows = inner_layers(model)
    zeros, weights = sum(row["zeros"] for row in rows), sum(row["weights"] for row in rows)
    assert zeros == round(0.75 * weights)
    assert len({row["sparsity"] for row in rows}) > 1
    assert record["sparsity"] == describe_sparsity(model)
    assert [row["zeros"] for row in record["sparsity"]["layers"] if row["layer"] in ENDS] == [0, 0]
    kernels = [kernel.values() for kernel in find_kernels(model, PruningSection())]
    assert not any(np.signbit(values[values == 0]).any() for values in kernels)


@pytest.fixture
def dense():
    """A compiled network of three dense layers and 28 faces of it, which trains in no time."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(n, name=f"dense{n}") for n in (16, 12, 7)]
    model = keras.Sequential([keras.Input((20,)), *layers])
    compile_model(model, TrainSection(ema=0.9, batch_size=7), 4)
    x = np.random.default_rng(0).normal(size=(28, 20)).astype(np.float32)
    return model, x, np.eye(7, dtype=np.float32)[np.arange(28) % 7]


def fit(dense, section, epochs=3):
    """Fit with pruning; return the zeros of all kernels after each step."""
    model, x, y = dense
    seen = []
    count = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(describe_sparsity(model)["kernels"]["zeros"])
    )
    callbacks = [PruningCallback(model, section, epochs * 4), count]
    model.fit(x, y, batch_size=7, epochs=epochs, verbose=0, callbacks=callbacks)
    return seen


def test_per_layer_and_with_the_ends(dense):
    fit(dense, PruningSection(sparsity=0.75, scope="layer", first_layer=True, last_layer=True))
    for row in describe_sparsity(dense[0])["layers"]:
        assert row["zeros"] == round(0.75 * row["weights"]), row


def test_zeros_hold_after_every_step_and_in_the_average(dense):
    section = PruningSection(sparsity=0.75, frequency=2, end=0.6, first_layer=True)
    seen, weights = fit(dense, section), 20 * 16 + 16 * 12
    wanted = [round(sparsity_at(step, section, 12) * weights) for step in range(1, 13)]
    # Due at step 1, 3, 5 and 7, the last of the schedule; in between nothing changes, though every step moves zeros.
    assert seen == [wanted[step - 1] for step in (1, 1, 3, 3, 5, 5, 7, 7, 7, 7, 7, 7)]
    # ``fit`` has ended with the averaged weights in place, see tests/test_training.py.
    assert describe_sparsity(dense[0])["kernels"]["zeros"] == round(0.75 * weights)


def test_a_layer_that_would_be_empty_is_refused(dense):
    with pytest.raises(TrainingError, match=r"no weight in layer dense12"):
        fit(dense, PruningSection(sparsity=0.999))


def test_an_epoch_before_the_end_of_the_schedule_is_never_the_best(pruned):
    assert json.loads(pruned.run_json.read_text())["best_epoch"] == 3


@pytest.mark.parametrize(("end", "first"), [(0.0, 0), (1 / 3, 0), (0.5, 1), (1.0, 2)])
def test_which_epochs_may_be_the_best(end, first):
    over = [pruning_is_over(recipe(f"pruning.end={end}"), Progress(epoch=epoch), steps=6) for epoch in range(3)]
    assert over == [epoch >= first for epoch in range(3)]
    assert pruning_is_over(recipe("pruning.sparsity=0"), Progress(), steps=6)


def test_an_interrupted_and_resumed_pruning_is_the_same_run(pruned, tiny_dataset, tmp_path):
    run = RunFolder.create(tmp_path / "run")
    assert not train(recipe(), tiny_dataset, run, observer=StopAt(2, 2)).finished
    assert train(recipe(), tiny_dataset, run).finished
    for ours, theirs in zip(model_of(run).get_weights(), model_of(pruned).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_network_without_inner_kernels_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    with pytest.raises(TrainingError, match=r"no kernel to prune.*first_layer=true"):
        find_kernels(model, PruningSection())
    assert len(find_kernels(model, PruningSection(first_layer=True, last_layer=True))) == 2


def test_which_kernels_are_pruned():
    layers = keras.layers
    stack = [layers.Conv2D(2, 3), layers.SeparableConv2D(4, 3), layers.DepthwiseConv2D(3), layers.Flatten()]
    inner = keras.Sequential([keras.Input((16, 16, 1)), *stack], name="base")
    model = keras.Sequential([keras.Input((16, 16, 1)), inner, layers.Dense(3, name="head"), layers.Dense(2)])
    kernels = find_kernels(model, PruningSection(first_layer=True))
    assert [kernel.name.split("/")[0] for kernel in kernels] == ["base", "base", "head"]
    assert kernels[1].variable.shape == (1, 1, 2, 4)
    inner.trainable = False
    assert [kernel.name for kernel in find_kernels(model, PruningSection(first_layer=True))] == ["head"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("pruning.initial_sparsity=0.9",), "goes backwards"),
        (("pruning.begin=0.9", "pruning.end=0.5"), "goes backwards"),
        (("pruning.sparsity=1.0",), "pruning.sparsity"),
        (("model.name=mobilenetv2", "fine_tune.epochs=1"), "second phase"),
    ],
)
def test_recipes_that_cannot_be_are_refused(options, message):
    data = BASE if "model.name=mobilenetv2" not in options else {**BASE, "model": {}}
    with pytest.raises(ConfigError, match=message):
        make_recipe(apply_overrides(data, options))


def test_the_recipe_of_a_pruning_comes_from_its_parent():
    two_phase = make_recipe({"model": {"name": "mobilenetv2"}, "fine_tune": {"epochs": 4}, "train": {"ema": 0.99}})
    made = make_pruning_recipe(two_phase, PruningSection(sparsity=0.5), epochs=2, learning_rate=None)
    assert (made.train.epochs, made.fine_tune.epochs, made.train.warmup_epochs) == (2, 0, 0)
    assert made.train.learning_rate == pytest.approx(0.1 * two_phase.train.learning_rate)
    assert made.model.fine_tune_from == "all"
    assert made.train.ema == 0.99
    with pytest.raises(InputError, match="nothing to prune"):
        make_pruning_recipe(two_phase, PruningSection(), epochs=2, learning_rate=None)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_run_of_fewer_steps_than_the_frequency_is_pruned(steps):
    """A schedule that is one step long ended at its initial sparsity, 0."""
    section = PruningSection(sparsity=0.75)
    assert section.frequency > steps
    assert max(sparsity_at(step, section, steps) for step in range(1, steps + 1)) == 0.75
    assert sparsity_at(steps, section, steps) == 0.75


def test_one_step_is_enough(tiny_dataset, tmp_path):
    run = RunFolder(tmp_path / "run")
    train(recipe("train.epochs=1", "train.batch_size=42", "pruning.frequency=10"), tiny_dataset, run)
    found = json.loads(run.run_json.read_text())["sparsity"]["layers"]
    assert max(row["sparsity"] for row in found) > 0.7
