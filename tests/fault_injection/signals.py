"""Interrupt a training by a signal at a random moment, resume it, and compare its weights with an undisturbed one's.

    python tests/fault_injection/signals.py --tries 50        each of four signals; about 10 s a try
    python tests/fault_injection/signals.py --tries 5 --seed 1 --only SIGINT

The signal comes up to a quarter of a second after a step that is drawn, so within steps, validation and the writing of
checkpoints. A try survives when the resumed run has the weights of the undisturbed one, bit for bit. A run that was
finished before its signal came counts as undisturbed. Needs a system with fork.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from all_points import in_child
from jobs import DATASET

from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training import checkpoints
from fer_keras.training.callbacks import Observer

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
EPOCHS, BATCH = 6, 5
RECIPE = make_recipe(
    {
        "model": {"name": "cnn_small", "filters": [8, 8, 8], "stem": 8, "dropout": 0.3},
        "augmentation": {"rotation_range": 10.0, "crop": 0.83, "mixup": 0.2, "random_erasing": 0.3},
        "train": {"epochs": EPOCHS, "batch_size": BATCH, "optimizer": "muon", "deterministic": True, "ema": 0.9},
    }
)
STEPS = EPOCHS * -(-len(DATASET.splits["train"].labels) // BATCH)


class Interrupt(Observer):
    """Sends this process a signal some time after a step."""

    def __init__(self, number: int, step: int, delay: float):
        self.number, self.step, self.delay, self.done = number, step, delay, 0

    def on_step(self, epoch, step, steps, logs):
        self.done += 1
        if self.done == self.step:
            threading.Timer(self.delay, os.kill, (os.getpid(), self.number)).start()


def train_here(path: Path, observer: Observer | None = None) -> int:
    """Train or go on in this process; 0 when the run is finished."""
    from fer_keras.training.train import train

    checkpoints.CHECKPOINT_SECONDS = 0.05  # so that a kill finds checkpoints within epochs as well
    return 0 if train(RECIPE, DATASET, RunFolder(path), observer=observer).finished else 3


def weights_of(path: Path) -> list[np.ndarray]:
    """The weights of the run, read without TensorFlow."""
    import zipfile

    import h5py

    found = []
    with (
        zipfile.ZipFile(RunFolder(path).model) as archive,
        archive.open("model.weights.h5") as stream,
        h5py.File(stream, "r") as file,
    ):
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def try_signal(name: str, draw: random.Random, undisturbed: list[np.ndarray], folder: Path) -> str:
    """Interrupt once; empty when everything survived, else what did not."""
    number, step, delay = getattr(signal, name), draw.randint(1, STEPS), draw.uniform(0, 0.25)
    where, run = f"{name} {delay * 1000:.0f} ms after step {step}", folder / "run"
    code, text = in_child(lambda: train_here(run, Interrupt(number, step, delay)))
    if code not in (0, 3, -number):
        return f"{where}: {text or f'exit code {code}'}"
    for _ in range(0 if code == 0 and run.exists() else 2):
        code, text = in_child(lambda: train_here(run))
        if code == 0:
            break
    if code:
        return f"{where}, resumed: {text or f'exit code {code}'}"
    RunFolder.open(run).verify()
    same = all(map(np.array_equal, weights_of(run), undisturbed))
    return "" if same else f"{where}: other weights"


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns how many tries did not survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=50, help="For each signal.")
    parser.add_argument("--seed", type=int, default=0, help="Of the steps and moments.")
    parser.add_argument("--only", choices=SIGNALS, action="append")
    options = parser.parse_args(arguments)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="signals-") as place:
        code, text = in_child(lambda: train_here(Path(place) / "undisturbed"))
        if code:
            raise SystemExit(f"the training fails by itself: {text}")
        undisturbed = weights_of(Path(place) / "undisturbed")
        for name in options.only or SIGNALS:
            draw, survived = random.Random(f"{name} {options.seed}"), 0
            for _ in range(options.tries):
                with tempfile.TemporaryDirectory(dir=place) as folder:
                    problem = try_signal(name, draw, undisturbed, Path(folder))
                survived += not problem
                if problem:
                    print(problem, file=sys.stderr, flush=True)
            bad += options.tries - survived
            print(f"| {name} | {survived} of {options.tries} |", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
