"""What ``fit`` works on in place of a whole network: a twin for smaller crops, or a head on features of a frozen base.

Both share layers and optimizer with the whole network, so that training them trains it. Backend-neutral.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from ..datasets.faces import FaceDataset
from ..devices import scope_of
from ..errors import ConfigError
from ..models.layers import ResizeImages
from ..models.transfer import split_at_features
from ..recipe.distill import DistillSection
from ..recipe.train import TrainSection
from .distillation import Teacher
from .feature_store import FeatureStore
from .optimization import compile_model


@dataclass(frozen=True)
class Trainee:
    """What ``fit`` works on.

    Attributes:
        model: compiled; the whole network, or its head, which shares layers and optimizer with the whole.
        dataset: images for the whole network, or features (n, 1, 1, F) float32 in their place for the head.
        mirrored: features of the mirrored training faces, for a recipe that mirrors at random.
        teacher: whose answers are learned as well.
    """

    model: keras.Model
    dataset: FaceDataset
    mirrored: np.ndarray | None = None
    teacher: Teacher | None = None


def open_to_any_size(
    model: keras.Model, side: int, train: TrainSection, steps: int, distill: DistillSection | None = None
) -> keras.Sequential:
    """Return a network that shares layers and optimizer with another and takes images of any side.

    Trained on crops of 40 pixels and used on whole faces of 48, a network sees faces at the same scale, and each
    step costs less: the asymmetry that Touvron et al. (2019, arXiv:1906.06423) found to help rather than hurt.

    Args:
        model: compiled, ``(B, S, S, 1)`` to ``(B, classes)``, without layers that fix the side.
        side: of the crops in pixels.
        train: the section that it is compiled with.
        steps: steps of an epoch.
        distill: the section that it is compiled with.

    Raises:
        ConfigError: a layer, such as a dense one on flattened maps, needs the side that the network was made for, or
            the network resizes inside: it would see crops enlarged more than the whole faces that it is scored on.
    """
    if any(isinstance(layer, ResizeImages) for layer in model.layers):
        raise ConfigError(
            f"augmentation.crop={side}: {model.name} resizes what it is given to one side, so that it would be trained "
            "on faces of another scale than it is scored on",
            hint="Set augmentation.crop=0; shifts and zoom move and scale whole faces",
        )
    with scope_of(model):
        try:
            keras.Sequential([keras.Input((side, side, 1)), *model.layers])
        except ValueError as error:
            raise ConfigError(
                f"augmentation.crop={side}: {model.name} has layers for images of one size only",
                hint="Set augmentation.crop=0, or take a network that ends in global pooling, such as cnn",
            ) from error
        twin = keras.Sequential([keras.Input((None, None, 1)), *model.layers], name=model.name)
        compile_model(twin, train, steps, optimizer=model.optimizer, distill=distill)
    return twin


def make_head_trainee(
    model: keras.Model,
    dataset: FaceDataset,
    train: TrainSection,
    *,
    steps: int,
    batch_size: int,
    distill: DistillSection | None = None,
    mirror: bool = False,
    store: FeatureStore,
    stopped: Callable[[], bool] = lambda: False,
) -> Trainee | None:
    """Compute the features of both training splits with the frozen base of a network.

    A frozen base without augmentation, or with mirroring only, maps each face to the same features in every epoch, so
    that training its head on them is training the whole network, up to the rounding of another batch size.

    Args:
        model: a compiled transfer network with a frozen base.
        dataset: faces.
        train: the recipe's section.
        steps: steps of an epoch.
        batch_size: faces per step of the computation.
        distill: the section that the head is compiled with.
        mirror: compute the features of mirrored training faces too.
        store: keeps the features, so that an interrupted computation goes on.
        stopped: asked after each batch.

    Returns:
        The head and its features, or None when ``stopped`` said so.
    """
    with scope_of(model):
        base, head = split_at_features(model)
        compile_model(head, train, steps, optimizer=model.optimizer, distill=distill)
    features, key = {}, _key(base, dataset, batch_size)
    wanted = {"train": False, "validation": False} | ({"mirrored": True} if mirror else {})
    for name, turned in wanted.items():
        pixels = dataset.splits["train" if turned else name].images
        fill = partial(store.fill, name, key, stopped=stopped)
        made = _features(base, pixels, batch_size, fill, mirror=turned)
        if made is None:
            return None
        features[name] = made
    mirrored = features.pop("mirrored", None)
    replaced = {name: dataclasses.replace(dataset.splits[name], images=found) for name, found in features.items()}
    return Trainee(head, dataclasses.replace(dataset, splits={**dataset.splits, **replaced}), mirrored)


def _key(base: keras.Model, dataset: FaceDataset, batch_size: int) -> str:
    """What features follow from: the weights, the faces, and the batch, by which they differ in rounding."""
    weights = hashlib.sha256()
    for values in base.get_weights():
        weights.update(values.tobytes())
    return f"{weights.hexdigest()} {dataset.sha256} {batch_size}"


def _features(
    base: keras.Model, images: np.ndarray, batch_size: int, fill: Callable, *, mirror: bool
) -> np.ndarray | None:
    """Features (n, 1, 1, F) float32; the last batch is padded, so that one graph serves all."""
    n, width, size = len(images), base.output_shape[-1], min(batch_size, len(images))

    def compute(start: int, stop: int) -> np.ndarray:
        batch = images[start:stop, :, :: -1 if mirror else 1].astype(np.float32)
        padded = np.pad(batch, ((0, size - len(batch)), (0, 0), (0, 0), (0, 0)))
        return base.predict_on_batch(padded)[: len(batch)]

    found = fill((n, width), compute, size)
    return None if found is None else found.reshape(n, 1, 1, width)
