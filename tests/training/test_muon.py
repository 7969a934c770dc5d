import keras
import numpy as np
import pytest

from fer_keras.models import build_cnn
from fer_keras.training import muon
from fer_keras.training.muon import ConvMuon, orthogonalize


@pytest.fixture
def stepped():
    """Variables before and after one step on random gradients, and the gradients."""
    keras.utils.set_random_seed(0)
    model = build_cnn(7, width=16)
    optimizer = ConvMuon(1e-2, weight_decay=0.0, momentum=0.9)
    optimizer.build(model.trainable_variables)
    before = [np.asarray(v).copy() for v in model.trainable_variables]
    generator = np.random.default_rng(1)
    gradients = [generator.normal(size=v.shape).astype(np.float32) for v in model.trainable_variables]
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients])
    return [
        (v.path, b, np.asarray(v).copy(), g)
        for v, b, g in zip(model.trainable_variables, before, gradients, strict=True)
    ]


def test_kernels_of_convolutions_move_by_a_nearly_orthogonal_matrix(stepped):
    kernels = [row for row in stepped if row[1].ndim == 4]
    assert len(kernels) == 7
    for _, before, after, gradient in kernels:
        step = (before - after).reshape(-1, before.shape[-1])
        singular = np.linalg.svd(step, compute_uv=False) / (1e-2 * 0.2 * np.sqrt(max(step.shape)))
        assert singular.min() > 0.6
        assert singular.max() < 1.3
        assert np.sum(step * gradient.reshape(step.shape)) > 0  # downhill


def test_everything_else_moves_as_with_adamw(stepped):
    others = [row for row in stepped if row[1].ndim != 4]
    assert {path.rsplit("/", 1)[-1] for path, *_ in others} == {"kernel", "bias", "gamma", "beta"}
    for _, before, after, gradient in others:
        first = gradient / (np.abs(gradient) + 1e-7 / np.sqrt(1e-3))  # bias-corrected moments of one step
        np.testing.assert_allclose(before - after, 1e-2 * first, rtol=1e-3, atol=1e-8)


def test_weight_decay_reaches_both_kinds_of_variables():
    model = build_cnn(7, width=8)
    optimizer = ConvMuon(1.0, weight_decay=0.5)
    optimizer.build(model.trainable_variables)
    before = {v.path: np.asarray(v).copy() for v in model.trainable_variables if v.name == "kernel"}
    optimizer.apply([keras.ops.zeros_like(v) for v in model.trainable_variables])
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            np.testing.assert_allclose(variable, 0.5 * before[variable.path], rtol=1e-6)


@pytest.mark.parametrize("shape", [(9, 32), (32, 9), (40, 40), (1440, 160)])
@pytest.mark.parametrize("spread", [0, 4])
def test_iterations_on_the_gram_matrix_are_those_of_keras(shape, spread, monkeypatch):
    """``spread``: orders of magnitude between the largest and the smallest column."""
    generator = np.random.default_rng(2)
    matrix = generator.normal(size=shape) * 10.0 ** -np.linspace(0, spread, shape[1])
    matrix = keras.ops.convert_to_tensor(matrix.astype(np.float32))
    optimizer = ConvMuon(1e-3, weight_decay=0.0)
    ours = np.asarray(optimizer.zeropower_via_newtonschulz5(matrix, 5))
    monkeypatch.setattr(muon, "accelerators", lambda: ["a GPU"])
    keras_own = np.asarray(optimizer.zeropower_via_newtonschulz5(matrix, 5))
    np.testing.assert_allclose(ours, keras_own, atol=1e-4 * np.abs(keras_own).max())


def test_a_gradient_of_zeros_stays_zeros():
    zeros = keras.ops.zeros((8, 4))
    np.testing.assert_array_equal(orthogonalize(zeros, (3.4445, -4.775, 2.0315), 5), zeros)
