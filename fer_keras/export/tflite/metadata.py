"""What a TFLite file of this package says about itself: its input contract as JSON, and its own sha256. No TensorFlow.

Both are metadata entries of the flatbuffer (``Model.metadata`` in TFLite's schema.fbs), which every runtime ignores.
How the sha256 is checked, and why, stands in :mod:`fer_keras.export.seals`.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import flatbuffers
import numpy as np

from ...errors import ModelFileError
from ...runs.contracts import parse_contract
from ..seals import CONTRACT, EXPORT_AGAIN, SEAL, UNSEALED, is_sealed_tflite, seal_tflite

IDENTIFIER = b"TFL3"  # bytes 4..8 of the flatbuffer, from schema.fbs
_ALIGNMENT = 16  # of every buffer, from schema.fbs; runtimes that map the file need it


@functools.cache
def schema() -> ModuleType:
    """TFLite's generated schema, from LiteRT where it is installed, else from TensorFlow.

    The module is not named in an import statement, since neither package is needed to import this one.
    """
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError:
        return importlib.import_module("tensorflow.lite.python.schema_py_generated")


def parse(content: bytes) -> Any:
    """Return a flatbuffer as a ``ModelT`` object, whole.

    Raises:
        ModelFileError: not a TFLite file, or one whose tables point outside of it.
    """
    check_identifier(content, "it")
    try:
        return schema().ModelT.InitFromPackedBuf(content, 0)
    except Exception as error:  # struct.error, IndexError, ValueError, MemoryError, UnicodeError, ...
        raise ModelFileError(f"a TFLite file is damaged: {error}", hint=EXPORT_AGAIN) from error


def check_identifier(content: bytes, where: Path | str) -> None:
    """Refuse what is no TFLite flatbuffer.

    Raises:
        ModelFileError: naming ``where`` and the first bytes.
    """
    if content[4:8] != IDENTIFIER:
        raise ModelFileError(f"{where} is no TFLite file", received=repr(content[:8]), hint=EXPORT_AGAIN)


class _AlignedBuilder(flatbuffers.Builder):
    """Python's generated code knows no ``force_align``: byte vectors, which hold the tensors, get it here."""

    def StartVector(self, elemSize, numElems, alignment):  # noqa: N802, N803  flatbuffers' own names
        return super().StartVector(elemSize, numElems, max(alignment, _ALIGNMENT) if elemSize == 1 else alignment)


def serialize(model: Any) -> bytes:
    """Return a ``ModelT`` as a flatbuffer, every buffer aligned to 16 bytes."""
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def with_metadata(content: bytes, contract: Mapping | None = None) -> bytes:
    """Return the flatbuffer with ``contract`` (JSON, UTF-8) and its sha256 as metadata; earlier ones are replaced.

    Raises:
        ModelFileError: not a TFLite file.
    """
    model = parse(content)
    model.metadata = [entry for entry in model.metadata or [] if _name(entry) not in (CONTRACT, SEAL)]
    if contract is not None:
        _add(model, CONTRACT, json.dumps(contract, ensure_ascii=False, allow_nan=False).encode())
    _add(model, SEAL, UNSEALED)
    return seal_tflite(serialize(model))


def _name(entry: Any) -> str:
    return (entry.name or b"").decode("utf-8", "replace") if isinstance(entry.name, bytes) else str(entry.name)


def _add(model: Any, name: str, data: bytes) -> None:
    entry, buffer = schema().MetadataT(), schema().BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    entry.name, entry.buffer = name, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)


def read_tflite(path: Path | str, *, trust: bool = False) -> bytes:
    """Return the bytes of a TFLite file that carries its own sha256.

    Args:
        path: the ``.tflite`` file.
        trust: also return a file without a sha256, which another program wrote. One with a wrong sha256 is refused.

    Raises:
        ModelFileError: missing, damaged, no TFLite file, or without sha256 and not trusted.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read TFLite file {path}: {error.strerror}") from error
    check_identifier(content, path)
    if not is_sealed_tflite(content, path) and not trust:
        raise ModelFileError(
            f"TFLite file {path} carries no sha256: it is damaged, or another program wrote it",
            hint=f"{EXPORT_AGAIN}; a foreign file that you trust is read with --trust-model (trust=True)",
        )
    return content


def read_contract(path: Path | str) -> dict:
    """Return the input contract that a TFLite file of this package carries, see :mod:`fer_keras.export.contract`.

    Raises:
        ModelFileError: missing, damaged, or without a contract.
    """
    contract = find_tflite_contract(path)
    if contract is None:
        raise ModelFileError(f"TFLite file {path} carries no contract", hint="Export the run again")
    return contract


def find_tflite_contract(path: Path | str) -> dict | None:
    """Return the contract like :func:`read_contract`; None for a file that carries none.

    Raises:
        ModelFileError: the file or its contract is damaged.
    """
    model = parse(read_tflite(path))
    for entry in model.metadata or []:
        if _name(entry) == CONTRACT:
            return parse_contract(bytes(model.buffers[entry.buffer].data), path, ModelFileError)
    return None
