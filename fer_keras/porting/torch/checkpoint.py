"""Read a PyTorch checkpoint as named tensors, without running anything from the file."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, ModelFileError, nearest_hint
from ...runs.manifest import file_sha256

if TYPE_CHECKING:
    import torch

# The safe unpickler of older releases could be made to run code (CVE-2025-32434, mended in 2.6).
TORCH_FLOOR = (2, 10)
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"  # first bytes of torch.save since 1.6, and before
# Names under which training programs keep the weights, by preference; averages only where nothing else is there.
_CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params")
_AVERAGES = ("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "model_ema_state_dict", "shadow")
# What wrappers put before every name: DataParallel, AveragedModel, torch.compile, Lightning and other trainers.
_WRAPPERS = ("module", "_orig_mod", "model", "net", "network", "backbone", "encoder")
_RESAVE = "In the program that wrote it: torch.save(model.state_dict(), 'weights.pth')"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one network and where they lay.

    Attributes:
        path: the file.
        sha256: of the file.
        tensors: name in the file to tensor, in the file's order.
        ordered: whether that order is the module's own; safetensors sorts its names.
        container: dotted key of the dictionary that held them, empty for a plain state dict.
        notes: sentences on what was chosen or left out.
    """

    path: Path
    sha256: str
    tensors: dict[str, torch.Tensor]
    ordered: bool
    container: str
    notes: tuple[str, ...]


def require_torch() -> Any:
    """Import PyTorch.

    Raises:
        InputError: it is not installed, or too old to read untrusted files.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError("the PyTorch port needs torch", hint='Install it: pip install "fer_keras[torch]"') from error
    version = importlib.metadata.version("torch")
    if tuple(int(part) for part in version.split("+")[0].split(".")[:2]) < TORCH_FLOOR:
        raise InputError(
            "this torch is too old to read files safely", allowed="2.10 or newer", received=version, hint="Upgrade it"
        )
    return torch


def read_checkpoint(path: Path | str, *, container: str | None = None, ignore: Sequence[str] = ()) -> Checkpoint:
    """Read the state dict of a ``.pth``/``.pt`` file (``torch.save``, both of its layouts) or a safetensors file.

    PyTorch's restricted unpickler is used (``weights_only=True``), which builds tensors and plain containers and calls
    nothing else (https://docs.pytorch.org/docs/stable/notes/serialization.html#weights-only).

    Args:
        path: the file; its kind is recognised by content.
        container: which dictionary of the file to take, where it holds several (``model_ema``).
        ignore: patterns of names to leave out, such as ``criterion.*``.

    Raises:
        InputError: no such file, torch missing, or an unknown container.
        ModelFileError: no checkpoint, truncated, a pickled module, or without a state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}", allowed="a .pth, .pt or .safetensors file", received=str(path))
    torch = require_torch()
    content, ordered = _load(torch, path)
    name, tensors, notes = _choose(torch, content, container, path)
    tensors, left_out = _leave_out(tensors, ignore)
    notes += [f"left out as asked: {', '.join(left_out)}"] if left_out else []
    notes += _prefix_note(tensors)
    if not tensors:
        raise ModelFileError(f"{path} holds no tensor to import", hint="Use fewer --ignore patterns")
    return Checkpoint(path, file_sha256(path), tensors, ordered, name, tuple(notes))


def _load(torch: Any, path: Path) -> tuple[Any, bool]:
    with open(path, "rb") as handle:
        head = handle.read(16)
    if head[:4] == _ZIP or head[:1] == _PICKLE:
        return _load_pickle(torch, path), True
    if head[8:9] == b"{":  # eight bytes of length, then the JSON header
        return _load_safetensors(path), False
    raise ModelFileError(
        f"{path} is no PyTorch checkpoint",
        allowed="a file of torch.save, or safetensors",
        received=f"{path.stat().st_size} bytes that begin with {head[:8]!r}",
    )


