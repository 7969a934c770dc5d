"""The embedding of a face: what the layers before the classifier make of it."""

from __future__ import annotations

import keras

# Layer that the project's networks pool into; its output is the embedding where there is one.
POOLED = "features"


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
