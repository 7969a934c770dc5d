"""Proof that an exported file computes what the Keras model computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, ModelFileError
from ..exported_model import BATCH_SIZE, ExportedModel, load_exported
from ..formats import check_images, size_in_bytes
from .checks import TOLERANCES, Tolerance

# Classes whose probabilities differ by less than this are a tie, which rounding decides.
TIE = 1e-4


def check_parity(
    model: Any,
    exports: Mapping[str, Path],
    images: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    temperature: float = 1.0,
    tolerances: Mapping[str, Tolerance] = TOLERANCES,
    broken: dict[str, ModelFileError] | None = None,
) -> dict[str, dict]:
    """Compare every exported file, as loaded from disk, with the Keras model on the same faces, all of them.

    Two top classes are the same class, or are a tie: classes of which Keras' own probabilities differ by less than
    1e-4, which rounding decides. How many faces were ties is in ``ties``.

    Args:
        model: ``keras.Model`` that ends in logits; called with ``training=False``.
        exports: format name, a key of ``tolerances``, to file or folder.
        images: (n, 48, 48, 1) uint8, or of the model's side, pixels 0..255.
        labels: (n,) integer classes; without them nothing is said about accuracy.
        temperature: the reference is softmax(logits / temperature).
        tolerances: by format, see :mod:`fer_keras.export.parity.checks`.
        broken: takes the errors of exports that cannot be loaded, by format; None raises the first.

    Returns:
        For each format: ``file, bytes, runtime, n, top1_agreement`` (fraction), ``ties``,
        ``max_abs_probability_difference, mean_abs_probability_difference, tolerance, failures`` (sentences),
        ``passed``, ``doubts`` (what so few faces cannot show); with labels also ``accuracy, keras_accuracy,
        accuracy_difference`` (export minus Keras),
        ``accuracy_difference_ci95`` (paired bootstrap), ``only_export_right, only_keras_right`` (faces); for a PyTorch
        state dict also ``layers``, every layer's error, see :func:`fer_keras.porting.torch.parity.compare_layers`.

    Raises:
        InputError: unusable images or an unknown kind of file.
        DataError: another number of labels, or none for a format that is judged by its accuracy.
        ModelFileError: an export cannot be loaded, or the Keras model itself gives no finite probabilities.
    """
    check_images(images, model.input_shape[1])
    _check_labels(labels, len(images), {name: tolerances[name] for name in exports})
    tempered = keras_probabilities(model, images, temperature)
    entries = {}
    for name, path in exports.items():
        try:
            exported, layers = _open(Path(path), images, model)
            # A state dict ends in logits: who loads it divides them.
            expected = keras_probabilities(model, images) if layers and temperature != 1 else tempered
            found = _predict(exported, Path(path), images, expected.shape)
        except ModelFileError as error:
            if broken is None:
                raise
            broken[name] = error
            continue
        measured = compare_probabilities(expected, found) | compare_accuracies(expected, found, labels)
        failures, doubts = tolerances[name].failures(measured), tolerances[name].doubts(measured)
        entries[name] = {
            **{"file": Path(path).name, "bytes": size_in_bytes(Path(path)), "runtime": exported.runtime},
            **{**measured, "tolerance": tolerances[name].as_dict(), "failures": failures, "passed": not failures},
            **({"doubts": doubts} if doubts else {}),
            **layers,
        }
    return entries


def require_parity(report: Mapping[str, Mapping]) -> None:
    """Refuse a report of :func:`check_parity` in which any export failed.

    Raises:
        ModelFileError: naming every such file, what was measured and the tolerance.
    """
    failed = [entry for entry in report.values() if not entry["passed"]]
    if failed:
        reasons = "; ".join(f"{entry['file']}: {', '.join(entry['failures'])}" for entry in failed)
        raise ModelFileError(
            f"{len(failed)} of {len(report)} exports are not the same model within the tolerance: {reasons}",
            hint="They were not kept as exports; what was measured is in parity.json. --keep-failed keeps them as "
            "failed_NAME for a look, --tolerance FORMAT=VALUE judges them by another limit",
        )


def keras_probabilities(model: Any, images: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return softmax(logits / temperature), (n, classes) float64, with batch norm and dropout in inference mode.

    Raises:
        ModelFileError: a logit is not finite.
    """
    import keras

    from ...metrics.scores import softmax  # needs scikit-learn, which reading an exported file does not

    batches = (images[at : at + BATCH_SIZE] for at in range(0, len(images), BATCH_SIZE))
    outputs = [keras.ops.cast(model(batch.astype(np.float32), training=False), "float32") for batch in batches]
    logits = np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs]).astype(np.float64)
    if not np.isfinite(logits).all():
        raise ModelFileError("the Keras model gives logits that are not finite", hint="Train it again")
    return softmax(logits / temperature)  # (n, classes)


def _check_labels(labels: np.ndarray | None, n: int, tolerances: Mapping[str, Tolerance]) -> None:
    judged = [name for name, tolerance in tolerances.items() if tolerance.accuracy is not None]
    if labels is None and judged:
        raise DataError(
            f"{', '.join(judged)}: judged by the accuracy, which needs labelled faces",
            hint="Give a data set (--data), or export float formats only",
        )
    if labels is not None and len(labels) != n:
        raise DataError("faces and labels differ in number", allowed=f"{n} labels", received=len(labels))


def _predict(exported: ExportedModel, path: Path, images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    found = exported(images)
    if found.shape != shape:
        raise ModelFileError(f"export {path.name} gives another shape", allowed=str(shape), received=str(found.shape))
    return found


def _open(path: Path, images: np.ndarray, model: Any) -> tuple[ExportedModel, dict]:
    """Return what runs the file, and for a state dict the proof of every layer; it holds no network of its own."""
    if path.suffix != ".pth":
        return load_exported(path), {}
    from ..torch_file import load_torch, prove_layers

    return ExportedModel(*load_torch(path, model)), {"layers": prove_layers(path, model, images)}


def compare_probabilities(expected: np.ndarray, found: np.ndarray) -> dict:
    """Compare two (n, classes) arrays of probabilities; what is not a number is as far away as can be."""
    difference = np.nan_to_num(np.abs(expected - found), nan=1.0)
    chosen, rows = found.argmax(axis=1), np.arange(len(expected))
    same = expected.argmax(axis=1) == chosen  # (n,)
    tied = ~same & (expected.max(axis=1) - expected[rows, chosen] < TIE)
    agrees = (same | tied) & np.isfinite(found).all(axis=1)
    return {
        "n": len(expected),
        "top1_agreement": float(agrees.mean()),
        "ties": int(tied.sum()),
        "max_abs_probability_difference": float(difference.max()),
        "mean_abs_probability_difference": float(difference.mean()),
    }


def compare_accuracies(expected: np.ndarray, found: np.ndarray, labels: np.ndarray | None) -> dict:
    """Accuracy of both and their difference with a paired 95 % interval; empty without labels."""
    if labels is None:
        return {}
    from ...metrics.paired_tests import bootstrap_differences  # SciPy, which running a file does not need

    ours, theirs = found.argmax(axis=1), expected.argmax(axis=1)
    right, keras_right = ours == labels, theirs == labels  # (n,) each
    interval = bootstrap_differences(labels, ours, theirs, expected.shape[1])["accuracy"]
    return {
        "accuracy": float(right.mean()),
        "keras_accuracy": float(keras_right.mean()),
        "accuracy_difference": float(right.mean() - keras_right.mean()),
        "accuracy_difference_ci95": interval,
        "only_export_right": int((right & ~keras_right).sum()),
        "only_keras_right": int((keras_right & ~right).sum()),
    }