def _load_pickle(torch: Any, path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each of them is an error below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # UnpicklingError, RuntimeError, EOFError, KeyError and more, depending on the damage
        raise _explain(path, str(error)) from error


def _explain(path: Path, message: str) -> ModelFileError:
    """Turn PyTorch's message, which advises to switch the safety off, into what the file is."""
    if "TorchScript" in message:
        return ModelFileError(f"{path} is a TorchScript program, not a state dict", hint=_RESAVE)
    found = re.search(r"GLOBAL ([\w.]+)", message)
    if "Weights only load failed" in message and found:
        return ModelFileError(
            f"{path} holds more than tensors: it needs the Python object {found[1]}, and reading that could "
            "run code from the file (a whole pickled module, or training state beside the weights)",
            hint=f"It was not read. {_RESAVE}",
        )
    reason = "" if "Weights only" in message else message.strip().partition("\n")[0][:120]
    return ModelFileError(
        f"{path} is truncated, damaged or no PyTorch checkpoint" + (f" ({reason})" if reason else ""),
        allowed="a file of torch.save, or safetensors",
        hint="Fetch it again",
    )


def _load_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise InputError("safetensors files need safetensors", hint='pip install "fer_keras[torch]"') from error
    try:
        return load_file(path, device="cpu")
    except Exception as error:  # SafetensorError is its own type; a bad header raises others
        raise ModelFileError(f"{path} is truncated, damaged or no safetensors file ({error})") from error


def _choose(torch: Any, content: Any, wanted: str | None, path: Path) -> tuple[str, dict, list[str]]:
    """Return the dotted name, the tensors and notes of the dictionary that holds the network."""
    found = _state_dicts(torch, content)
    if not found:
        keys = ", ".join(map(str, list(content)[:8])) if isinstance(content, Mapping) else type(content).__name__
        raise ModelFileError(
            f"{path} holds no state dict", allowed="names with tensors", received=keys or "nothing", hint=_RESAVE
        )
    name = wanted if wanted is not None else _preferred(found, path)
    if name not in found:
        hint = nearest_hint(name, found)
        raise InputError(f"{path} has no container {name!r}", allowed=", ".join(map(_shown, found)), hint=hint)
    others = [_shown(other) for other in found if other != name]
    notes = [f"weights taken from {name!r}"] if name else []
    notes += [f"the file also holds {', '.join(others)}; choose with --container"] if others else []
    return name, found[name], notes


def _state_dicts(torch: Any, content: Any, prefix: str = "", depth: int = 2) -> dict[str, dict]:
    """Every dictionary of tensors in ``content``, at most two levels down, by its dotted key."""
    if not isinstance(content, Mapping):
        return {}
    if content and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in content.items()):
        return {prefix: dict(content)}
    found: dict[str, dict] = {}
    for key, value in content.items() if depth else ():
        if isinstance(key, str):
            found |= _state_dicts(torch, value, f"{prefix}.{key}".lstrip("."), depth - 1)
    return found


def _preferred(found: dict[str, dict], path: Path) -> str:
    ranked = [name for known in (*_CONTAINERS, *_AVERAGES) for name in found if name.split(".")[0] == known]
    if ranked or len(found) == 1:
        return ranked[0] if ranked else next(iter(found))
    raise InputError(
        f"{path} holds several state dicts", allowed=", ".join(found), hint="Choose one with --container NAME"
    )


def _shown(name: str) -> str:
    return name or "(top level)"


def _leave_out(tensors: dict, patterns: Sequence[str]) -> tuple[dict, list[str]]:
    left_out = [name for name in tensors if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    return {name: tensor for name, tensor in tensors.items() if name not in left_out}, left_out


def _prefix_note(tensors: dict) -> list[str]:
    """Say which wrapper stands before every name; the mapping goes by kind and shape and needs no renaming."""
    parts, prefix = [name.split(".") for name in tensors if name != "n_averaged"], []
    while parts and all(len(part) > 2 and part[0] == parts[0][0] in _WRAPPERS for part in parts):
        prefix.append(parts[0][0])
        parts = [part[1:] for part in parts]
    return [f"every name begins with {'.'.join(prefix)}. (a wrapper)"] if prefix else []
