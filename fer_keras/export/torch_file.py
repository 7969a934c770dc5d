"""``model_torch.pth``: a plain state dict, and beside it the module that it fits, which needs PyTorch only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..atomic_files import atomic_path, write_text
from ..errors import ModelFileError
from ..porting.torch.checkpoint import read_checkpoint, require_torch
from ..porting.torch.mapping import match_keys, read_arrays
from ..porting.torch.network import BATCH_NORM_EPSILON, TorchLayer, build_torch, describe
from ..porting.torch.parity import compare_layers, random_images, require_agreement
from ..porting.torch.weights import to_torch

MODULE = "model_torch.py"
PROOF_FACES = 64
_HEADER = '''"""{name} as a PyTorch module; needs torch only. Written by fer_keras.

    import torch
    from model_torch import build_model

    model = build_model()
    model.load_state_dict(torch.load("{file}", weights_only=True))
    logits = model.eval()(images)  # images: (B, 1, {side}, {side}) float32, pixels 0..255
"""

from collections import OrderedDict

from torch import nn

CLASSES = {classes}


class Rescale(nn.Module):
    """Pixels to the range that the network was trained on."""

    def __init__(self, scale, offset):
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, images):
        return images * self.scale + self.offset


def build_model():
    """``(B, 1, {side}, {side})`` pixels to ``(B, {count})`` logits."""
    return nn.Sequential(
        OrderedDict(
            [
'''
_FOOTER = """            ]
        )
    )
"""


def write(model: keras.Model, path: Path, contract: Mapping, faces: np.ndarray | None) -> None:
    """Write the format ``torch``; it has no use for faces, and its module holds the class names only."""
    export_torch(model, contract["classes"], path)


def export_torch(model: keras.Model, classes: Sequence[str], path: Path) -> None:
    """Write the state dict, and the module beside it.

    Keys are the names of the Keras layers and PyTorch's names of their parameters (``conv1.weight``), in forward order,
    and every batch normalisation is for PyTorch's default epsilon, so that a module of the same layers takes them too.

    Args:
        model: float32 network of this project.
        classes: class names by logit.
        path: the ``.pth`` file.

    Raises:
        ModelFileError: a layer that is not mapped.
        InputError: torch is missing.
    """
    torch, described = require_torch(), describe(model)
    state = {name: torch.tensor(array) for name, array in state_arrays(model, described).items()}
    with atomic_path(path) as scratch:
        torch.save(state, scratch)
    write_text(path.parent / MODULE, module_source(model, described, classes, path.name))


def state_arrays(model: keras.Model, described: Sequence[TorchLayer]) -> dict[str, np.ndarray]:
    """Every entry of the state dict in order; the step counters that PyTorch keeps are 0."""
    state: dict[str, np.ndarray] = {}
    for layer in described:
        if layer.shapes:
            source = model.get_layer(layer.keras_name)
            arrays = to_torch(layer, source.get_weights(), getattr(source, "epsilon", BATCH_NORM_EPSILON))
            state |= {f"{layer.name}.{suffix}": array for suffix, array in arrays.items()}
        if layer.kind == "BatchNorm2d":
            state[f"{layer.name}.num_batches_tracked"] = np.array(0, np.int64)
    return state


def module_source(model: keras.Model, described: Sequence[TorchLayer], classes: Sequence[str], file: str) -> str:
    """Return Python source that defines ``build_model()``, with nothing but PyTorch in it."""
    side, indent = model.input_shape[1], " " * 16
    title = model.name if model.name.isidentifier() else "network"
    header = _HEADER.format(name=title, file=file, side=side, count=len(classes), classes=_quoted(list(classes)))
    return header + "".join(f"{indent}({_quoted(layer.name)}, {_call(layer)}),\n" for layer in described) + _FOOTER


def _quoted(value: object) -> str:
    return json.dumps(value)  # for text and lists of it, also Python


def _call(layer: TorchLayer) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in layer.options.items())
    return f"{'' if layer.kind == 'Rescale' else 'nn.'}{layer.kind}({arguments})"


def load_torch(path: Path, model: keras.Model) -> tuple[Callable[[np.ndarray], np.ndarray], str, int]:
    """Load a written state dict, as any PyTorch program would, into the PyTorch twin of ``model``.

    Returns:
        A call from one float32 batch to probabilities, name and version of the runtime, and the side of the images.

    Raises:
        ModelFileError: damaged, or of another network.
    """
    torch, described = require_torch(), describe(model)
    network = build_torch(described)
    state = {
        f"{layer}.{suffix}": torch.tensor(array)
        for layer, named in _read(path, described).items()
        for suffix, array in named.items()
    }
    network.load_state_dict(state, strict=True)

    def predict_batch(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = network(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))))  # (B, classes)
            return torch.softmax(logits, dim=1).numpy()

    return predict_batch, f"torch {torch.__version__}", model.input_shape[1]


def prove_layers(path: Path, model: keras.Model, faces: np.ndarray) -> list[dict]:
    """Compare every layer on random images and on faces, see :func:`fer_keras.porting.torch.parity.compare_layers`.

    Raises:
        ModelFileError: the end differs.
    """
    described = describe(model)
    images = {"random": random_images(PROOF_FACES, faces.shape[1:]), "given": faces[:PROOF_FACES]}
    rows = compare_layers(model, described, _read(path, described), images)
    require_agreement(rows, path.name)
    return rows


def _read(path: Path, described: Sequence[TorchLayer]) -> Mapping[str, Mapping[str, Any]]:
    checkpoint = read_checkpoint(path)
    keys = match_keys(described, checkpoint, order="file")
    expected = {layer.name: {suffix: f"{layer.name}.{suffix}" for suffix in layer.shapes} for layer in described}
    if keys.keys != {name: suffixes for name, suffixes in expected.items() if suffixes}:
        raise ModelFileError(f"the keys of {path.name} are not those of this network's layers")
    return read_arrays(keys, checkpoint)[0]
