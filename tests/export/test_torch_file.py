"""The way back: what is written is read here by PyTorch alone, through the module that lies beside it."""

import json
import runpy

import keras
import numpy as np
import pytest

from fer_keras.errors import ModelFileError
from fer_keras.export import export_run, torch_file
from fer_keras.export.formats import COMPANIONS
from fer_keras.export.parity.compare import keras_probabilities
from fer_keras.models import build_model
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'torch')")
pytest.importorskip("safetensors", reason="safetensors is not installed (extra 'torch')")

NETWORKS = {"cnn": {"width": 8}, "simple_cnn": {"head_units": 8}}


def build(name):
    keras.utils.set_random_seed(0)
    model = build_model(make_recipe({"model": {"name": name, **NETWORKS[name]}}).model, 7)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.moving_mean.shape[0]
            layer.moving_mean.assign(rng.normal(0, 0.3, count))
            layer.moving_variance.assign(rng.uniform(0.01, 1, count))  # small enough for the epsilon to show
    return model


@pytest.fixture(scope="module")
def model(request):
    return build(getattr(request, "param", "simple_cnn"))


@pytest.fixture
def run(model, classes, tmp_path, monkeypatch):
    folder = RunFolder.create(tmp_path / "run")
    folder.recipe.write_text("model: {name: cnn}\n")
    folder.run_json.write_text(json.dumps({"classes": list(classes)}))
    model.save(folder.model)
    monkeypatch.setattr(torch_file, "PROOF_FACES", 8)
    return folder


@pytest.mark.parametrize("model", list(NETWORKS), indirect=True)
def test_pytorch_alone_gives_the_probabilities_of_keras(run, model, classes, faces):
    report = export_run(run, ("torch",), images=faces)
    module = runpy.run_path(run.exports / "model_torch.py")
    assert tuple(module["CLASSES"]) == classes
    network = module["build_model"]()
    network.load_state_dict(torch.load(run.exports / "model_torch.pth", weights_only=True), strict=True)
    with torch.inference_mode():
        images = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2))).float()
        found = torch.softmax(network.eval()(images), dim=1).numpy()
    np.testing.assert_allclose(found, keras_probabilities(model, faces), atol=1e-6)
    entry = report["exports"]["torch"]
    assert (entry["file"], entry["n"], entry["passed"]) == ("model_torch.pth", 70, True)
    assert entry["runtime"].startswith("torch ")
    assert entry["layers"][-1]["layer"] == "probabilities"
    RunFolder.open(run.path)


def test_the_module_imports_nothing_but_torch(model, classes):
    source = torch_file.module_source(model, torch_file.describe(model), classes, "model_torch.pth")
    lines = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert lines == ["from collections import OrderedDict", "from torch import nn"]


def test_torch_is_kept_beside_other_formats_and_replaced_as_a_pair(run, faces):
    export_run(run, ("torch",), images=faces)
    first = (run.exports / "model_torch.py").read_text()
    report = export_run(run, ("tflite",), images=faces)
    assert set(report["exports"]) == {"torch", "tflite"}
    assert (run.exports / "model_torch.py").read_text() == first
    report = export_run(run, ("torch",), images=faces)
    assert set(report["exports"]) == {"torch", "tflite"}


@pytest.mark.parametrize("change", ["value", "key"])
def test_a_changed_file_is_refused_and_nothing_is_kept(run, faces, monkeypatch, change):
    right = torch_file.state_arrays

    def wrong(model, described):
        state = right(model, described)
        if change == "key":
            return {key.replace("logits", "head"): array for key, array in state.items()}
        return state | {"logits.bias": state["logits.bias"] + np.arange(7, dtype=np.float32)}

    monkeypatch.setattr(torch_file, "state_arrays", wrong)
    report = export_run(run, ("torch",), images=faces)
    entry, problem = (
        report["exports"]["torch"],
        {"value": "first layer that differs is logits", "key": "keys of"}[change],
    )
    assert not entry["passed"]
    assert problem in " ".join(entry["failures"])
    assert not (run.exports / "model_torch.pth").exists()


def test_a_network_that_is_not_sequential_is_refused(transfer, classes, tmp_path):
    with pytest.raises(ModelFileError, match=r"layer 'upscale' is a Upscale.*does not map"):
        torch_file.export_torch(transfer, classes, tmp_path / "model_torch.pth")


def test_names_that_are_no_words_of_python_are_refused(classes, tmp_path):
    layers = [keras.Input((48, 48, 1)), keras.layers.Flatten(name='x")]; evil(("'), keras.layers.Dense(7)]
    with pytest.raises(ModelFileError, match="named as no PyTorch module can be"):
        torch_file.export_torch(keras.Sequential(layers), classes, tmp_path / "model_torch.pth")


def test_a_companion_belongs_to_its_format():
    assert COMPANIONS == {"torch": (torch_file.MODULE,)}
