"""Proof that an exported file computes what the Keras model computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.faces import FACE_SIZE
from ..errors import ModelFileError
from .predictors import BATCH_SIZE, Predictor, check_images, load_predictor

TOLERANCE = 1e-4
MAX_FACES = 256


def check_parity(
    model: Any, exports: Mapping[str, Path], images: np.ndarray, *, tolerance: float = TOLERANCE
) -> dict[str, dict]:
    """Compare every exported file, as loaded from disk, with the Keras model on the same faces.

    Args:
        model: ``keras.Model`` that ends in logits; called with ``training=False``.
        exports: format name to file or folder.
        images: (n, 48, 48, 1) uint8, or of the model's side, pixels 0..255; of more than 256, 256 at equal distances
            are used.
        tolerance: largest allowed absolute difference of any probability.

    Returns:
        For each format: ``file, bytes, runtime, n, top1_agreement`` (fraction), ``max_abs_probability_difference,
        mean_abs_probability_difference, tolerance, passed``; for a PyTorch state dict also ``layers``, every layer's
        error, see :func:`fer_keras.torch_parity.compare_layers`.

    Raises:
        InputError: unusable images or an unknown kind of file.
        ModelFileError: an export cannot be loaded, or the Keras model itself gives no finite probabilities.
    """
    faces = select_faces(images, model.input_shape[1])
    expected = keras_probabilities(model, faces)
    return {name: _check_file(Path(path), faces, expected, tolerance, model) for name, path in exports.items()}


def require_parity(report: Mapping[str, Mapping]) -> None:
    """Refuse a report of :func:`check_parity` in which any export failed.

    Raises:
        ModelFileError: naming the first such file, the measured difference and the tolerance.
    """
    for entry in report.values():
        if not entry["passed"]:
            measured, tolerance = entry["max_abs_probability_difference"], entry["tolerance"]
            raise ModelFileError(
                f"export {entry['file']} differs from the Keras model by {measured:.3g} in a probability "
                f"(tolerance {tolerance:g}, same top class on {entry['top1_agreement']:.1%} of {entry['n']} faces)",
                hint="The export was not kept; the run and its earlier exports are unchanged",
            )


def select_faces(images: np.ndarray, size: int = FACE_SIZE) -> np.ndarray:
    """Return at most 256 of the images, at equal distances, since files are often sorted by class."""
    check_images(images, size)
    count = min(len(images), MAX_FACES)
    return images[np.linspace(0, len(images) - 1, count).round().astype(int)]


def keras_probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the softmax of the model's logits, (n, classes) float64, with batch norm and dropout in inference mode.

    Raises:
        ModelFileError: a logit is not finite.
    """
    import keras

    batches = np.split(images.astype(np.float32), range(BATCH_SIZE, len(images), BATCH_SIZE))
    outputs = [keras.ops.cast(model(batch, training=False), "float32") for batch in batches]
    logits = np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs]).astype(np.float64)
    if not np.isfinite(logits).all():
        raise ModelFileError("the Keras model gives logits that are not finite", hint="Train it again")
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)  # (n, classes)


def _check_file(path: Path, images: np.ndarray, expected: np.ndarray, tolerance: float, model: Any) -> dict:
    predictor, layers = _open(path, images, model)
    found = predictor(images)
    if found.shape != expected.shape:
        raise ModelFileError(
            f"export {path.name} gives another shape", allowed=str(expected.shape), received=str(found.shape)
        )
    measured = compare_probabilities(expected, found, tolerance)
    return {"file": path.name, "bytes": size_in_bytes(path), "runtime": predictor.runtime, **measured, **layers}


def _open(path: Path, images: np.ndarray, model: Any) -> tuple[Predictor, dict]:
    """Return what runs the file, and for a state dict the proof of every layer; it holds no network of its own."""
    if path.suffix != ".pth":
        return load_predictor(path), {}
    from .torch_file import load_torch_predictor, prove_layers

    return load_torch_predictor(path, model), {"layers": prove_layers(path, model, images)}


def compare_probabilities(expected: np.ndarray, found: np.ndarray, tolerance: float) -> dict:
    """Compare two (n, classes) arrays of probabilities; a value that is not a number never passes."""
    difference = np.abs(expected - found)
    largest = float(difference.max())
    return {
        "n": len(expected),
        "top1_agreement": float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        "max_abs_probability_difference": largest,
        "mean_abs_probability_difference": float(difference.mean()),
        "tolerance": tolerance,
        "passed": largest <= tolerance,
    }


def size_in_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
