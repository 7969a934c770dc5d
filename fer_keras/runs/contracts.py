"""The contract of an exported file, read without pydantic: ``predict`` starts with it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from ..errors import FerKerasError

# No record of this project comes near it.
LARGEST = 64 * 2**20


def _is_number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high


def _is_threshold(value: Any) -> bool:
    keys = ("threshold", "target_precision")
    return value is None or (
        isinstance(value, dict) and all(_is_number(value[key], 0, 1) for key in keys if key in value)
    )


# What a key must hold, for the error, and whether a value does.
_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "run": ("a text", lambda value: isinstance(value, str)),
    "model_sha256": ("a text or null", lambda value: value is None or isinstance(value, str)),
    "classes": (
        "a list of texts",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    ),
    "temperature": ("a number above 0", lambda value: _is_number(value, math.ulp(0.0), 1e300)),
    "uncertain": ("null, or a mapping with numbers from 0 to 1", _is_threshold),
}


def parse_contract(content: bytes | str, where: object, error: type[FerKerasError]) -> dict:
    """Read the contract of an exported file; keys that are not known are kept as they are.

    Args:
        content: JSON.
        where: it stands, for the error.
        error: raised for content that is no contract; the key is named.
    """
    hint = "Export the run again"
    if len(content) > LARGEST:
        raise error(f"cannot read {where}: it is larger than a record of this project", hint=hint)
    try:
        contract = json.loads(content)
        json.dumps(contract, allow_nan=False)
    except (ValueError, RecursionError) as problem:
        raise error(f"cannot read {where}: no JSON, or a number in it is not finite", hint=hint) from problem
    if not isinstance(contract, dict):
        raise error(f"cannot read {where}: it holds no JSON object", received=type(contract).__name__, hint=hint)
    for key, (allowed, holds) in _KEYS.items():
        if key in contract and not holds(contract[key]):
            raise error(f"cannot read {where}: {key!r} is wrong", allowed=allowed, hint=hint)
    return contract
