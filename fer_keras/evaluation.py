"""Score a finished run on one split and write the evaluation folder of the contract."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from .datasets.duplicates import exact_copies, near_copies
from .datasets.faces import SPLITS, FaceDataset
from .errors import DataError, InputError, ModelFileError, RunFolderError, nearest_hint
from .evaluation_report import write_report
from .metrics import score, softmax
from .run_folder import RunFolder, atomic_folder
from .second_opinion import Opinion, score_opinions

if TYPE_CHECKING:
    import keras

TTA = ("none", "flip")
# Batches that are copied and padded at once.
_BATCHES_AT_ONCE = 64


def evaluate_run(
    run: RunFolder,
    dataset: FaceDataset,
    split: str,
    *,
    tta: str = "none",
    batch_size: int = 256,
    opinions: Sequence[Opinion] = (),
    labels: str = "",
) -> dict:
    """Score the model of a run on one split; a folder of an earlier evaluation is replaced as a whole.

    Files go to ``evaluation/<split>``, with flip test-time augmentation to ``evaluation/<split>_flip_tta``; then the
    manifest is renewed. Besides the keys of the contract the result holds ``dataset``, ``trained_on_sha256`` (None
    when ``run.json`` does not say), ``date`` (UTC) and ``notices``, sentences to show beside the numbers.

    Args:
        run: a finished run, opened and verified by the caller.
        dataset: its classes are those of the run, in the same order.
        split: ``train``, ``validation`` or ``test``.
        tta: ``none``, or ``flip`` for the mean over each image and its mirror image.
        batch_size: images per step; no influence on the scores beyond rounding.
        opinions: other labels of the same faces, see :func:`fer_keras.second_opinion.find_opinions`.
        labels: name of the labels where they are not those of the run's recipe; goes into the folder's name.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: unknown split or tta, or a batch size below 1.
        DataError: empty split, or classes that are not those of the model.
        ModelFileError: the model cannot be loaded or puts out no finite numbers.
        RunFolderError: damaged ``run.json``, or the folder cannot be written.
    """
    _check_choice("split", split, SPLITS)
    rows = dataset.splits[split]
    if len(rows) == 0:
        raise DataError(f"the {split} split of {dataset.name} is empty", hint="Choose another split")
    trained = _read_run_json(run)
    _check_class_names(trained.get("classes"), dataset)
    model = load_run_model(run)
    _check_outputs(model, dataset)
    y_prob = predict_probabilities(model, rows.images, batch_size=batch_size, tta=tta)  # (n, classes)
    metrics = _collect_metrics(dataset, split, y_prob, tta, _trained_sha256(trained))
    metrics["second_opinion"] = score_opinions(rows.labels, y_prob, dataset.classes, opinions) or None
    with atomic_folder(run.evaluation(split, report_suffix(tta, labels))) as folder:
        write_report(folder, run.path.resolve().name, rows, dataset.classes, y_prob, metrics)
    run.write_manifest()
    return metrics


def report_suffix(tta: str, labels: str = "") -> str:
    """What the name of an evaluation's folder ends in, such as ``flip_tta`` or ``ferplus_flip_tta``."""
    return "_".join(part for part in (labels, "" if tta == "none" else f"{tta}_tta") if part)


def load_run_model(run: RunFolder) -> keras.Model:
    """Load ``model.keras`` of a run for inference (not compiled, no code from the file is run).

    Raises:
        ModelFileError: missing, no Keras archive, damaged, or of layers that this version does not know.
    """
    import keras

    from . import models  # noqa: F401  registers the project's layers with Keras

    if not run.model.is_file():
        raise ModelFileError(f"{run.model} is missing", hint="Train the run to its end")
    if not zipfile.is_zipfile(run.model):
        raise ModelFileError(f"{run.model} is truncated or no .keras file", hint="Restore it from a copy of the run")
    try:
        return keras.models.load_model(run.model, compile=False, safe_mode=True)
    except Exception as error:  # damaged archives raise at least eight unrelated types
        reason = str(error).strip().partition("\n")[0][:200]
        raise ModelFileError(f"cannot load {run.model}: {type(error).__name__}: {reason}") from error


