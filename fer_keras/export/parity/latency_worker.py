"""The child process that measures files: ``python -m fer_keras.export.parity.latency_worker TASK.json ANSWER.json``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Compiled is the reference; an eager call is what a notebook does, several times slower, and a line of its own.
KERAS_CALLS = ("keras", "keras_eager")
WARM_UP, MIN_CALLS, MAX_CALLS = 5, 20, 5000

Call = Callable[[], np.ndarray]


def take_turns(calls: list[Call], seconds: float) -> list[list[float]]:
    """Return the seconds of each call of each file; every round calls all of them, beginning with another one.

    Args:
        calls: one per file.
        seconds: measuring time per file; at least ``MIN_CALLS`` rounds are made.
    """
    for _ in range(WARM_UP):
        for call in calls:
            call()
    times: list[list[float]] = [[] for _ in calls]
    stop = time.perf_counter() + seconds * len(calls)
    for round_ in range(MAX_CALLS):
        if round_ >= MIN_CALLS and time.perf_counter() > stop:
            break
        for step in range(len(calls)):
            index = (step + round_) % len(calls)
            start = time.perf_counter()
            calls[index]()
            times[index].append(time.perf_counter() - start)
    return times


def peak_memory_mb(call: Call) -> float:
    """Return the peak resident memory of this process in MB (10**6 bytes) after a few calls."""
    for _ in range(WARM_UP):
        call()
    try:  # not ru_maxrss where there is a choice: on Linux a child inherits its parent's peak through fork and exec
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def make_call(target: dict, batch: int, threads: int) -> Call:
    """Load a file and return a call that scores one fixed batch, images in and probabilities or logits out."""
    shape = (batch, target["image_size"], target["image_size"], 1)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
    if target["format"] in KERAS_CALLS:
        return _keras_call(target["path"], images, compiled=target["format"] == "keras")
    from ..exported_model import load_exported

    # Who asks has checked the exports against the manifest of the run: also those of earlier versions.
    exported = load_exported(target["path"], threads=threads, trust=True)
    return lambda: exported(images)


def _keras_call(path: str, images: np.ndarray, *, compiled: bool) -> Call:
    """Compiled as a program would use it: a ``tf.function``, with another backend ``predict_on_batch``; or eager."""
    import keras

    from ...evaluation.prediction import load_run_model
    from ...runs.run_folder import RunFolder

    model = load_run_model(RunFolder(Path(path).parent))
    if not compiled:
        return lambda: keras.ops.convert_to_numpy(model(images, training=False))
    if keras.backend.backend() != "tensorflow":
        return lambda: model.predict_on_batch(images)
    import tensorflow as tf

    function = tf.function(lambda faces: model(faces, training=False), autograph=False)
    return lambda: function(tf.constant(images)).numpy()


def _limit_tensorflow(threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1 if threads == 1 else 2)


def work(task: dict) -> list:
    """Do one task and return what :func:`fer_keras.benchmark.latency.benchmark_runs` asked for."""
    if any(target["format"] in (*KERAS_CALLS, "savedmodel") for target in task["targets"]):
        _limit_tensorflow(task["threads"])
    calls = [make_call(target, task["batch"], task["threads"]) for target in task["targets"]]
    if task["mode"] == "memory":
        return [peak_memory_mb(call) for call in calls]
    return take_turns(calls, task["seconds"])


if __name__ == "__main__":
    answer = work(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
