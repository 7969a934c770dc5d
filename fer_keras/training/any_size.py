"""Train a network on crops smaller than the faces it is made for. Backend-neutral."""

from __future__ import annotations

import keras

from ..devices import scope_of
from ..errors import ConfigError
from ..recipe.train import TrainSection
from .optimization import compile_model


def open_to_any_size(model: keras.Model, side: int, train: TrainSection, steps: int) -> keras.Sequential:
    """Return a network that shares layers and optimizer with another and takes images of any side.

    Trained on crops of 40 pixels and used on whole faces of 48, a network sees faces at the same scale, and each
    step costs less: the asymmetry that Touvron et al. (2019, arXiv:1906.06423) found to help rather than hurt.

    Args:
        model: compiled, ``(B, S, S, 1)`` to ``(B, classes)``, without layers that fix the side.
        side: of the crops in pixels.
        train: the section that it is compiled with.
        steps: steps of an epoch.

    Raises:
        ConfigError: a layer, such as a dense one on flattened maps, needs the side that the network was made for.
    """
    with scope_of(model):
        try:
            keras.Sequential([keras.Input((side, side, 1)), *model.layers])
        except ValueError as error:
            raise ConfigError(
                f"augmentation.crop={side}: {model.name} has layers for images of one size only",
                hint="Set augmentation.crop=0, or take a network that ends in global pooling, such as cnn",
            ) from error
        twin = keras.Sequential([keras.Input((None, None, 1)), *model.layers], name=model.name)
        compile_model(twin, train, steps, optimizer=model.optimizer)
    return twin
