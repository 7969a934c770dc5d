import keras
import numpy as np
import pytest

from fer_keras.models import build_cnn
from fer_keras.recipe.train import TrainSection
from fer_keras.training.muon import ConvMuon
from fer_keras.training.optimization import compile_model, inner_optimizer, learning_rate, make_optimizer


def rate_at(schedule, step):
    return float(keras.ops.convert_to_numpy(schedule(step)))


def test_warm_up_then_cosine_down_to_a_hundredth():
    schedule = learning_rate(TrainSection(epochs=10, learning_rate=0.1, warmup_epochs=2.0), steps=50)
    assert rate_at(schedule, 0) == 0
    assert rate_at(schedule, 50) == pytest.approx(0.05, rel=1e-4)
    assert rate_at(schedule, 100) == pytest.approx(0.1, rel=1e-4)
    assert rate_at(schedule, 300) == pytest.approx(0.1 * (0.01 + 0.99 * 0.5), rel=1e-3)
    assert rate_at(schedule, 500) == pytest.approx(0.001, rel=1e-3)


def test_no_warm_up_starts_at_the_full_rate():
    assert rate_at(learning_rate(TrainSection(warmup_epochs=0.0, learning_rate=0.1), 10), 0) == pytest.approx(0.1)


KINDS = {"adamw": keras.optimizers.AdamW, "muon": ConvMuon, "sgd": keras.optimizers.SGD}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_every_optimizer_key_arrives(name, kind):
    train = TrainSection(optimizer=name, weight_decay=0.3, gradient_clip=2.0, ema=0.9, momentum=0.8)
    optimizer = make_optimizer(train, 10)
    assert type(optimizer) is kind
    assert optimizer.weight_decay == 0.3
    assert optimizer.global_clipnorm == 2.0
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)
    if name == "sgd":
        assert (optimizer.momentum, optimizer.nesterov) == (0.8, True)


def test_weight_decay_spares_biases_and_normalisation():
    train = TrainSection(learning_rate=1.0, weight_decay=0.5, schedule="constant", optimizer="sgd", momentum=0.0)
    model = build_cnn(7, width=8)
    compile_model(model, train, 10)
    before = {v.path: np.asarray(v).copy() for v in model.trainable_variables}
    model.optimizer.apply([keras.ops.zeros_like(v) for v in model.trainable_variables])
    for variable in model.trainable_variables:
        factor = 0.5 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable, factor * before[variable.path], rtol=1e-6)


def test_the_inner_optimizer_is_found_behind_loss_scaling():
    inner = keras.optimizers.SGD()
    assert inner_optimizer(inner) is inner
    assert inner_optimizer(keras.optimizers.LossScaleOptimizer(inner)) is inner
