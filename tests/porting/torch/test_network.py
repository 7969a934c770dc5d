"""The description of a network in PyTorch's terms."""

import numpy as np
import pytest

from fer_keras.models import build_model
from fer_keras.porting.torch.checkpoint import read_checkpoint
from fer_keras.porting.torch.network import build_torch, describe
from fer_keras.porting.torch.run import port_checkpoint
from fer_keras.porting.torch.weights import fold_epsilon, to_keras, to_torch
from fer_keras.recipe.recipe import make_recipe

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'torch')")


def test_both_ways_are_each_others_inverse():
    """Bit for bit, in every layer of the network whose batch norm has PyTorch's epsilon."""
    described = describe(build_model(make_recipe({"model": {"name": "scratch_cnn"}}).model, 7))
    rng = np.random.default_rng(0)
    for layer in (layer for layer in described if layer.shapes):
        tensors = {suffix: rng.uniform(0.1, 1, shape).astype(np.float32) for suffix, shape in layer.shapes.items()}
        back = to_torch(layer, to_keras(layer, tensors, 1e-5), 1e-5)
        assert list(back) == list(tensors)
        for suffix, array in tensors.items():
            np.testing.assert_array_equal(back[suffix], array)
            assert back[suffix].flags.c_contiguous


def test_a_folded_epsilon_keeps_what_counts():
    weight, variance = np.array([1, -2], np.float32), np.array([0, 0.01], np.float32)
    folded = fold_epsilon(weight, variance, 1e-5, 1e-3)
    np.testing.assert_allclose(folded / np.sqrt(variance + 1e-3), weight / np.sqrt(variance + 1e-5), rtol=1e-6)
    assert fold_epsilon(weight, variance, 1e-5, 1e-5) is weight


def test_the_folded_epsilon_of_the_projects_own_network(tmp_path, tiny_dataset):
    """``cnn`` has Keras' epsilon 1e-3 and a strided convolution that pads one side only; both must come out right."""
    recipe = make_recipe({"model": {"name": "cnn", "width": 8}})
    described = describe(build_model(recipe.model, 7))
    torch.manual_seed(0)
    network = build_torch(described)
    with torch.no_grad():
        for module in network:
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.uniform_(0.002, 0.02)
                module.weight.copy_(module.running_var.sqrt())
    torch.save(network.state_dict(), tmp_path / "a.pth")
    other = port_checkpoint(read_checkpoint(tmp_path / "a.pth"), recipe, tiny_dataset)
    assert any("epsilon 0.001" in note for note in other.origin["notes"])
    images = tiny_dataset.splits["test"].images
    with torch.inference_mode():
        theirs = network(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()).numpy()
    np.testing.assert_allclose(np.asarray(other.model.predict(images, verbose=0)), theirs, atol=2e-5)
