"""Start the child process that measures files, :mod:`fer_keras.export.latency.worker`, and read its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ...errors import FerKerasError
from ...runs.run_record import hardware

_WORKER_TIMEOUT = 1800  # seconds


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
        command = [sys.executable, "-m", "fer_keras.export.latency.worker", str(task), str(answer)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_WORKER_TIMEOUT)
        if done.returncode or not answer.is_file():
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise FerKerasError(f"the measurement failed: {reason[:300]}", hint="Export the run again")
        return json.loads(answer.read_text(encoding="utf-8"))
