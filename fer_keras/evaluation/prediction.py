"""Run a finished model over faces: load it, make sure that it fits them, logits and probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.faces import SPLITS, FaceDataset, Split
from ..errors import DataError, InputError, ModelFileError, nearest_hint
from ..metrics.scores import softmax
from ..runs.model_file import load_model_file
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder

if TYPE_CHECKING:
    import keras

TTA = ("none", "flip")
# Images that are copied and padded at once: 64 batches of 256 faces of 48x48.
_BYTES_AT_ONCE = 64 * 256 * 48 * 48


def load_run_model(run: RunFolder) -> keras.Model:
    """Load ``model.keras`` of a run for inference, see :func:`load_model_file`.

    Raises:
        ModelFileError: missing, no Keras archive, damaged, or of layers that this version does not know.
    """
    from .. import models  # noqa: F401  registers the project's layers with Keras

    return load_model_file(run.model)


def load_for_scoring(run: RunFolder, dataset: FaceDataset, split: str) -> tuple[Split, dict, keras.Model]:
    """Return the faces of a split, the content of ``run.json`` and the run's model, if they go together.

    Raises:
        InputError, DataError, ModelFileError, RunFolderError: see :func:`.evaluate_run`.
    """
    check_choice("split", split, SPLITS)
    rows = dataset.splits[split]
    if len(rows) == 0:
        raise DataError(f"the {split} split of {dataset.name} is empty", hint="Choose another split")
    trained = read_run_json(run)
    check_class_names(trained.get("classes"), dataset)
    model = load_run_model(run)
    check_outputs(model, dataset)
    return rows, trained, model


def predict_probabilities(
    model: keras.Model, images: np.ndarray, *, batch_size: int, tta: str = "none", temperature: float = 1.0
) -> np.ndarray:
    """Predict class probabilities in inference mode: softmax of logits / temperature, in float64.

    Args:
        model: pixels 0..255 (B, 48, 48, 1), or another side, to logits (B, classes).
        images: (n, 48, 48, 1) uint8, of the model's side.
        batch_size: images per step; the last batch is padded, so that one graph serves all.
        tta: ``flip`` averages the probabilities of each image and its mirror image.
        temperature: see :func:`fer_keras.metrics.temperature.fit_temperature`.

    Returns:
        (n, classes) float32, rows sum to 1.

    Raises:
        InputError: unknown tta, or a batch size below 1.
        DataError: images of another shape or type, or none.
        ModelFileError: the model does not map such images to finite logits.
    """
    return average_views(predict_views(model, images, batch_size=batch_size, tta=tta), temperature)


def predict_views(model: keras.Model, images: np.ndarray, *, batch_size: int, tta: str = "none") -> list[np.ndarray]:
    """Predict the logits of each view of the images: themselves, and with ``flip`` their mirror images.

    Returns:
        One or two arrays (n, classes), finite.

    Raises:
        InputError, DataError, ModelFileError: see :func:`predict_probabilities`.
    """
    check_choice("tta", tta, TTA)
    if batch_size < 1:
        raise InputError("batch size is too small", allowed="1 or more", received=batch_size)
    shape = tuple(model.input_shape[1:])
    if images.shape[1:] != shape or images.dtype != np.uint8 or len(images) == 0:
        raise DataError(
            "cannot predict on these images",
            allowed=f"uint8 (n, {', '.join(map(str, shape))}), n at least 1",
            received=f"{images.dtype} {images.shape}",
        )
    mirrors = (False, True) if tta == "flip" else (False,)
    return [_predict_logits(model, images, batch_size, mirror) for mirror in mirrors]


def average_views(views: Sequence[np.ndarray], temperature: float = 1.0) -> np.ndarray:
    """Return the mean over views of softmax(logits / temperature), (n, classes) float32.

    The temperature divides the logits of each view before the mean is taken, as an exported file would do.
    """
    return np.mean([softmax(logits.astype(np.float64) / temperature) for logits in views], axis=0).astype(np.float32)


def _predict_logits(model: keras.Model, images: np.ndarray, batch_size: int, mirror: bool) -> np.ndarray:
    batch_size = min(batch_size, len(images))
    batch_bytes = batch_size * images[:1].nbytes
    step = batch_size * max(1, _BYTES_AT_ONCE // batch_bytes)  # a split of large faces is not copied
    blocks = (images[at : at + step] for at in range(0, len(images), step))
    parts = [_predict_part(model, block[:, :, ::-1] if mirror else block, batch_size) for block in blocks]
    logits = np.concatenate(parts)  # (n, classes)
    if logits.ndim != 2:
        raise ModelFileError("the model is no classifier", allowed="logits (n, classes)", received=str(logits.shape))
    if not np.isfinite(logits.astype(np.float64)).all():
        raise ModelFileError("the model puts out numbers that are not finite", hint="Its weights are damaged; retrain")
    return logits


def _predict_part(model: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    n = len(images)
    padded = np.zeros((-(-n // batch_size) * batch_size, *images.shape[1:]), np.uint8)  # whole batches
    padded[:n] = images
    # ``predict`` always calls the model with training=False; a bare call may not.
    return np.asarray(model.predict(padded, batch_size=batch_size, verbose=0))[:n]


def check_class_names(trained: list[str] | None, dataset: FaceDataset) -> None:
    """Refuse a data set whose classes are not those a run was trained on, as far as its ``run.json`` tells.

    Raises:
        DataError: other names, or the same in another order.
    """
    # The same number of classes in another order would be scored without complaint, and wrongly.
    if trained is not None and list(trained) != list(dataset.classes):
        raise DataError(
            f"the classes of {dataset.name} are not those the model was trained on",
            allowed=", ".join(map(str, trained)),
            received=", ".join(dataset.classes),
        )


def check_outputs(model: keras.Model, dataset: FaceDataset) -> None:
    """Refuse a data set whose faces or number of classes the model does not fit.

    Raises:
        DataError: another side in pixels, or another number of classes.
    """
    if model.input_shape[1:] != (dataset.image_size, dataset.image_size, 1):
        raise DataError(
            f"the model takes other images than those of {dataset.name}",
            allowed=f"{model.input_shape[1:]}",
            received=f"{dataset.image_size} x {dataset.image_size} gray",
            hint="Evaluate on faces of the size the model was trained with (data.image_size)",
        )
    if model.output_shape[-1] != len(dataset.classes):
        raise DataError(
            f"the model has another number of classes than {dataset.name}",
            allowed=f"{len(dataset.classes)} ({', '.join(dataset.classes)})",
            received=f"{model.output_shape[-1]} outputs",
            hint="Evaluate on the data set the model was trained on",
        )


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse an unknown value of an option.

    Raises:
        InputError: with the nearest allowed value.
    """
    if value not in allowed:
        hint = nearest_hint(str(value), allowed)
        raise InputError(f"unknown {name}", allowed=", ".join(allowed), received=repr(value), hint=hint)
