"""Score a finished run on one split and write the evaluation folder of the contract."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets.faces import FaceDataset
from ..errors import ModelFileError
from ..metrics.scores import confusion, score
from ..runs.manifest import file_sha256
from ..runs.named_runs import open_run
from ..runs.run_folder import RunFolder
from ..runs.run_record import now
from .calibration.record import read_calibration
from .calibration.report import score_calibrated
from .origin import describe_origin, report_suffix
from .prediction import average_views, load_for_scoring, predict_views
from .report import write_report
from .result import EvaluationResult
from .robustness.report import FILES as ROBUSTNESS_FILES
from .robustness.report import carry_robustness
from .second_opinion import Opinion, score_opinions
from .seen_faces import SeenFaces, find_seen_faces


def evaluate_run(
    run: RunFolder | Path | str,
    dataset: FaceDataset,
    split: str = "validation",
    *,
    tta: str = "none",
    batch_size: int = 256,
    opinions: Sequence[Opinion] = (),
    labels: str = "",
) -> EvaluationResult:
    """Score the model of a run on one split; a folder of an earlier evaluation is replaced as a whole.

    Files go to ``evaluation/<split>``, with flip test-time augmentation to ``evaluation/<split>_flip_tta``; then the
    manifest is renewed. Besides the keys of the contract the result holds ``dataset``, ``trained_on_sha256`` (None
    when ``run.json`` does not say), ``date`` (UTC) and ``notices``, sentences to show beside the numbers. All of them
    are of temperature 1, as are the tables; ``calibrated`` holds what the run's ``calibration.json`` makes of them, see
    :func:`.score_calibrated`, or None. With test-time augmentation the temperature
    divides the logits of each view.

    Args:
        run: a finished run: opened and verified by the caller, or its path or name.
        dataset: its classes are those of the run, in the same order.
        split: ``train``, ``validation`` or ``test``.
        tta: ``none``, or ``flip`` for the mean over each image and its mirror image.
        batch_size: images per step; no influence on the scores beyond rounding.
        opinions: other labels of the same faces, see :mod:`fer_keras.evaluation.second_opinion`.
        labels: name of the labels where they are not those of the run's recipe; goes into the folder's name.

    Returns:
        The content of ``metrics.json``, which can be tabled and drawn.

    Raises:
        InputError: unknown split or tta, or a batch size below 1.
        DataError: empty split, or classes that are not those of the model.
        ModelFileError: the model cannot be loaded or puts out no finite numbers.
        RunFolderError: damaged ``run.json`` or ``calibration.json``, or the folder cannot be written.

    Example:
        scores = fer_keras.evaluate_run("last", dataset, "test")
        scores = fer_keras.evaluate_run(run, dataset, "test")
        scores["accuracy"], scores["accuracy_ci95"]
        scores.to_frame()  # a row for each class
        scores.plot()
        fer_keras.evaluate_run("small", dataset, "test")
    """
    run = open_run(run)
    rows, trained, model = load_for_scoring(run, dataset, split)
    calibration = read_calibration(run)
    views = predict_views(model, rows.images, batch_size=batch_size, tta=tta)  # (n, classes) each
    y_prob = average_views(views)
    seen = find_seen_faces(run, trained, dataset, split)
    metrics = _collect_metrics(dataset, split, y_prob, tta, trained, seen)
    metrics["second_opinion"] = score_opinions(rows.labels, y_prob, dataset.classes, opinions) or None
    calibrated = None
    if calibration is not None:
        calibrated = average_views(views, calibration.temperature)  # (n, classes)
        unseen = None if seen.unknown else seen.unseen
        metrics["calibrated"] = score_calibrated(rows.labels, y_prob, calibrated, unseen, calibration)
    variant = report_suffix(tta, labels)
    with run.publish(run.evaluation(split, variant)) as stage:
        folder = stage.evaluation(split, variant)
        write_report(folder, run.path.resolve().name, rows, dataset.classes, y_prob, metrics, calibrated)
        _carry_robustness(run, run.evaluation(split, variant), folder, metrics)
    matrix = confusion(rows.labels, y_prob.argmax(axis=1), len(dataset.classes))
    return EvaluationResult(metrics, dataset.classes, matrix)


def _carry_robustness(run: RunFolder, earlier: Path, folder: Path, metrics: dict) -> None:
    with contextlib.suppress(ModelFileError):  # what was damaged is not carried into the new manifest
        run.check(*(earlier / name for name in ROBUSTNESS_FILES))
        carry_robustness(earlier, folder, metrics | {"model_sha256": file_sha256(run.model)})


def _collect_metrics(
    dataset: FaceDataset,
    split: str,
    y_prob: np.ndarray,
    tta: str,
    trained: dict,
    seen: SeenFaces,
) -> dict:
    return {
        "split": split,
        **score(dataset.splits[split].labels, y_prob, dataset.classes),
        "tta": tta,
        **describe_origin(dataset, split, trained),
        "date": now(),
        "deduplicated": _score_deduplicated(dataset, split, y_prob, seen),
        "copies_in_train": None if seen.unknown else _count_copies(seen),
        "calibrated": None,
    }


def _count_copies(seen: SeenFaces) -> dict[str, int]:
    return {"exact": int(seen.exact.sum()), "near": int((seen.near & ~seen.exact).sum())}


def _score_deduplicated(dataset: FaceDataset, split: str, y_prob: np.ndarray, seen: SeenFaces) -> dict:
    """Scores of the faces that training held no copy of; None where there is nothing to say, with the reason."""
    nothing = {"accuracy": None, "macro_f1": None, "per_class": None}
    if seen.unknown:
        return {"n": None, **nothing, "reason": seen.unknown}
    if split == "train":
        return {"n": None, **nothing}
    rows, unseen = dataset.splits[split], seen.unseen
    if not unseen.any():
        return {"n": 0, **nothing}
    scores = score(rows.labels[unseen], y_prob[unseen], dataset.classes)
    return {key: scores[key] for key in ("n", *nothing)}
