"""The training step of ``scratch_cnn``: Keras as this package trains it, against the same network in PyTorch.

    pip install torch
    python benchmarks/step_vs_pytorch.py [--recipe scratch_cnn] [--batch-size 64] [--rounds 20] [--steps 10] [--json]

Three child processes, kept alive, take turns of a few steps each: Keras (one ``fit`` of the model that training
prepares), PyTorch with its usual order of axes and PyTorch with channels last. They share no thread pool, and other
load on the machine strikes all alike. All start from the same weights (the package's PyTorch export), train on the same
batch with AdamW, cosine schedule and dropout of the recipe, and read loss and accuracy after each step. PyTorch runs
eagerly with its fused optimizer. Augmentation is not part of it. Medians over the rounds, after a warm-up; the
processor time of PyTorch holds the time that its threads wait for each other, so it compares with --threads 1 only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fer_keras.emotions import FER7
from fer_keras.recipe.named_recipes import resolve_recipe
from fer_keras.recipe.recipe import Recipe
from fer_keras.runs.run_record import hardware, now, versions

KINDS = ("keras", "nchw", "channels_last")
TRAINING_FACES = 28_709
CHILD = Path(__file__).with_name("step_child.py")


class Child:
    """One process that trains when told to."""

    def __init__(self, kind: str, task: Path, threads: int):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(task), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def train(self, steps: int) -> dict:
        """Order steps and wait for them; returns ``wall``, ``processor`` (seconds) and ``loss``."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{' '.join(self.process.args[1:])} ended with code {self.process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def write_task(recipe: Recipe, threads: int, folder: Path) -> Path:
    """Write what the children need: the recipe, and the same weights for both frameworks."""
    from fer_keras.export.torch_file import export_torch
    from fer_keras.models import build_model

    model = build_model(recipe.model, len(FER7), 48)
    np.savez(folder / "start.npz", *model.get_weights())
    export_torch(model, FER7, folder / "model_torch.pth")
    task = {
        "recipe": recipe.model_dump(mode="json"),
        "batch": recipe.train.batch_size,
        "faces": TRAINING_FACES,
        "side": 48,
        "classes": len(FER7),
        "threads": threads,
        "weights": str(folder / "start.npz"),
        "torch_model": str(folder / "model_torch.pth"),
    }
    path = folder / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    return path


def measure(task: Path, threads: int, rounds: int, steps: int, warm_up: int) -> dict[str, list[dict]]:
    """Answers of each child by kind, one per round; each round begins with another child."""
    answers: dict[str, list[dict]] = {kind: [] for kind in KINDS}
    with contextlib.ExitStack() as stack:
        children = {kind: Child(kind, task, threads) for kind in KINDS}
        for child in children.values():
            stack.callback(child.close)
        for child in children.values():
            child.train(warm_up)
        for number in range(rounds):
            for place in range(len(KINDS)):
                kind = KINDS[(number + place) % len(KINDS)]
                answers[kind].append(children[kind].train(steps))
    return answers


def summarise(answers: dict[str, list[dict]], batch: int, steps: int) -> dict:
    """Medians per kind, and how the speed of Keras stands to that of PyTorch's better format."""
    kinds = {}
    for kind, rows in answers.items():
        wall = np.array([row["wall"] for row in rows]) / steps
        processor = np.array([row["processor"] for row in rows]) / steps
        kinds[kind] = {
            "step_ms": 1000 * float(np.median(wall)),
            "step_ms_p10_p90": [1000 * float(value) for value in np.percentile(wall, (10, 90))],
            "processor_ms": 1000 * float(np.median(processor)),
            "images_per_second": batch / float(np.median(wall)),
            "mean_loss": rows[-1]["loss"],
        }
    better = min(("nchw", "channels_last"), key=lambda kind: kinds[kind]["step_ms"])
    ratios = [
        theirs["wall"] / ours["wall"] for ours, theirs in zip(answers["keras"], answers[better], strict=True)
    ]  # of turns that follow each other
    return {
        "kinds": kinds,
        "better_format": better,
        "speed_ratio": kinds[better]["step_ms"] / kinds["keras"]["step_ms"],
        "speed_ratio_of_rounds_p10_p50_p90": [float(value) for value in np.percentile(ratios, (10, 50, 90))],
        "processor_ratio": kinds[better]["processor_ms"] / kinds["keras"]["processor_ms"],
    }


def print_report(report: dict) -> None:
    print(f"{report['recipe']}, batch {report['batch']}, {report['threads']} threads, {report['hardware']['cpu']}")
    print(f"{'':<24}{'ms a step':>10}{'10 to 90 %':>18}{'processor ms':>14}{'images/s':>10}")
    for kind, row in report["kinds"].items():
        name = "Keras on TensorFlow" if kind == "keras" else f"PyTorch {kind}"
        spread = "{:.0f} to {:.0f}".format(*row["step_ms_p10_p90"])
        cells = f"{row['step_ms']:>10.1f}{spread:>18}{row['processor_ms']:>14.1f}{row['images_per_second']:>10.1f}"
        print(f"{name:<24}{cells}")
    low, middle, high = report["speed_ratio_of_rounds_p10_p50_p90"]
    print(f"Keras : PyTorch {report['better_format']} = {report['speed_ratio']:.3f} in speed (above 1: Keras leads)")
    print(f"of rounds: median {middle:.3f}, 10 to 90 % {low:.3f} to {high:.3f}; ratio of processor times", end=" ")
    print(f"{report['processor_ratio']:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="scratch_cnn", help="of a network that the PyTorch export maps")
    parser.add_argument("--batch-size", type=int, help="default: the recipe's")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="steps per turn")
    parser.add_argument("--warm-up", type=int, default=10, metavar="STEPS")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    overrides = (f"train.batch_size={options.batch_size}",) if options.batch_size else ()
    recipe = resolve_recipe(None, options.recipe, overrides)
    with tempfile.TemporaryDirectory() as folder:
        task = write_task(recipe, options.threads, Path(folder))
        answers = measure(task, options.threads, options.rounds, options.steps, options.warm_up)
    import torch

    report = {
        "recipe": options.recipe,
        "batch": recipe.train.batch_size,
        "threads": options.threads,
        "rounds": options.rounds,
        "steps": options.steps,
        **summarise(answers, recipe.train.batch_size, options.steps),
        "hardware": hardware([]),
        "versions": {**versions(), "torch": torch.__version__},
        "date": now(),
    }
    print(json.dumps(report, indent=2)) if options.json else print_report(report)


if __name__ == "__main__":
    main()
