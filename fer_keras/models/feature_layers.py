"""Find the feature maps of a network, also inside a base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError, nearest_hint

if TYPE_CHECKING:
    import keras


def find_feature_layer(model: keras.Model, name: str | None = None) -> list:
    """Find a layer that puts out a convolutional feature map.

    Args:
        model: ``keras.Sequential`` or functional; a base inside it is searched too.
        name: of the layer; None for the last feature map: the output of the last convolution, or of the normalisation,
            activation or addition after it, before any pooling.

    Returns:
        The layer, after the models that it lies in, outermost first and without ``model`` itself.

    Raises:
        InputError: no such layer, its output is no feature map, or a network without convolutions.
    """
    maps = [path for path in _leaf_paths(model) if _is_map(path[-1]) and _is_reachable(model, path)]
    if name is None:
        return _last_map(maps, model)
    names = [path[-1].name for path in maps]
    if name not in names:
        raise InputError(
            f"no feature map of that name in {model.name}",
            allowed=", ".join(names[-12:]) + (" or an earlier one" if len(names) > 12 else ""),
            received=repr(name),
            hint=nearest_hint(name, names),
        )
    return maps[names.index(name)]


def _leaf_paths(model: keras.Model) -> list[list]:
    """Every layer that is no model, in order, after the models it lies in."""
    import keras

    found = []
    for layer in model.layers:
        inner = _leaf_paths(layer) if isinstance(layer, keras.Model) else [[]]
        found += [[layer, *path] for path in inner]
    return found


def _is_map(layer: keras.Layer) -> bool:
    from keras import layers

    return not isinstance(layer, layers.InputLayer) and len(getattr(layer.output, "shape", ())) == 4


def _is_reachable(model: keras.Model, path: list) -> bool:
    """Whether all models but the innermost are plain chains, which can be run layer by layer."""
    from keras import Sequential

    return all(isinstance(outer, Sequential) for outer in [model, *path][: len(path) - 1])


def _last_map(maps: list[list], model: keras.Model) -> list:
    from keras import layers

    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
    activations = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
    behind = (*kinds, layers.BatchNormalization, layers.LayerNormalization, layers.Add, *activations)
    places = [place for place, path in enumerate(maps) if isinstance(path[-1], kinds)]
    if not places:
        raise InputError(f"{model.name} has no convolution", hint="Grad-CAM needs a convolutional feature map")
    last = places[-1]
    while last + 1 < len(maps) and isinstance(maps[last + 1][-1], behind):
        last += 1
    return maps[last]
