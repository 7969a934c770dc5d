"""Exports compute in float32, also those of models trained in mixed precision."""

from __future__ import annotations

from typing import Any

import keras


def as_float32(model: keras.Model) -> keras.Model:
    """Return ``model``, or its float32 twin with the same weights when a layer computes in another precision.

    Mixed precision (Micikevicius et al. 2018, arXiv:1710.03740) stores float32 weights and rounds them in every
    call, so the twin loses nothing; TFLite has no bfloat16 convolutions.
    """
    config = model.get_config()
    wanted = _with_float32(config)
    if wanted == config:
        return model
    twin = type(model).from_config(wanted)
    twin.set_weights(model.get_weights())
    return twin


def _with_float32(config: Any) -> Any:
    """Copy a Keras configuration with every dtype policy, at any depth, set to float32."""
    if isinstance(config, list | tuple):
        return type(config)(_with_float32(item) for item in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return config | {"config": {"name": "float32"}}
    return {key: _with_float32(value) for key, value in config.items()}
