"""Which key of a state dict belongs to which layer: decided by kind, order and shape, not by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError, ModelFileError
from .checkpoint import Checkpoint
from .network import TorchLayer

if TYPE_CHECKING:
    import torch

ORDERS = ("file", "names")
KINDS = ("Conv2d", "BatchNorm2d", "Linear")
# Bookkeeping of PyTorch that changes no output: steps seen by batch norm, models seen by AveragedModel.
_COUNTERS = ("num_batches_tracked", "n_averaged")
_MOST_NAMES = 24


@dataclass(frozen=True)
class KeyMap:
    """The keys of a checkpoint, layer by layer.

    Attributes:
        keys: layer name to {suffix: key in the checkpoint}.
        counters: keys that hold no weight and were left out.
        order: ``file`` or ``names``: which order of the keys fits the network.
    """

    keys: dict[str, dict[str, str]]
    counters: tuple[str, ...]
    order: str


def match_keys(described: Sequence[TorchLayer], checkpoint: Checkpoint, *, order: str | None = None) -> KeyMap:
    """Give every parameter of the network its key.

    A module is what shares a prefix. What it holds tells its kind (running statistics: batch normalisation; a weight of
    four axes: convolution; of two: linear). The modules of one kind are taken in the order of the file, which is that
    of the module's definition, or in the natural order of their names (``features.2`` before ``features.10``), and
    every shape must then be the network's.

    Args:
        described: the network.
        checkpoint: what was read.
        order: ``file`` or ``names`` decides where both fit and differ.

    Raises:
        ModelFileError: missing, unexpected or mis-shaped keys, all of them named.
        InputError: an unknown order, or both orders fit and give different networks.
    """
    if order not in (None, *ORDERS):
        raise InputError("unknown key order", allowed=", ".join(ORDERS), received=repr(order))
    candidates = (order,) if order else ORDERS if checkpoint.ordered else ("names",)
    modules = {name: _ordered_modules(checkpoint, name) for name in candidates}
    fitting = [name for name in candidates if not _differences(described, modules[name], checkpoint)]
    if not fitting:
        raise _does_not_fit(_differences(described, modules[candidates[0]], checkpoint), checkpoint)
    maps = [_pair(described, modules[name], checkpoint) for name in fitting]
    if any(other != maps[0] for other in maps[1:]):
        raise InputError(
            f"the keys of {checkpoint.path} fit in the order of the file and in that of their names, differently",
            allowed="--key-order file (order of definition) or --key-order names",
        )
    counters = tuple(key for key in checkpoint.tensors if _is_counter(key))
    return KeyMap(maps[0], counters, fitting[0])


def read_arrays(keys: KeyMap, checkpoint: Checkpoint) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Return float32 arrays, layer name to {suffix: array}, and notes on what was converted.

    Raises:
        ModelFileError: naming keys whose tensors are not plain floats, not finite, or negative variances.
    """
    wanted = [key for names in keys.keys.values() for key in names.values()]
    _refuse(
        wanted, lambda key: not _is_plain(checkpoint.tensors[key]), "hold no plain floating-point tensor", checkpoint
    )
    kinds = {str(checkpoint.tensors[key].dtype).removeprefix("torch.") for key in wanted} - {"float32"}
    arrays = {key: checkpoint.tensors[key].float().contiguous().numpy() for key in wanted}
    _refuse(wanted, lambda key: not np.isfinite(arrays[key]).all(), "hold values that are not finite", checkpoint)
    variances = [names["running_var"] for names in keys.keys.values() if "running_var" in names]
    _refuse(variances, lambda key: (arrays[key] < 0).any(), "hold negative variances", checkpoint)
    notes = [f"{', '.join(sorted(kinds))} converted to float32"] if kinds else []
    return {layer: {suffix: arrays[key] for suffix, key in names.items()} for layer, names in keys.keys.items()}, notes


def _is_counter(key: str) -> bool:
    return key.rpartition(".")[2] in _COUNTERS


def _ordered_modules(checkpoint: Checkpoint, order: str) -> dict[str, dict[str, str]]:
    """Prefix to {suffix: key}, counters left out."""
    modules: dict[str, dict[str, str]] = {}
    for key in checkpoint.tensors:
        prefix, _, suffix = key.rpartition(".")
        if not _is_counter(key):
            modules.setdefault(prefix, {})[suffix] = key
    names = sorted(modules, key=_natural) if order == "names" else list(modules)
    return {name: modules[name] for name in names}


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]


