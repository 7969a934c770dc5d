"""Latency, size and memory of every file of a run, in turns and in processes of their own.

Thread counts are fixed when a runtime starts, and peak memory belongs to a whole process, so the work is done by child
processes (:mod:`fer_keras.export.parity.latency_worker`): one per batch size and thread count, in which all files take
turns, and one per file for its peak memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..atomic_files import write_json
from ..emotions import FACE_SIZE
from ..errors import InputError
from ..export.formats import size_in_bytes
from ..export.parity.latency import Target
from ..export.parity.latency import run_worker as _work
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..runs.run_record import hardware, now, versions

# Format name to the file or folder below a run; the formats of a run that has no such file are left out. Keras is
# measured twice: compiled, which is the reference, and as ``keras_eager``.
FILES = {
    "keras": "model.keras",
    "savedmodel": "exports/savedmodel",
    "tflite_float32": "exports/model_float32.tflite",
    "tflite_float16": "exports/model_float16.tflite",
    "tflite_dynamic": "exports/model_dynamic.tflite",
    "tflite_int8": "exports/model_int8.tflite",
    "onnx": "exports/model.onnx",
}
ALL_THREADS = 0
RESULT = "benchmark.json"


def benchmark_runs(
    runs: Sequence[RunFolder],
    *,
    batches: Sequence[int] = (1, 32),
    threads: Sequence[int] = (1, ALL_THREADS),
    seconds: float = 3.0,
    on_stage: Callable[[str], None] = lambda text: None,
) -> dict:
    """Measure every file of the runs and write each run's rows to its ``benchmark.json``.

    Args:
        runs: finished runs; their exports take part when they are there.
        batches: faces per call.
        threads: CPU threads; ``ALL_THREADS`` (0) is every usable core.
        seconds: measuring time per file, batch size and thread count, after warm-up.
        on_stage: told what is measured next.

    Returns:
        ``hardware``, ``versions``, ``date``, ``seconds`` and ``rows``, one per file, batch size and thread count:
        ``run``, ``format``, ``batch``, ``threads``, ``calls``, ``median_ms`` and ``p90_ms`` per call,
        ``faces_per_second`` (from the median), ``bytes`` and ``peak_memory_mb`` (of a process that loads this file
        only and runs the largest batch).

    Raises:
        InputError: no run, a run given twice, or a batch, thread count or time that makes no sense.
        FerKerasError: a file cannot be loaded or run.
    """
    _check(runs, batches, threads, seconds)
    targets = [target for run in runs for target in find_targets(run)]
    memory = {}
    for target in targets:
        on_stage(f"peak memory: {target.run} {target.format}")
        memory[target] = _work("memory", [target], max(batches), ALL_THREADS, seconds)[0]
    rows = []
    for batch in batches:
        for count in threads:
            on_stage(f"latency: batch {batch}, {'all' if count == ALL_THREADS else count} threads")
            times = _work("time", targets, batch, count, seconds)
            rows += [_row(t, batch, count, column, memory[t]) for t, column in zip(targets, times, strict=True)]
    report = {"hardware": hardware([]), "versions": versions(), "date": now(), "seconds": seconds}
    for run in runs:
        own = [row for row in rows if row["run"] == run.path.name]
        with run.publish() as stage:
            result = {**report, "alternating_with": sorted({r["run"] for r in rows}), "rows": own}
            write_json(stage.path / RESULT, result)
    return {**report, "rows": rows}


def find_targets(run: RunFolder) -> list[Target]:
    """Return the files of a run that can be measured; ONNX only where ONNX Runtime is installed.

    Raises:
        ModelFileError: an export was changed or damaged.
    """
    run.check(run.exports)
    record = read_run_json(run)
    size = record.get("image_size", FACE_SIZE)
    found = [name for name, file in FILES.items() if (run.path / file).exists()]
    if "onnx" in found and not _has_onnx_runtime():
        found.remove("onnx")
    places = {name: str(run.path / FILES[name]) for name in found}
    calls = {"keras": places.pop("keras"), "keras_eager": str(run.model)} if "keras" in places else {}
    return [Target(run.path.name, name, place, size) for name, place in (calls | places).items()]


def _has_onnx_runtime() -> bool:
    import importlib.util

    return importlib.util.find_spec("onnxruntime") is not None


def _check(runs: Sequence[RunFolder], batches: Sequence[int], threads: Sequence[int], seconds: float) -> None:
    names = [run.path.name for run in runs]
    if not names or len(set(names)) < len(names):
        raise InputError("give one or more runs with different names", received=", ".join(names) or "none")
    if min(batches, default=0) < 1 or max(batches) > 4096:
        raise InputError("a batch size makes no sense", allowed="1 to 4096", received=list(batches))
    if min(threads, default=-1) < 0:
        raise InputError("a number of threads makes no sense", allowed="0 (all) or more", received=list(threads))
    if not 0.05 <= seconds <= 600:
        raise InputError("the measuring time makes no sense", allowed="0.05 to 600 seconds", received=seconds)


def _row(target: Target, batch: int, threads: int, times: list[float], memory: float) -> dict:
    median, p90 = np.percentile(times, [50, 90])
    return {
        "run": target.run,
        "format": target.format,
        "batch": batch,
        "threads": threads,
        "calls": len(times),
        "median_ms": round(1000 * float(median), 4),
        "p90_ms": round(1000 * float(p90), 4),
        "faces_per_second": round(batch / float(median), 1),
        "bytes": size_in_bytes(Path(target.path)),
        "peak_memory_mb": round(memory, 1),
    }
