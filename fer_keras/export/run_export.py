"""Export of a finished run into its ``exports`` folder, every file proven against Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..atomic_files import write_json, write_text
from ..datasets.faces import FaceDataset
from ..errors import ModelFileError, RunFolderError
from ..runs.manifest import file_sha256
from ..runs.named_runs import open_run
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from .contract import CONTRACT_FILE, describe_files, make_contract
from .earlier_exports import PARITY, REPORT_VERSION, carry_over, find_kept, keep_or_drop
from .formats import FORMATS, LABELS, TABLE, check_classes, check_formats, find_function, labels_text
from .parity.checks import ExportChecks, ParityFaces, choose_faces
from .parity.compare import check_parity
from .parity.latency import measure_latency
from .parity.latency_worker import KERAS_CALLS
from .tflite.calibration import select_calibration_faces

if TYPE_CHECKING:
    import keras

    from ..evaluation.calibration.record import Calibration


def export_run(
    run: RunFolder | Path | str,
    formats: Sequence[str] = ("savedmodel", "tflite"),
    *,
    dataset: FaceDataset | None = None,
    images: np.ndarray | None = None,
    calibrate: bool = True,
    checks: ExportChecks | None = None,
) -> dict:
    """Export the model of a run and compare each file, as loaded from disk, with Keras.

    A file that is out of its tolerance, or that could not be written or loaded, is not kept; its entry in
    ``parity.json`` stays, with ``passed`` false and the reasons in ``failures``, and the
    other files are kept: call :func:`.require_parity` on ``exports`` to refuse the report. The
    whole ``exports`` folder is prepared aside and then takes the place of the old one, so that its files always belong
    together. Formats that were not asked for are kept as they are when the new ones are in place, those of an export
    that has ended meanwhile too.

    Probabilities are softmax(logits / temperature) with the temperature of the run's ``calibration.json``, which is
    fitted on the data set's validation split when there is none.

    Args:
        run: a finished run, or its path or name.
        formats: names from ``FORMATS``, or ``all``.
        dataset: faces of the run; needed for ``tflite_int8`` (calibrated on training faces) and ``tflite_dynamic``
            (judged by the accuracy).
        images: (n, 48, 48, 1) uint8 faces, or of the model's side, instead of a data set. Without both the comparison
            runs on random pixels, and the report says so.
        calibrate: False exports with temperature 1 and without a threshold.
        checks: how to prove the files.

    Returns:
        The content of ``parity.json``: ``format_version, model_sha256, temperature, keras_latency`` (compiled),
        ``keras_eager_latency`` and ``exports``, which maps each format to the entry of :func:`.check_parity` plus
        ``images`` (a split, ``given faces`` or ``random pixels``), ``kept``, ``latency`` and, for more splits, one
        entry by its name.

    Raises:
        InputError: unknown format, unusable images, or a package is missing.
        DataError: faces of other classes, of another size, or none for a format that needs them.
        ModelFileError: the model cannot be exported to any of the formats.
        RunFolderError: the run is damaged, cannot be written, or keeps exports that do not go with the new ones.

    Example:
        report = fer_keras.export_run("mine", ["tflite"], dataset=dataset)
        report["exports"]["tflite"]["top1_agreement"]
    """
    run, checks = open_run(run), checks or ExportChecks()
    names = check_formats(formats)
    classes, model = read_classes(run), _load_model(run)
    faces = choose_faces(names, dataset, images, checks, classes, model)
    calibration = _calibration(run, dataset) if calibrate else None
    sha256, size = file_sha256(run.model), model.input_shape[1]
    contract = make_contract(run.path.resolve().name, sha256, size, classes, calibration)
    identity = {"format_version": REPORT_VERSION, "model_sha256": sha256, "temperature": contract["temperature"]}
    find_kept(run, names, identity, contract["uncertain"])  # refuses before the work
    with run.workspace() as made:
        written = write_formats(model, contract, made, names, _calibration_faces(names, dataset))
        paths = {name: path for name, path in written.items() if isinstance(path, Path)}
        broken = {name: error for name, error in written.items() if isinstance(error, ModelFileError)}
        entries = _prove(run, model, paths, faces, checks, contract["temperature"], broken)
        keras = {f"{name}_latency": entries.pop(name, None) for name in KERAS_CALLS}
        for name, entry in entries.items():
            entry |= keep_or_drop(name, made / FORMATS[name], entry["passed"], checks.keep_failed)
        with run.publish(run.exports) as stage:
            stage.exports.rmdir()  # Windows renames to no folder that is there
            folder = made.rename(stage.exports)
            kept = carry_over(run, folder, names, identity, contract["uncertain"])
            present = {name: folder / FORMATS[name] for name in FORMATS if (folder / FORMATS[name]).exists()}
            write_json(folder / CONTRACT_FILE, contract | {"files": describe_files(present, size, len(classes))})
            report = {**identity, **keras, "exports": kept | entries}
            write_json(folder / PARITY, report)
    return report


def write_formats(
    model: keras.Model,
    contract: Mapping,
    folder: Path,
    names: Sequence[str],
    calibration_faces: np.ndarray | None = None,
) -> dict[str, Path | ModelFileError]:
    """Write ``labels.txt`` and a file or folder for each format.

    Args:
        model: float32, ends in logits.
        contract: see :func:`fer_keras.export.contract.make_contract`; holds classes and temperature.
        folder: where to.
        names: formats.
        calibration_faces: (m, S, S, 1) uint8, for ``tflite_int8``.

    Returns:
        For each format the path, or why the model cannot be exported to it.

    Raises:
        InputError: class names that do not fit, a package that is missing, or int8 without faces.
        ModelFileError: the model cannot be exported to any of the formats.
        RunFolderError: a file cannot be written.
    """
    from .model import check_model

    check_model(model)
    check_classes(contract["classes"], model.output_shape[-1])
    write_text(folder / LABELS, labels_text(contract["classes"]))
    found: dict[str, Path | ModelFileError] = {name: folder / FORMATS[name] for name in names}
    for name in names:
        try:
            find_function(TABLE[name].writer)(model, folder / FORMATS[name], contract, calibration_faces)
        except ModelFileError as error:
            found[name] = error
    failed = [error for error in found.values() if isinstance(error, ModelFileError)]
    if failed and len(failed) == len(found):
        raise failed[0]
    return found


def read_classes(run: RunFolder) -> tuple[str, ...]:
    """Return the class names from ``run.json``, in the order of the logits.

    Raises:
        RunFolderError: the file or its key ``classes`` is missing or unreadable.
    """
    try:
        return tuple(read_run_json(run)["classes"])
    except KeyError as error:
        raise RunFolderError(f"cannot read the class names from {run.run_json}") from error


def _load_model(run: RunFolder) -> keras.Model:
    from ..evaluation.prediction import load_run_model
    from .model import as_float32

    return as_float32(load_run_model(run))


def _calibration(run: RunFolder, dataset: FaceDataset | None) -> Calibration | None:
    from ..evaluation.calibration.calibrate import calibrate_run
    from ..evaluation.calibration.record import read_calibration

    found = read_calibration(run)
    return found if found or dataset is None else calibrate_run(run, dataset)


def _calibration_faces(names: Sequence[str], dataset: FaceDataset | None) -> np.ndarray | None:
    if dataset is None or "tflite_int8" not in names:
        return None
    return select_calibration_faces(dataset.splits["train"].images, dataset.splits["train"].labels)


def _prove(
    run,
    model,
    paths: dict[str, Path],
    faces: list[ParityFaces],
    checks: ExportChecks,
    temperature: float,
    broken: dict[str, ModelFileError],
) -> dict:
    """Entries by format; the first faces give the entry, further ones one below their name; and the calls of Keras."""
    entries: dict[str, dict] = {}
    for index, part in enumerate(faces):
        sound = {name: path for name, path in paths.items() if name not in broken}
        found = check_parity(
            *(model, sound, part.images),
            labels=part.labels,
            temperature=temperature,
            tolerances=checks.tolerances,
            broken=broken,
        )
        for name, entry in found.items():
            if index == 0:
                entries[name] = {"images": part.name, **entry}
            else:
                entries[name][part.name] = entry
                entries[name]["passed"] &= entry["passed"]
                entries[name]["failures"] += [f"{part.name}: {text}" for text in entry["failures"]]
    if checks.latency_seconds:
        sound = {name: path for name, path in paths.items() if name not in broken}
        latency = measure_latency(run, sound, model.input_shape[1], checks.latency_seconds)
        entries = {name: {**entry, "latency": latency.get(name)} for name, entry in entries.items()}
        entries |= {name: latency[name] for name in KERAS_CALLS}
    for name, error in broken.items():
        entries[name] = {"file": FORMATS[name], "images": faces[0].name, "passed": False, "failures": [str(error)]}
    return entries
