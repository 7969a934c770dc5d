"""Reading checkpoints: every container that people have, and nothing that runs."""

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest

from fer_keras.errors import InputError, ModelFileError
from fer_keras.porting.torch.checkpoint import read_checkpoint
from fer_keras.runs.manifest import file_sha256

torch = pytest.importorskip("torch", reason="torch is not installed (extra 'torch')")
save_file = pytest.importorskip("safetensors.torch", reason="safetensors is not installed (extra 'torch')").save_file


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.fc = torch.nn.Linear(4, 2)


class RunsOnLoad:
    """Unpickled by the ordinary unpickler, this makes a file: what an attacker's checkpoint does."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


STATE = Net().state_dict()
NAMES = ["conv.weight", "conv.bias", "fc.weight", "fc.bias"]


def prefixed(prefix):
    return {f"{prefix}{name}": tensor for name, tensor in STATE.items()}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_plain_state_dict_in_both_layouts_of_torch_save(tmp_path, zipped):
    torch.save(STATE, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    read = read_checkpoint(tmp_path / "a.pth")
    assert list(read.tensors) == NAMES
    assert torch.equal(read.tensors["fc.weight"], STATE["fc.weight"])
    assert (read.container, read.ordered, read.notes) == ("", True, ())
    assert read.sha256 == file_sha256(tmp_path / "a.pth")


def test_safetensors_by_content_whatever_its_name(tmp_path):
    save_file(STATE, tmp_path / "a.pth")
    read = read_checkpoint(tmp_path / "a.pth")
    assert sorted(read.tensors) == sorted(NAMES)
    assert not read.ordered


@pytest.mark.parametrize(
    ("content", "container", "note"),
    [
        ({"state_dict": STATE, "epoch": 3, "best": 0.5}, "state_dict", "weights taken from 'state_dict'"),
        ({"epoch": 3, "model_state_dict": prefixed("module.")}, "model_state_dict", "begins with module."),
        ({"model": STATE, "model_ema": STATE}, "model", "also holds model_ema; choose with --container"),
        ({"model_ema": prefixed("module.") | {"n_averaged": torch.tensor(9)}}, "model_ema", "begins with module."),
        ({"weights_of_mine": STATE}, "weights_of_mine", "weights taken from 'weights_of_mine'"),
        ({"ema": {"decay": 0.9, "state_dict": STATE}}, "ema.state_dict", "'ema.state_dict'"),
        (prefixed("module._orig_mod."), "", "every name begins with module._orig_mod."),
    ],
)
def test_containers_and_wrappers_are_found_and_said(tmp_path, content, container, note):
    torch.save(content, tmp_path / "a.pth")
    read = read_checkpoint(tmp_path / "a.pth")
    assert read.container == container
    assert note in " | ".join(read.notes)


def test_optimizer_state_is_no_network(tmp_path):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net.fc(net.conv(torch.zeros(1, 1, 6, 6)).flatten(2)[:, :, :4]).sum().backward()
    optimizer.step()
    torch.save({"optimizer_state_dict": optimizer.state_dict(), "net": net.state_dict()}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth").container == "net"
    torch.save({"optimizer_state_dict": {"state": {}}, "epoch": 3}, tmp_path / "b.pth")
    with pytest.raises(ModelFileError, match=r"no state dict.*Received: optimizer_state_dict, epoch"):
        read_checkpoint(tmp_path / "b.pth")


def test_a_container_is_chosen_and_a_wrong_one_named(tmp_path):
    torch.save({"model": STATE, "model_ema": prefixed("ema_")}, tmp_path / "a.pth")
    read = read_checkpoint(tmp_path / "a.pth", container="model_ema")
    assert next(iter(read.tensors)) == "ema_conv.weight"
    with pytest.raises(InputError, match=r"no container 'model_em'. Allowed: model, model_ema. Did you mean"):
        read_checkpoint(tmp_path / "a.pth", container="model_em")
    torch.save({"teacher": STATE, "student": STATE}, tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"several state dicts. Allowed: teacher, student"):
        read_checkpoint(tmp_path / "b.pth")


def test_keys_are_left_out_on_request(tmp_path):
    torch.save(STATE | {"criterion.weight": torch.ones(2)}, tmp_path / "a.pth")
    read = read_checkpoint(tmp_path / "a.pth", ignore=["criterion.*"])
    assert list(read.tensors) == NAMES
    assert read.notes == ("left out as asked: criterion.weight",)
    with pytest.raises(ModelFileError, match="no tensor to import"):
        read_checkpoint(tmp_path / "a.pth", ignore=["*"])


@pytest.mark.parametrize("layout", ["zip", "legacy", "bare pickle"])
def test_code_in_a_checkpoint_never_runs(tmp_path, layout):
    trap, path = tmp_path / "trap", tmp_path / "evil.pth"
    content = {"state_dict": STATE, "extra": RunsOnLoad(trap)}
    if layout == "bare pickle":
        path.write_bytes(pickle.dumps(RunsOnLoad(trap)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=layout == "zip")
    with pytest.raises(ModelFileError):
        read_checkpoint(path)
    assert not trap.exists()
    if layout != "bare pickle":  # the trap works: the unsafe way of reading springs it
        torch.load(path, weights_only=False)
        assert trap.is_dir()


def test_a_whole_pickled_module_is_named_and_not_read(tmp_path):
    torch.save(Net(), tmp_path / "a.pth")
    with pytest.raises(ModelFileError, match=r"Python object \S*Net,.*was not read.*model\.state_dict\(\)"):
        read_checkpoint(tmp_path / "a.pth")


def damaged(tmp_path):
    torch.save(STATE, tmp_path / "zip.pth")
    torch.save(STATE, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(STATE, tmp_path / "safe.safetensors")
    for path in list(tmp_path.iterdir()):
        content = path.read_bytes()
        for part in (0.3, 0.7, 0.98):
            (tmp_path / f"{part}-{path.name}").write_bytes(content[: int(len(content) * part)])
    (tmp_path / "0-empty.pth").write_bytes(b"")
    (tmp_path / "0-text.pth").write_text("<html>404: Not Found</html>")
    with zipfile.ZipFile(tmp_path / "0-other.zip", "w") as other:
        other.writestr("readme.txt", "no checkpoint")
    (tmp_path / "0-pickle.pth").write_bytes(pickle.dumps(OrderedDict(a=1)))
    return sorted(tmp_path.glob("0*"))


def test_truncated_and_foreign_files_are_one_error_each(tmp_path):
    paths = damaged(tmp_path)
    assert len(paths) == 13
    for path in paths:
        with pytest.raises(ModelFileError) as caught:
            read_checkpoint(path)
        assert str(path) in str(caught.value)
        assert "weights_only" not in str(caught.value), "PyTorch's advice to switch the safety off must not be shown"
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint at .*none\.pth"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(InputError, match="no checkpoint at"):
        read_checkpoint(tmp_path)


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch):
    import sys

    torch.save(STATE, tmp_path / "a.pth")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"fer_keras\[torch\]"):
        read_checkpoint(tmp_path / "a.pth")


def test_an_old_torch_is_refused(tmp_path, monkeypatch):
    import importlib.metadata

    torch.save(STATE, tmp_path / "a.pth")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.5.1+cpu")
    with pytest.raises(InputError, match=r"too old.*2\.10 or newer.*2\.5\.1"):
        read_checkpoint(tmp_path / "a.pth")
