"""Latency of exported files and of Keras, measured by a child process, :mod:`fer_keras.export.parity.latency_worker`.

Thread counts are fixed when a runtime starts, so each measurement has a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ...errors import FerKerasError
from ...runs.run_folder import RunFolder
from ...runs.run_record import hardware
from .latency_worker import KERAS_CALLS

_WORKER_TIMEOUT = 1800  # seconds
# The worker knows how to load the others; a PyTorch state dict has no network of its own.
_NOT_MEASURED = {"torch"}


@dataclass(frozen=True)
class Target:
    """One file to measure.

    Attributes:
        run: name of the run folder.
        format: key of ``FILES``.
        path: the file or folder.
        image_size: side of its input in pixels.
    """

    run: str
    format: str
    path: str
    image_size: int


def measure_latency(run: RunFolder, exports: Mapping[str, Path], image_size: int, seconds: float) -> dict[str, dict]:
    """Time calls with one face and one thread, images in memory to probabilities, after warm-up.

    The files and both Keras calls take turns, each round beginning with another one, so that a busy machine slows all
    of them alike: the ratio says more than the milliseconds.

    Args:
        run: whose ``model.keras`` is the reference, compiled (``tf.function``) and with ``training=False``.
        exports: format name to file or folder.
        image_size: side of the faces in pixels.
        seconds: measuring time per file.

    Returns:
        For ``keras`` (compiled), ``keras_eager`` and each format but ``torch``: ``p50_ms, p90_ms, calls,
        relative_to_keras`` (p50, to the compiled call) and ``reference``, ``compiled``. Files of earlier versions have
        no such key: their reference was the eager call.

    Raises:
        FerKerasError: a file cannot be loaded or run.
    """
    paths = dict.fromkeys(KERAS_CALLS, run.model) | {
        name: path for name, path in exports.items() if name not in _NOT_MEASURED
    }
    targets = [Target(run.path.name, name, str(path), image_size) for name, path in paths.items()]
    times = dict(zip(paths, run_worker("time", targets, 1, 1, seconds), strict=True))
    reference = float(np.median(times["keras"]))
    return {name: _summary(column, reference) for name, column in times.items()}


def run_worker(mode: str, targets: Sequence[Target], batch: int, threads: int, seconds: float) -> list:
    """Run the worker and return its answer: per target a list of seconds, or its peak memory in MB.

    Args:
        mode: ``time`` or ``memory``.
        targets: files that take turns in the one process.
        batch: faces per call.
        threads: CPU threads of every runtime; 0 is every usable core.
        seconds: measuring time per file.

    Raises:
        FerKerasError: a file cannot be loaded or run.
    """
    threads = threads or hardware([])["cores"]
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.json", Path(folder) / "answer.json"
        work = {"mode": mode, "batch": batch, "threads": threads, "seconds": seconds}
        task.write_text(json.dumps({**work, "targets": [asdict(target) for target in targets]}), encoding="utf-8")
        command = [sys.executable, "-m", "fer_keras.export.parity.latency_worker", str(task), str(answer)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_WORKER_TIMEOUT)
        if done.returncode or not answer.is_file():
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise FerKerasError(f"the measurement failed: {reason[:300]}", hint="Export the run again")
        return json.loads(answer.read_text(encoding="utf-8"))


def _summary(times: list[float], reference: float) -> dict:
    p50, p90 = (float(value) for value in np.percentile(times, [50, 90]))
    return {
        "p50_ms": round(1000 * p50, 4),
        "p90_ms": round(1000 * p90, 4),
        "calls": len(times),
        "relative_to_keras": round(p50 / reference, 4),
        "reference": "compiled",
    }
