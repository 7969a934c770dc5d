"""What exported files are compared on, and how far each may be from the Keras model. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.faces import FaceDataset
from ...errors import DataError, InputError, nearest_hint
from ..formats import TABLE, Tolerance, check_images

if TYPE_CHECKING:
    import keras

RANDOM_FACES = 256


TOLERANCES = {name: format_.tolerance for name, format_ in TABLE.items()}


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


def read_tolerances(texts: Sequence[str]) -> dict[str, Tolerance]:
    """Return the default tolerances with those of ``FORMAT=VALUE`` changed.

    VALUE is what the format is judged by: the largest probability difference of a float32 format (``1e-4``), the least
    agreement of ``tflite_float16`` in percent (``99.9``), the largest accuracy difference of ``tflite_dynamic`` and
    ``tflite_int8`` in points (``0.5``). A float32 format with another difference need not agree on every face.

    Raises:
        InputError: no such format, or no number in 0..100 (0..1 for a difference).
    """
    changed = dict(TOLERANCES)
    for text in texts:
        name, _, value = text.partition("=")
        if name not in TOLERANCES:
            hint = nearest_hint(name, TOLERANCES)
            raise InputError("unknown format in a tolerance", allowed=", ".join(TOLERANCES), received=text, hint=hint)
        changed[name] = _change(TOLERANCES[name], value, text)
    return changed


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
        return [ParityFaces("random pixels", _random_pixels(size))]
    check_images(images, size)
    return [ParityFaces("given faces", images)]


def _change(default: Tolerance, value: str, text: str) -> Tolerance:
    limit = 1.0 if default.difference is not None else 100.0
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= limit:
        raise InputError("a tolerance is no number in its range", allowed=f"FORMAT=0..{limit:g}", received=text)
    if default.difference is not None:
        return Tolerance(difference=number)
    if default.accuracy is not None:
        return Tolerance(accuracy=number / 100)
    return Tolerance(agreement=number / 100)


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


def _random_pixels(size: int) -> np.ndarray:
    """(256, size, size, 1) uint8, for a model without faces."""
    return np.random.default_rng(0).integers(0, 256, (RANDOM_FACES, size, size, 1), dtype=np.uint8)
