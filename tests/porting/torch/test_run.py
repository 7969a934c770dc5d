"""The port against a PyTorch module that is written here from the description of the network, not from the package."""

import json

import numpy as np
import pytest
from fer_keras_cli.main import run as run_command

from fer_keras.emotions import FER7
from fer_keras.errors import InputError, ModelFileError
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.export import export_run, torch_file
from fer_keras.porting.torch import run as torch_import
from fer_keras.porting.torch.checkpoint import read_checkpoint
from fer_keras.porting.torch.run import port_checkpoint, write_run
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.manifest import file_sha256
from fer_keras.runs.run_folder import RunFolder

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'torch')")
save_file = pytest.importorskip("safetensors.torch", reason="safetensors is not installed (extra 'torch')").save_file
nn = torch.nn

RECIPE = make_recipe({"model": {"name": "scratch_cnn"}})
ALPHABETICAL = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


class ScratchCNN(nn.Module):
    """3x3 same convolutions with BN and ReLU: 32, 32, pool, 64, 64, pool, 128, pool, 264, pool; 256 ReLU; classes."""

    def __init__(self, classes=7):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.conv3, self.bn3 = nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.conv4, self.bn4 = nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.conv5, self.bn5 = nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128)
        self.conv6, self.bn6 = nn.Conv2d(128, 264, 3, padding=1), nn.BatchNorm2d(264)
        self.pool, self.dropout = nn.MaxPool2d(2, 2), nn.Dropout(0.4)
        self.fc1, self.fc2 = nn.Linear(264 * 3 * 3, 256), nn.Linear(256, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.pool(torch.relu(self.bn2(self.conv2(x))))
        x = torch.relu(self.bn3(self.conv3(x)))
        x = self.pool(torch.relu(self.bn4(self.conv4(x))))
        x = self.pool(torch.relu(self.bn5(self.conv5(x))))
        x = self.pool(torch.relu(self.bn6(self.conv6(x))))
        x = torch.relu(self.fc1(self.dropout(x.flatten(1))))
        return self.fc2(self.dropout(x))


def numbered(state):
    """The same tensors as an nn.Sequential numbers them: names without meaning, 10 after 9."""
    order = [f"{kind}{i}" for i in range(1, 7) for kind in ("conv", "bn")] + ["fc1", "fc2"]
    names = {f"{name}.": f"layers.{index}." for index, name in enumerate(order)}
    return {key.replace(f"{key.split('.')[0]}.", names[f"{key.split('.')[0]}."]): state[key] for key in state}


def make_epsilon_matter(network):
    """Give every batch norm small variances, with a scale that keeps its outputs where they were."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.uniform_(0.002, 0.02)
                module.weight.copy_(module.running_var.sqrt())


@pytest.fixture(scope="module", autouse=True)
def _few_images():
    """Eight images of each kind prove as much here as sixty-four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_import, "PROOF_IMAGES", 8)
        patch.setattr(torch_file, "PROOF_FACES", 8)
        yield


