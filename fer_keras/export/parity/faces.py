"""What exported files are compared on, and how strictly. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.faces import FaceDataset
from ...errors import DataError, InputError
from ..predictor import check_images
from .compare import random_pixels
from .tolerances import TOLERANCES, Tolerance

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ExportChecks:
    """How the exported files are proven.

    Attributes:
        splits: of the data set; ``validation`` first, its figures are the entry of the report.
        tolerances: by format.
        keep_failed: keep a file that failed, as ``failed_...``, for a look at it.
        latency_seconds: measuring time per file; 0 measures nothing.
    """

    splits: tuple[str, ...] = ("validation",)
    tolerances: Mapping[str, Tolerance] = field(default_factory=lambda: dict(TOLERANCES))
    keep_failed: bool = False
    latency_seconds: float = 0.0


@dataclass(frozen=True)
class ParityFaces:
    """Faces of one comparison; ``name`` is a split, ``given faces`` or ``random pixels``."""

    name: str
    images: np.ndarray
    labels: np.ndarray | None = None


def choose_faces(
    names: Sequence[str],
    dataset: FaceDataset | None,
    images: np.ndarray | None,
    checks: ExportChecks,
    classes: Sequence[str],
    model: keras.Model,
) -> list[ParityFaces]:
    """Return the faces of every comparison, so that those that do not fit are refused before any work.

    Raises:
        InputError: a format needs a data set, or unusable images.
        DataError: faces of other classes or of another size than the model's, or an empty split.
    """
    size = model.input_shape[1]
    if dataset is not None:
        return _split_faces(dataset, checks.splits, classes, model)
    needing = [name for name in names if checks.tolerances[name].accuracy is not None or name == "tflite_int8"]
    if needing:
        raise InputError(f"{', '.join(needing)}: needs the run's data set", hint="Pass dataset=, or --data PATH")
    if images is None:
        return [ParityFaces("random pixels", random_pixels(size))]
    check_images(images, size)
    return [ParityFaces("given faces", images)]


def _split_faces(
    dataset: FaceDataset, splits: Sequence[str], classes: Sequence[str], model: keras.Model
) -> list[ParityFaces]:
    from ...evaluation.prediction import check_class_names, check_outputs

    check_class_names(list(classes), dataset)
    check_outputs(model, dataset)
    empty = [name for name in splits if len(dataset.splits[name]) == 0]
    if empty:
        raise DataError(f"{dataset.name} has no faces to compare on", received=f"empty: {', '.join(empty)}")
    return [ParityFaces(name, dataset.splits[name].images, dataset.splits[name].labels) for name in splits]
