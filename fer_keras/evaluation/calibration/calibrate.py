"""Calibration of a finished run: one temperature, one threshold, and how they were found. No TensorFlow at import."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import get_args

import numpy as np

from ...atomic_files import write_json
from ...datasets.faces import FaceDataset, Split
from ...errors import DataError
from ...metrics.reliability import confidence_and_correct
from ...metrics.scores import softmax
from ...metrics.selective import CONFIDENCE_LEVEL, DEFAULT_TARGET, check_target, choose_threshold, coverage_curve
from ...metrics.temperature import FittedTemperature, fit_temperature
from ...runs.manifest import file_sha256
from ...runs.records import read_run_json
from ...runs.run_folder import RunFolder
from ...runs.run_record import now
from ..prediction import check_choice, check_class_names, check_outputs, load_run_model, predict_views
from ..seen_faces import find_seen_faces
from .record import Calibration, CalibrationScores, Targets
from .report import calibration_scores, write_calibration_report

PICTURES = "calibration"
SPLIT = "validation"


def calibrate_run(
    run: RunFolder,
    dataset: FaceDataset,
    *,
    target_precision: float = DEFAULT_TARGET,
    targets: Targets = "hard",
    batch_size: int = 256,
) -> Calibration:
    """Fit temperature and threshold on the validation split and write them into the run.

    Faces that training holds an exact or near copy of are left out: a network is surer of them and more often right
    than of new faces, which is what the numbers are for. Views are single: no test-time augmentation. Writes
    ``calibration/`` (reliability.png, coverage.png, coverage.csv) and ``calibration.json``, then renews the manifest.

    Args:
        run: a finished run, opened and verified by the caller.
        dataset: its classes are those of the run, in the same order.
        target_precision: share of right answers wanted among the faces that are not ``uncertain``, see
            :func:`fer_keras.metrics.selective.choose_threshold`.
        targets: ``hard`` fits to the label, so that confidence is the chance of being right; ``soft`` to the
            distributions of the data set (FER+ votes), so that it is the share of votes. Threshold and scores go by
            the label in either case.
        batch_size: faces per step; no influence beyond rounding.

    Raises:
        InputError: target precision, targets or batch size out of range.
        DataError: other classes or faces than the model's, no usable validation face, or no soft labels.
        ModelFileError: the model cannot be loaded or puts out no finite numbers.
        RunFolderError: damaged ``run.json``, or the folder cannot be written.
    """
    check_choice("targets", targets, get_args(Targets))
    check_target(target_precision)
    check_class_names(read_run_json(run).get("classes"), dataset)
    rows, doubts = _unseen(run, dataset)
    labels = _fit_labels(rows, targets, dataset.name)
    model = load_run_model(run)
    check_outputs(model, dataset)
    (logits,) = predict_views(model, rows.images, batch_size=batch_size)
    logits = logits.astype(np.float64)  # (n, classes)
    fitted = fit_temperature(logits, labels)
    found = _calibrate(run, dataset, rows, logits, fitted, target_precision, targets)
    found = replace(found, notices=(*found.notices, *doubts))
    _write(run, found, rows, logits)
    return found


def _unseen(run: RunFolder, dataset: FaceDataset) -> tuple[Split, tuple[str, ...]]:
    """The faces to fit on, and what must be said of them."""
    rows = dataset.splits[SPLIT]
    if len(rows) == 0:
        raise DataError(f"the {SPLIT} split of {dataset.name} is empty", hint="A calibration needs validation faces")
    seen = find_seen_faces(run, read_run_json(run), dataset, SPLIT)
    if not seen.unseen.any():
        raise DataError(f"every {SPLIT} face of {dataset.name} has a copy in training", hint="Use data without leaks")
    doubt = f"{seen.unknown}; a network is surer of faces that it was trained on, and of their copies"
    return rows.take(seen.unseen), (doubt,) if seen.unknown else ()


def _fit_labels(rows: Split, targets: str, name: str) -> np.ndarray:
    if targets == "hard":
        return rows.labels
    if rows.soft_labels is None:
        raise DataError(
            f"{name} has no soft labels", hint="Use --targets hard, or a recipe with data.ferplus_mode=distribution"
        )
    return rows.soft_labels


def _calibrate(
    run: RunFolder,
    dataset: FaceDataset,
    rows: Split,
    logits: np.ndarray,
    fitted: FittedTemperature,
    target: float,
    targets: Targets,
) -> Calibration:
    before, after = softmax(logits), softmax(logits / fitted.temperature)  # (n, classes) each
    curve = coverage_curve(*confidence_and_correct(rows.labels, after))
    place = choose_threshold(curve, target)
    return Calibration(
        temperature=fitted.temperature,
        threshold=_value(curve.thresholds, place),
        coverage=_value(curve.coverage, place),
        precision=_value(curve.precision, place),
        precision_low=_value(curve.precision_low, place),
        target_precision=target,
        confidence_level=CONFIDENCE_LEVEL,
        n=len(rows),
        split=SPLIT,
        targets=targets,
        at_bound=fitted.at_bound,
        before=CalibrationScores(**calibration_scores(rows.labels, before)),
        after=CalibrationScores(**calibration_scores(rows.labels, after)),
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        model_sha256=file_sha256(run.model),
        date=now(),
        copies_left_out=len(dataset.splits[SPLIT]) - len(rows),
        notices=(*dataset.notices, *_bound_notice(fitted, logits, rows.labels)),
    )


def _value(column: np.ndarray, place: int | None) -> float | None:
    return None if place is None else float(column[place])


def _bound_notice(fitted: FittedTemperature, logits: np.ndarray, labels: np.ndarray) -> list[str]:
    """What a temperature at a bound means: sharpened without end, the logits are all right, or all next to nothing."""
    if not fitted.at_bound:
        return []
    right = float((logits.argmax(axis=1) == labels).mean())
    if fitted.temperature > 1:
        what = "the logits hardly know the classes"
    elif right == 1:
        what = "the logits are right about every face"
    else:
        spread = float(np.ptp(logits, axis=1).mean())
        what = (
            f"the logits of a face differ by {spread:.2g} on average and are right about {right:.1%} of the faces: "
            "the network has hardly been trained, and no temperature makes it sure"
        )
    return [f"The temperature {fitted.temperature:.3g} is at a bound of the search: {what}."]


def _write(run: RunFolder, found: Calibration, rows: Split, logits: np.ndarray) -> None:
    title = "\n".join([f"Calibration of {run.path.resolve().name}", _faces(found), *found.notices])
    before, after = softmax(logits), softmax(logits / found.temperature)  # (n, classes) each
    with run.publish(run.path / PICTURES) as stage:
        write_calibration_report(
            stage.path / PICTURES,
            title,
            rows.labels,
            before,
            after,
            temperature=found.temperature,
            target=found.target_precision,
            threshold=found.threshold,
        )
        write_json(stage.calibration, asdict(found))


def _faces(found: Calibration) -> str:
    without = f" ({found.copies_left_out:,} copies of training faces left out)" if found.copies_left_out else ""
    return f"{found.dataset} {found.split}, which chose the epoch too, n = {found.n:,}{without}"