@pytest.fixture(scope="module")
def network():
    """A module whose batch statistics come from a few training steps, so that none is at its initial value."""
    torch.manual_seed(0)
    network = ScratchCNN()
    optimizer = torch.optim.SGD(network.parameters(), 0.05)
    for _ in range(2):
        images = torch.rand(4, 1, 48, 48) * 2 - 1
        loss = nn.functional.cross_entropy(network(images), torch.arange(4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    make_epsilon_matter(network)
    return network.eval()


@pytest.fixture(scope="module")
def state(network):
    return network.state_dict()


def torch_logits(network, images):
    """As the source programs do it: ToTensor, Normalize((0.5,), (0.5,))."""
    tensor = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255
    with torch.inference_mode():
        return network((tensor - 0.5) / 0.5).numpy()


def port(state, path, dataset, **options):
    torch.save(state, path)
    return port_checkpoint(read_checkpoint(path), RECIPE, dataset, **options)


@pytest.fixture(scope="module")
def ported(state, tiny_dataset, tmp_path_factory):
    return port({"epoch": 5, "state_dict": state}, tmp_path_factory.mktemp("port") / "best_model.pth", tiny_dataset)


@pytest.fixture
def run(ported, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    write_run(ported, RECIPE, folder, command="fer-keras import-torch best_model.pth")
    return folder


def test_the_keras_network_is_the_pytorch_module(ported, network, tiny_dataset):
    images = tiny_dataset.splits["train"].images
    ours = np.asarray(ported.model.predict(images, verbose=0))
    np.testing.assert_allclose(ours, torch_logits(network, images), atol=2e-5)
    assert ported.model.count_params() == 1_055_887


def test_the_proof_names_every_layer_and_ends_below_the_bound(ported):
    rows = {row["layer"]: row for row in ported.parity["layers"]}
    assert [f"conv{i}" in rows and f"bn{i}" in rows for i in range(1, 7)] == [True] * 6
    assert list(rows)[-2:] == ["logits", "probabilities"]
    assert set(rows["flatten"]["max_error"]) == {"random", "faces"}
    assert max(rows["probabilities"]["max_error"].values()) < 1e-5
    assert all(max(row["max_error"].values()) < 1e-4 for row in rows.values())


def test_a_normal_run_folder_that_evaluates_and_exports(run, ported, state, network, tiny_dataset):
    record = json.loads(RunFolder.open(run.path).run_json.read_text())
    origin = record["imported_from"]
    assert (origin["file"], origin["container"]) == ("best_model.pth", "state_dict")
    assert origin["keys"]["dense"] == {"weight": "fc1.weight", "bias": "fc1.bias"}
    assert "bn6.num_batches_tracked" in origin["counters_left_out"]
    assert record["classes"] == list(FER7)
    assert run.recipe.read_text().startswith("# Imported from PyTorch")
    metrics = evaluate_run(run, tiny_dataset, "validation")
    split = tiny_dataset.splits["validation"]
    correct = (torch_logits(network, split.images).argmax(axis=1) == split.labels).mean()
    assert metrics["accuracy"] == pytest.approx(correct)

    report = export_run(run, ("torch",), images=split.images)
    assert report["exports"]["torch"]["layers"][-1]["layer"] == "probabilities"
    back = torch.load(run.exports / "model_torch.pth", weights_only=True)
    twin = ScratchCNN().eval()
    twin.load_state_dict(dict(zip(state, back.values(), strict=True)), strict=True)
    for key, tensor in twin.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(tensor, state[key]), f"{key} is not the same bit for bit after both ways"
    RunFolder.open(run.path)


@pytest.mark.parametrize("wrap", ["data parallel", "sequential numbers", "reversed file, numbered names"])
def test_other_names_are_the_same_network(state, tiny_dataset, tmp_path, ported, wrap):
    content = {
        "data parallel": {f"module.{key}": value for key, value in state.items()},
        "sequential numbers": numbered(state),
        "reversed file, numbered names": dict(reversed(numbered(state).items())),
    }[wrap]
    other = port(content, tmp_path / "a.pth", tiny_dataset)
    for ours, theirs in zip(other.model.get_weights(), ported.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_safetensors_whose_names_are_sorted_as_text(state, tiny_dataset, tmp_path, ported):
    save_file(numbered(state), tmp_path / "a.safetensors")
    read = read_checkpoint(tmp_path / "a.safetensors")
    other = port_checkpoint(read, RECIPE, tiny_dataset)
    assert other.origin["key_order"] == "names"
    for ours, theirs in zip(other.model.get_weights(), ported.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_outputs_of_image_folder_are_put_into_this_projects_order(state, network, tiny_dataset, tmp_path):
    other = port(state, tmp_path / "a.pth", tiny_dataset, class_order="alphabetical")
    assert other.origin["class_order"] == list(ALPHABETICAL)
    images = tiny_dataset.splits["test"].images
    theirs = torch_logits(network, images)
    ours = np.asarray(other.model.predict(images, verbose=0))
    for index, name in enumerate(FER7):
        np.testing.assert_allclose(ours[:, index], theirs[:, ALPHABETICAL.index(name)], atol=2e-5)


def broken(state, kind):
    state = dict(state)
    if kind == "eight classes":
        return ScratchCNN(8).state_dict()
    if kind == "missing":
        del state["conv3.weight"], state["conv3.bias"], state["bn2.running_var"]
    elif kind == "unexpected":
        state |= {"attention.weight": torch.ones(64, 64, 1, 1), "norm.weight": torch.ones(5)}
    elif kind == "mis-shaped":
        state |= {"conv1.weight": torch.ones(32, 3, 3, 3), "fc1.weight": torch.ones(256, 2304)}
    elif kind == "not finite":
        state["bn4.weight"] = torch.full((64,), torch.nan)
    elif kind == "negative":
        state["bn4.running_var"] = torch.full((64,), -0.1)
    elif kind == "whole numbers":
        state["fc2.bias"] = torch.arange(7)
    return state


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", ["missing: ", "conv3", "(64, 32, 3, 3)", "bn2.running_var"]),
        ("unexpected", ["unexpected: ", "attention.weight", "norm.weight"]),
        ("mis-shaped", ["conv1.weight (32, 3, 3, 3) where conv1 has (32, 1, 3, 3)", "fc1.weight (256, 2304)"]),
        ("not finite", ["not finite: bn4.weight"]),
        ("negative", ["negative variances: bn4.running_var"]),
        ("whole numbers", ["no plain floating-point tensor: fc2.bias"]),
        ("eight classes", ["fc2.weight (8, 256) where logits has (7, 256)", "--class-order"]),
    ],
)
def test_wrong_keys_are_one_error_that_names_them(state, tiny_dataset, tmp_path, kind, words):
    with pytest.raises(ModelFileError) as caught:
        port(broken(state, kind), tmp_path / "a.pth", tiny_dataset)
    for word in words:
        assert word in str(caught.value)
    if kind == "missing":
        assert "unexpected" not in str(caught.value)


def test_an_order_that_the_shapes_leave_open_is_asked_for(state, tiny_dataset, tmp_path):
    swapped = {key.replace("bn1", "bnX").replace("bn2", "bn1").replace("bnX", "bn2"): v for key, v in state.items()}
    with pytest.raises(InputError, match="--key-order file"):
        port(swapped, tmp_path / "a.pth", tiny_dataset)
    other = port(swapped, tmp_path / "a.pth", tiny_dataset, key_order="file")
    assert other.origin["keys"]["bn1"]["weight"] == "bn2.weight"


@pytest.mark.parametrize("mistake", ["flatten", "epsilon"])
def test_a_wrong_conversion_is_refused_by_the_proof(state, tiny_dataset, tmp_path, monkeypatch, mistake):
    """What the proof is for: the two silent mistakes of such ports."""
    right = torch_import.to_keras

    def wrong(layer, tensors, epsilon=None):
        if mistake == "flatten" and layer.flat:
            return [tensors["weight"].T, tensors["bias"]]
        weights = right(layer, tensors, epsilon)
        if mistake == "epsilon" and layer.kind == "BatchNorm2d":  # as if Keras' default of 1e-3 were in use
            weights[0] = weights[0] * np.sqrt((weights[3] + 1e-5) / (weights[3] + 1e-3))
        return weights

    monkeypatch.setattr(torch_import, "to_keras", wrong)
    first = {"flatten": "dense", "epsilon": "bn"}[mistake]
    with pytest.raises(ModelFileError, match=rf"the first layer that differs is {first}"):
        port(state, tmp_path / "a.pth", tiny_dataset)


def test_a_network_without_a_counterpart_is_refused(tiny_dataset, state, tmp_path):
    torch.save(state, tmp_path / "a.pth")
    recipe = make_recipe({"model": {"name": "mini_xception"}})
    with pytest.raises(ModelFileError, match=r"layer 'resize' is a ResizeImages.*cnn, scratch_cnn and simple_cnn"):
        port_checkpoint(read_checkpoint(tmp_path / "a.pth"), recipe, tiny_dataset)


def test_a_run_that_cannot_be_written_leaves_no_folder(ported, tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    monkeypatch.setattr(ported.model, "save", lambda path: (_ for _ in ()).throw(OSError(28, "no space left")))
    with pytest.raises(Exception, match="no space left"):
        write_run(ported, RECIPE, folder)
    assert not folder.path.exists()


def test_the_command_says_what_it_assumed_and_refuses_in_one_line(state, tiny_dataset, tmp_path, monkeypatch, capsys):
    import fer_keras.datasets

    monkeypatch.setattr(fer_keras.datasets, "load_faces", lambda *_, **__: tiny_dataset, raising=False)
    monkeypatch.chdir(tmp_path)
    torch.save(state, "best_model.pth")
    common = ["import-torch", "best_model.pth", "--model", "scratch_cnn", "--data", "x"]
    assert run_command([*common, "--name", "ported", "--class-order", "alphabetical"]) == 0
    out = capsys.readouterr().out
    assert "alphabetical: angry, disgust, fear, happy, neutral" in out
    assert "conv6" in out
    record = json.loads(RunFolder.open("saved_models/ported").run_json.read_text())
    assert record["imported_from"]["sha256"] == file_sha256(tmp_path / "best_model.pth")

    (tmp_path / "text.pth").write_text("not a checkpoint")
    for arguments, code, word in (
        ([*common, "--name", "ported"], 1, "exists already"),
        ([*common[:1], "text.pth", *common[2:], "--name", "b"], 1, "no PyTorch checkpoint"),
        ([*common, "--name", "b", "--class-order", "alphabetic"], 2, "unknown class order"),
        ([*common, "--name", "../b"], 2, "plain folder name"),
    ):
        assert run_command(arguments) == code
        message = capsys.readouterr().err
        assert word in message
        assert message.count("\n") == 1
    assert [path.name for path in (tmp_path / "saved_models").iterdir()] == ["ported"]