def predict_probabilities(model: keras.Model, images: np.ndarray, *, batch_size: int, tta: str = "none") -> np.ndarray:
    """Predict class probabilities in inference mode: softmax of the logits, in float64.

    Args:
        model: pixels 0..255 (B, 48, 48, 1), or another side, to logits (B, classes).
        images: (n, 48, 48, 1) uint8, of the model's side.
        batch_size: images per step; the last batch is padded, so that one graph serves all.
        tta: ``flip`` averages the probabilities of each image and its mirror image.

    Returns:
        (n, classes) float32, rows sum to 1.

    Raises:
        InputError: unknown tta, or a batch size below 1.
        DataError: images of another shape or type, or none.
        ModelFileError: the model does not map such images to finite logits.
    """
    _check_choice("tta", tta, TTA)
    if batch_size < 1:
        raise InputError("batch size is too small", allowed="1 or more", received=batch_size)
    shape = tuple(model.input_shape[1:])
    if images.shape[1:] != shape or images.dtype != np.uint8 or len(images) == 0:
        raise DataError(
            "cannot predict on these images",
            allowed=f"uint8 (n, {', '.join(map(str, shape))}), n at least 1",
            received=f"{images.dtype} {images.shape}",
        )
    views = [images] if tta == "none" else [images, images[:, :, ::-1]]
    probabilities = [softmax(_predict_logits(model, view, batch_size)) for view in views]
    return np.mean(probabilities, axis=0).astype(np.float32)


def _predict_logits(model: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    batch_size = min(batch_size, len(images))
    step = _BATCHES_AT_ONCE * batch_size  # a whole split of large faces is not copied
    parts = [_predict_part(model, images[at : at + step], batch_size) for at in range(0, len(images), step)]
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


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        hint = nearest_hint(str(value), allowed)
        raise InputError(f"unknown {name}", allowed=", ".join(allowed), received=repr(value), hint=hint)


def _read_run_json(run: RunFolder) -> dict:
    """Content of ``run.json``; empty when the run has none, as one put together by hand."""
    if not run.run_json.is_file():
        return {}
    try:
        content = json.loads(run.run_json.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read {run.run_json}: {error}") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{run.run_json} holds no JSON object", received=type(content).__name__)
    return content


def _trained_sha256(run_json: dict) -> str | None:
    dataset = run_json.get("dataset")
    return dataset.get("sha256") if isinstance(dataset, dict) else None


def _check_class_names(trained: list[str] | None, dataset: FaceDataset) -> None:
    # The same number of classes in another order would be scored without complaint, and wrongly.
    if trained is not None and list(trained) != list(dataset.classes):
        raise DataError(
            f"the classes of {dataset.name} are not those the model was trained on",
            allowed=", ".join(map(str, trained)),
            received=", ".join(dataset.classes),
        )


def _check_outputs(model: keras.Model, dataset: FaceDataset) -> None:
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


def _collect_metrics(dataset: FaceDataset, split: str, y_prob: np.ndarray, tta: str, trained_on: str | None) -> dict:
    rows = dataset.splits[split]
    exact, near = _copies_in_train(dataset, split)  # (n,) each
    return {
        "split": split,
        **score(rows.labels, y_prob, dataset.classes),
        "tta": tta,
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "trained_on_sha256": trained_on,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "notices": [*dataset.notices, *_mismatch_notice(dataset, trained_on)],
        "verdict": dataset.verdict,
        "deduplicated": _score_deduplicated(dataset, split, y_prob, ~(exact | near)),
        "copies_in_train": {"exact": int(exact.sum()), "near": int((near & ~exact).sum())},
    }


def _mismatch_notice(dataset: FaceDataset, trained_on: str | None) -> list[str]:
    if trained_on in (None, dataset.sha256):
        return []
    return [
        f"Scored on another data set (sha256 {dataset.sha256[:12]}) than the model was trained on "
        f"(sha256 {trained_on[:12]})."
    ]


def _copies_in_train(dataset: FaceDataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows of a split the train split holds pixel for pixel, and as a near copy; none of train's own."""
    images, train = dataset.splits[split].images, dataset.splits["train"].images
    if split == "train":
        return np.zeros(len(images), bool), np.zeros(len(images), bool)
    return exact_copies(images, train), near_copies(images, train)


def _score_deduplicated(dataset: FaceDataset, split: str, y_prob: np.ndarray, unseen: np.ndarray) -> dict:
    """Scores of the rows of which train holds no exact and no near copy; None where there is nothing to say."""
    if split == "train":
        return {"n": None, "accuracy": None, "macro_f1": None}
    rows = dataset.splits[split]
    if not unseen.any():
        return {"n": 0, "accuracy": None, "macro_f1": None}
    scores = score(rows.labels[unseen], y_prob[unseen], dataset.classes)
    return {key: scores[key] for key in ("n", "accuracy", "macro_f1")}