def _kind(module: dict[str, str], tensors: dict[str, torch.Tensor]) -> str | None:
    if "running_mean" in module or "running_var" in module:
        return "BatchNorm2d"
    axes = tensors[module["weight"]].dim() if "weight" in module else 0
    return {4: "Conv2d", 2: "Linear"}.get(axes)


def _of_kind(modules: dict[str, dict], tensors: dict, kind: str | None) -> list[str]:
    return [prefix for prefix, module in modules.items() if _kind(module, tensors) == kind]


def _shape(module: dict[str, str], tensors: dict) -> tuple[int, ...]:
    """Shape by which a module is recognised; a batch norm without scale has that of its statistics."""
    key = next(module[name] for name in ("weight", "running_mean", "running_var") if name in module)
    return tuple(tensors[key].shape)


def _differences(described: Sequence[TorchLayer], modules: dict[str, dict], checkpoint: Checkpoint) -> list[tuple]:
    """(problem, what) for everything that keeps the modules from being the network."""
    tensors, found = checkpoint.tensors, []
    for kind in KINDS:
        layers = [layer for layer in described if layer.kind == kind]
        prefixes = _of_kind(modules, tensors, kind)
        ours = [layer.shapes["weight"] for layer in layers]
        theirs = [_shape(modules[prefix], tensors) for prefix in prefixes]
        for _, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
            pairs = list(zip(layers[a:b], prefixes[c:d], strict=False))
            found += [item for layer, prefix in pairs for item in _compare(layer, modules[prefix], prefix, tensors)]
            found += [("missing", _expected(layer)) for layer in layers[a + len(pairs) : b]]
            found += [("unexpected", key) for p in prefixes[c + len(pairs) : d] for key in modules[p].values()]
    found += [("unexpected", key) for prefix in _of_kind(modules, tensors, None) for key in modules[prefix].values()]
    return found


def _expected(layer: TorchLayer) -> str:
    return f"{' and '.join(layer.shapes)} of {layer.name} (a {layer.kind}, weight {layer.shapes['weight']})"


def _compare(layer: TorchLayer, module: dict[str, str], prefix: str, tensors: dict) -> list[tuple]:
    dot = f"{prefix}." if prefix else ""
    found = [("missing", f"{dot}{suffix}") for suffix in layer.shapes if suffix not in module]
    found += [("unexpected", key) for suffix, key in module.items() if suffix not in layer.shapes]
    for suffix in layer.shapes.keys() & module.keys():
        shape = tuple(tensors[module[suffix]].shape)
        if shape != layer.shapes[suffix]:
            found.append(("mis-shaped", f"{module[suffix]} {shape} where {layer.name} has {layer.shapes[suffix]}"))
    return found


def _does_not_fit(differences: list[tuple], checkpoint: Checkpoint) -> ModelFileError:
    parts = []
    for problem in ("missing", "unexpected", "mis-shaped"):
        names = [what for kind, what in differences if kind == problem]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        parts += [f"{problem}: {', '.join(names[:_MOST_NAMES])}{more}"] if names else []
    return ModelFileError(
        f"{checkpoint.path} is not a state dict of this network; {'; '.join(parts)}",
        hint="Is it another network, or another number of classes (--class-order)? Unused keys can be left out with "
        "--ignore PATTERN",
    )


def _pair(described: Sequence[TorchLayer], modules: dict[str, dict], checkpoint: Checkpoint) -> dict[str, dict]:
    queues = {kind: iter(_of_kind(modules, checkpoint.tensors, kind)) for kind in KINDS}
    with_weights = [layer for layer in described if layer.shapes]
    pairs = {layer.name: modules[next(queues[layer.kind])] for layer in with_weights}
    return {layer.name: {suffix: pairs[layer.name][suffix] for suffix in layer.shapes} for layer in with_weights}


def _is_plain(tensor: torch.Tensor) -> bool:
    dense = str(tensor.layout) == "torch.strided" and not tensor.is_quantized and tensor.device.type == "cpu"
    return dense and tensor.is_floating_point()


def _refuse(keys: Sequence[str], is_bad, problem: str, checkpoint: Checkpoint) -> None:
    bad = [key for key in keys if is_bad(key)]
    if bad:
        raise ModelFileError(f"keys of {checkpoint.path} {problem}: {', '.join(bad[:_MOST_NAMES])}")
