"""The Keras model of an export: may it be exported, its float32 twin, and the part of it that makes the embedding."""

from __future__ import annotations

from typing import Any

import keras

from ..errors import FerKerasError, ModelFileError

# Layer that the project's networks pool into; its output is the embedding where there is one.
POOLED = "features"


def check_model(model: keras.Model) -> None:
    """Refuse models that do not map (B, 48, 48, 1), or square gray images of another side, to logits (B, classes).

    Raises:
        FerKerasError: Keras runs on another backend than TensorFlow.
        ModelFileError: another input or output shape, or probabilities instead of logits.
    """
    if keras.backend.backend() != "tensorflow":
        raise FerKerasError(
            "export runs on TensorFlow only",
            received=f"Keras on {keras.backend.backend()}",
            hint="Set KERAS_BACKEND=tensorflow and export again; the .keras file is the same",
        )
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not _takes_gray_squares(taken) or not isinstance(given, tuple) or len(given) != 2 or given[-1] is None:
        raise ModelFileError(
            f"model {model.name!r} cannot be exported",
            allowed="(None, 48, 48, 1), or another side, to (None, classes)",
            received=f"{taken} to {given}",
        )
    if _ends_in_softmax(model):
        raise ModelFileError(
            f"model {model.name!r} ends in a softmax, so the export would apply it twice",
            allowed="a model that ends in logits",
        )


def _takes_gray_squares(shape: object) -> bool:
    if not isinstance(shape, tuple) or len(shape) != 4:
        return False
    return (shape[0], shape[3]) == (None, 1) and shape[1] is not None and shape[1] == shape[2]


def _ends_in_softmax(model: keras.Model) -> bool:
    last = model.layers[-1]
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    return isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax


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


def make_embedding(model: keras.Model) -> keras.Model | None:
    """Return the part of a classifier up to its embedding, with the same layers.

    The embedding is the output of the layer named ``features`` (the pooled maps of ``cnn`` and of every pretrained
    base); else the input of the last dense layer, if that has one unit per class; else, for networks without one, the
    input of the last convolution, if that has one map per class, averaged over its positions.

    Args:
        model: (B, S, S, 1) to logits (B, classes).

    Returns:
        (B, S, S, 1) to (B, F); None for a network of another kind.
    """
    if POOLED in [layer.name for layer in model.layers] and len(model.get_layer(POOLED).output.shape) == 2:
        return keras.Model(model.inputs[0], model.get_layer(POOLED).output, name="embedding")
    head = _find_head(model)
    if isinstance(head, keras.Model):
        return _inside(model, head)
    if head is None:
        return None
    features = head.input  # (B, F) or (B, H, W, F)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)  # (B, F)
    return keras.Model(model.inputs[0], features, name="embedding") if len(features.shape) == 2 else None


def _find_head(model: keras.Model) -> keras.layers.Layer | None:
    """The last layer with weights, if it puts out one value, or one map, per class; it may be a model."""
    with_weights = [layer for layer in model.layers if layer.weights]
    head = with_weights[-1] if with_weights else None
    kinds = (keras.layers.Dense, keras.layers.Conv2D, keras.Model)
    return head if isinstance(head, kinds) and head.output.shape[-1] == model.output_shape[-1] else None


def _inside(model: keras.Model, network: keras.Model) -> keras.Model | None:
    """The embedding of a network that lies in a chain of layers, behind those that stand before it."""
    inner = make_embedding(network)
    if inner is None or not isinstance(model, keras.Sequential):
        return None
    before = model.layers[: model.layers.index(network)]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *before, inner], name="embedding")
