import json

import keras
import numpy as np
import pytest
from interrupted_runs import StopAt, weights

from fer_keras.recipe.recipe import apply_overrides, make_recipe
from fer_keras.recipe.train import TrainSection
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.checkpoints import Progress
from fer_keras.training.optimization import make_optimizer
from fer_keras.training.train import train


def recipe():
    data = {
        "model": {"name": "cnn", "width": 8},
        "train": {"epochs": 3, "batch_size": 7, "ema": 0.99, "deterministic": True},
    }
    return make_recipe(apply_overrides(data, ()))


def values_after(steps, warms_up=True, kind="adamw"):
    """Weights after each step, and their average in the end, of constant gradients."""
    optimizer = make_optimizer(TrainSection(optimizer=kind, ema=0.998, schedule="constant", learning_rate=0.1), 10)
    optimizer.warms_up = warms_up
    variable = keras.Variable(np.zeros((3,), "float32"))
    optimizer.build([variable])
    seen = []
    for _ in range(steps):
        optimizer.apply([np.ones(3, "float32")])
        seen.append(float(variable[0]))
    return seen, float(optimizer._model_variables_moving_average[0][0])


@pytest.mark.parametrize("kind", ["adamw", "muon", "sgd"])
def test_the_average_spans_a_ninth_of_the_steps_at_first(kind):
    seen, average = values_after(40, kind=kind)
    expected = seen[0]
    for step, value in enumerate(seen):
        momentum = min(step / (step + 9), 0.998)
        expected = momentum * expected + (1 - momentum) * value
    assert average == pytest.approx(expected, rel=1e-5)
    assert average < 0.8 * seen[-1]  # weights fall; the plain average is still near its beginning
    assert values_after(40, warms_up=False, kind=kind)[1] > 0.2 * seen[-1]


def test_a_short_run_is_scored_by_what_it_has_learned(tiny_dataset, tmp_path):
    """18 steps at 0.99: Keras' own average keeps 84 % of the first step."""
    run = RunFolder(tmp_path / "run")
    train(recipe(), tiny_dataset, run)
    assert json.loads(run.run_json.read_text())["average"] == "warmed"


def test_a_checkpoint_without_warm_up_ends_without(tiny_dataset, tmp_path, monkeypatch):
    """Checkpoints that do not name their average were written before it warmed up."""

    class Earlier(Progress):
        def __init__(self, **state):
            super().__init__(**{"average": "plain"} | state)

    def train_earlier(run, **options):
        from fer_keras.training import train as module
        from fer_keras.training.optimization import set_average

        def prepare(*arguments):
            model = module_prepare(*arguments)
            set_average(model, "plain")
            return model

        module_prepare = module.prepare_model
        with monkeypatch.context() as patch:
            patch.setattr(module, "Progress", Earlier)
            patch.setattr(module, "prepare_model", prepare)
            train(recipe(), tiny_dataset, run, **options)

    whole, earlier, run = (RunFolder(tmp_path / name) for name in ("whole", "earlier", "run"))
    train(recipe(), tiny_dataset, whole)
    train_earlier(earlier)
    train_earlier(run, observer=StopAt(2, 2))
    forget_the_average(run.scratch / "latest.npz")
    assert train(recipe(), tiny_dataset, run).finished
    assert all((one == other).all() for one, other in zip(weights(run), weights(earlier), strict=True))
    assert not all((one == other).all() for one, other in zip(weights(run), weights(whole), strict=True))


def forget_the_average(checkpoint):
    with np.load(checkpoint) as archive:
        arrays = dict(archive)
    meta = json.loads(arrays["meta"].tobytes())
    assert meta["progress"].pop("average") == "plain"
    np.savez(checkpoint, **arrays | {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)})
