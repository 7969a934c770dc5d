import keras
import numpy as np
import pytest

from fer_keras.models import build_cnn
from fer_keras.recipe.train import TrainSection
from fer_keras.training.muon import ConvMuon
from fer_keras.training.optimization import (
    FocalCrossentropy,
    compile_model,
    inner_optimizer,
    learning_rate,
    make_loss,
    make_optimizer,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (40, 7)).astype(np.float32)
HARD = np.eye(7, dtype=np.float32)[RNG.integers(0, 7, 40)]
SOFT = RNG.dirichlet(np.ones(7), 40).astype(np.float32)


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
    assert isinstance(optimizer, kind)
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


def value(loss, y_true, logits=LOGITS):
    return float(keras.ops.convert_to_numpy(loss(y_true, logits)))


@pytest.mark.parametrize("labels", [HARD, SOFT])
@pytest.mark.parametrize(("gamma", "smoothing"), [(0.5, 0.0), (2.0, 0.0), (2.0, 0.1)])
def test_focal_loss_is_the_papers_formula(labels, gamma, smoothing):
    logits = LOGITS.astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = labels * (1 - smoothing) + smoothing / 7
    expected = -(y * (1 - p) ** gamma * np.log(p)).sum(axis=1).mean()
    assert value(FocalCrossentropy(gamma, smoothing), labels) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("labels", [HARD, SOFT])
def test_focal_loss_at_gamma_zero_is_cross_entropy(labels):
    train = TrainSection(loss="focal", focal_gamma=0.0, label_smoothing=0.1)
    plain = TrainSection(label_smoothing=0.1)
    assert value(make_loss(train), labels) == pytest.approx(value(make_loss(plain), labels), rel=1e-5)


def test_focal_loss_agrees_with_kerass_own_where_nothing_is_clipped():
    theirs = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True, label_smoothing=0.1)
    assert value(make_loss(TrainSection(loss="focal", label_smoothing=0.1)), HARD) == pytest.approx(
        value(theirs, HARD), rel=1e-4
    )


def test_sample_weights_weigh():
    weights = RNG.uniform(0.5, 2, 40).astype(np.float32)
    loss = FocalCrossentropy(reduction=None)
    each = keras.ops.convert_to_numpy(loss(HARD, LOGITS))
    weighted = FocalCrossentropy()(HARD, LOGITS, sample_weight=weights)
    assert float(weighted) == pytest.approx(float((each * weights).mean()), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_have_finite_values_and_gradients(gamma):
    import tensorflow as tf

    logits = tf.Variable([[500.0, -500.0, 0.0], [-500.0, 500.0, 0.0], [0.0, 0.0, 0.0]])
    labels = np.eye(3, dtype=np.float32)[[0, 0, 0]]
    with tf.GradientTape() as tape:
        loss = FocalCrossentropy(gamma)(labels, logits)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(float(loss))
    assert np.isfinite(gradient).all()
    assert gradient[1, 0] < -0.3  # the confident mistake is still pushed


def test_config_round_trip():
    again = FocalCrossentropy.from_config(FocalCrossentropy(1.5, 0.2).get_config())
    assert (again.gamma, again.label_smoothing) == (1.5, 0.2)
