"""Reports on the files of a run's ``exports`` that are made on request."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from ...atomic_files import write_json
from ...errors import InputError
from ...runs.run_folder import RunFolder
from ..earlier_exports import PARITY, read_report
from ..formats import FORMATS, TFLITE_KINDS
from ..tflite.edgetpu import edgetpu_report
from ..tflite.metadata import read_tflite
from .divergence import LIMITS, compare_operators, find_divergence

_FACES = 8


def int8_report(run: RunFolder) -> dict:
    """Check the int8 file for the Edge TPU, and write the result into ``parity.json`` as ``edgetpu``.

    Raises:
        InputError: the run has no int8 file.
        ModelFileError: the file is damaged.
    """
    entry = read_report(run)["exports"].get("tflite_int8", {})
    path = run.exports / entry.get("file", FORMATS["tflite_int8"])
    run.check(path)
    if not path.is_file():
        raise InputError(f"{run.path} has no int8 file to check", hint="Export with --format tflite_int8")
    found = edgetpu_report(read_tflite(path))
    _add(run, {"tflite_int8": {"edgetpu": found}})
    return found


def divergence_report(run: RunFolder, images: np.ndarray) -> dict[str, dict]:
    """Compare the operators of every TFLite file with the model, see :mod:`fer_keras.export.parity.divergence`.

    Failed files that were kept take part. The result is written into ``parity.json`` as ``divergence``.

    Args:
        run: with exports.
        images: (n, S, S, 1) uint8; 8 of them are used.

    Returns:
        By format: ``first`` (the first operator above ``limit``, or None), ``limit``, ``worst`` and ``compared``
        (operators with a counterpart).

    Raises:
        ModelFileError: a file is damaged or of another model.
    """
    from ...evaluation.prediction import load_run_model
    from ..model import as_float32

    model = as_float32(load_run_model(run))
    faces = images[np.linspace(0, len(images) - 1, min(_FACES, len(images))).round().astype(int)]
    results = {}
    report = read_report(run)
    run.check(run.exports)
    for name, entry in report["exports"].items():
        if name not in TFLITE_KINDS or not (run.exports / entry["file"]).is_file():
            continue
        kind = TFLITE_KINDS[name]
        content, temperature = read_tflite(run.exports / entry["file"]), report["temperature"]
        rows = compare_operators(content, model, faces, kind=kind, temperature=temperature)
        first, worst = find_divergence(rows, LIMITS[kind]), max(rows, key=lambda row: row.relative_error)
        parts = {"first": first and asdict(first), "limit": LIMITS[kind], "worst": asdict(worst), "compared": len(rows)}
        results[name] = parts
    _add(run, {name: {"divergence": parts} for name, parts in results.items()})
    return results


def _add(run: RunFolder, additions: dict[str, dict]) -> None:
    with run.publish() as stage:
        report = read_report(run)
        for name, addition in additions.items():
            report["exports"].setdefault(name, {}).update(addition)
        write_json(stage.exports / PARITY, report)
