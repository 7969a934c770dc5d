"""Latency of one face in every exported file and in Keras, in turns, in one process with one thread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...runs.run_folder import RunFolder
from .process import Target, run_worker

# The worker knows how to load these; a PyTorch state dict has no network of its own.
_NOT_MEASURED = {"torch"}


def measure_latency(run: RunFolder, exports: Mapping[str, Path], image_size: int, seconds: float) -> dict[str, dict]:
    """Time calls with one face, images in memory to probabilities, after warm-up.

    The files and the Keras call take turns, each round beginning with another one, so that a busy machine slows all of
    them alike: the ratio says more than the milliseconds.

    Args:
        run: whose ``model.keras`` is the reference, called with ``training=False``.
        exports: format name to file or folder.
        image_size: side of the faces in pixels.
        seconds: measuring time per file.

    Returns:
        For ``keras`` and each format but ``torch``: ``p50_ms, p90_ms, calls, relative_to_keras`` (p50).

    Raises:
        FerKerasError: a file cannot be loaded or run.
    """
    paths = {"keras": run.model} | {name: path for name, path in exports.items() if name not in _NOT_MEASURED}
    targets = [Target(run.path.name, name, str(path), image_size) for name, path in paths.items()]
    times = dict(zip(paths, run_worker("time", targets, 1, 1, seconds), strict=True))
    reference = float(np.median(times["keras"]))
    return {name: _summary(column, reference) for name, column in times.items()}


def _summary(times: list[float], reference: float) -> dict:
    p50, p90 = (float(value) for value in np.percentile(times, [50, 90]))
    return {
        "p50_ms": round(1000 * p50, 4),
        "p90_ms": round(1000 * p90, 4),
        "calls": len(times),
        "relative_to_keras": round(p50 / reference, 4),
    }
