"""``run.json``: what a run was made of and made with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from ..threads import usable_cores
from .manifest import file_sha256
from .records import read_metrics
from .run_folder import RunFolder

# What a run is made with; results that lie beside it do not count.
_CODE = (":(top)fer_keras", ":(top)cli", ":(top)configs")
PACKAGES = ("fer_keras", "keras", "tensorflow", "jax", "numpy", "tensorflow_datasets")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result, as far as installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor_name() -> str:
    """Model name of the CPU, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def hardware(gpus: list[str]) -> dict:
    """CPU, usable cores, memory in GiB and the accelerators that Keras' backend sees."""
    try:
        memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        memory = None
    return {"cpu": processor_name(), "cores": usable_cores(), "memory_gib": memory, "gpus": gpus}


def git_commit() -> str | None:
    """Commit of the checkout that this package runs from, ``...-dirty`` if its code is not that of the commit.

    None for an installed wheel.
    """
    try:
        if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
            return None
        commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", *_CODE)
    except (OSError, subprocess.SubprocessError):
        return None
    return commit and f"{commit}-dirty" if changes else commit


def _git(*words: str) -> str | None:
    """What git prints for the folder of this file; None if it fails."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    return done.stdout.strip() if done.returncode == 0 else None


def describe_source(run: RunFolder, record: dict) -> dict:
    """What another run keeps of one that it is made from: name, network, seed, sha256, accuracy on validation.

    Args:
        run: a finished run.
        record: content of its ``run.json``.

    Raises:
        RunFolderError, ModelFileError: its evaluation on validation was changed or damaged.
    """
    scores = run.evaluation("validation")
    accuracy = read_metrics(run, scores).accuracy if (scores / "metrics.json").is_file() else None
    return {
        "run": run.path.resolve().name,
        "model": record.get("model"),
        "seed": record.get("seed"),
        "model_sha256": file_sha256(run.model),
        "validation_accuracy": accuracy,
    }


def now() -> str:
    """UTC time, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
