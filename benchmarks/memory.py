"""Memory of preparing, checking, training on and scoring colour photographs, for several numbers of them.

    python benchmarks/memory.py 5000 20000 [--image-size 224] [--folder /tmp/photographs] [--json]

Photographs are drawn (smooth fields of colour, JPEG) into a folder of five classes and removed afterwards. Each stage
is a process of its own, which looks at its own anonymous memory (RssAnon, Linux) every 20 ms: pages of mapped files are
not counted, since the system takes them back when it needs them. Training stops after a few steps and then scores the
whole validation split; scoring predicts the test split with flip TTA.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, STEPS = ("anger", "happiness", "neutral", "sad", "surprise"), 20
STAGES = ("prepare", "train", "evaluate")


def draw_photographs(folder: Path, n: int, side: int) -> None:
    """Write ``n`` colour JPEGs into class folders, no two alike."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for i in range(n):
        coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        path = folder / CLASSES[i % len(CLASSES)] / f"{i}.jpg"
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(path, quality=85)


class Watch:
    """The largest RssAnon of this process in MB, by phase."""

    def __init__(self) -> None:
        self.phase, self.peaks = "import", defaultdict(float)
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            text = Path("/proc/self/status").read_text()
            anonymous = int(text.split("RssAnon:")[1].split()[0]) / 1024
            self.peaks[self.phase] = max(self.peaks[self.phase], anonymous)
            time.sleep(0.02)


def run_stage(stage: str, photographs: Path, cache: Path, side: int) -> None:
    """Run one stage in this process and print its figures."""
    watch = Watch()
    from fer_keras.datasets import loading

    judge = loading.with_verdict

    def judge_apart(*arguments):
        watch.phase = "gate"
        judged = judge(*arguments)
        watch.phase = "after the gate"
        return judged

    loading.with_verdict = judge_apart
    watch.phase = "prepare" if stage == "prepare" else "load"
    dataset = loading.load_faces(photographs, cache_dir=cache, image_size=side)
    if stage == "train":
        watch.phase = "train"
        _train(dataset, cache)
    if stage == "evaluate":
        watch.phase = "evaluate"
        _evaluate(dataset)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peaks = {phase: round(peak) for phase, peak in list(watch.peaks.items())}
    print(json.dumps({"peaks_mb": peaks, "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1)}))


def _recipe():
    from fer_keras.recipe.recipe import make_recipe

    augmentation = {"horizontal_flip": True, "rotation_range": 10.0, "width_shift_range": 0.1}
    return make_recipe(
        {"model": {"name": "cnn", "width": 8}, "train": {"epochs": 1, "batch_size": 64}, "augmentation": augmentation}
    )


def _train(dataset, cache: Path) -> None:
    from fer_keras.datasets.copies.duplicates import face_digests
    from fer_keras.runs.run_folder import RunFolder
    from fer_keras.training.callbacks import Observer
    from fer_keras.training.input_pipeline import make_eval_dataset
    from fer_keras.training.train import prepare_model, train

    class StopSoon(Observer):
        def on_step(self, epoch, step, steps, logs):
            if step == STEPS:
                signal.raise_signal(signal.SIGINT)

    recipe = _recipe()
    model = prepare_model(recipe, dataset)
    run = RunFolder.create(Path(tempfile.mkdtemp(dir=cache)) / "run")
    train(recipe, dataset, run, observer=StopSoon(), model=model)
    model.evaluate(make_eval_dataset(dataset.splits["validation"], classes=len(CLASSES), batch_size=256), verbose=0)
    face_digests(dataset.splits["train"].images)


def _evaluate(dataset) -> None:
    from fer_keras.evaluation.prediction import predict_probabilities
    from fer_keras.training.train import prepare_model

    model = prepare_model(_recipe(), dataset)
    predict_probabilities(model, dataset.splits["test"].images, batch_size=256, tta="flip")


def measure(n: int, side: int, folder: Path) -> dict:
    """Figures of all stages on ``n`` photographs of ``side`` pixels."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        photographs, cache = Path(scratch, "photographs"), Path(scratch, "cache")
        draw_photographs(photographs, n, side)
        found = {stage: _in_child(stage, photographs, cache, side) for stage in STAGES}
        copy = sum(path.stat().st_size for path in cache.glob("face_folder-*/**/*") if path.is_file())
        return {"photographs": n, "copy_gb": round(copy / 1e9, 2), **found}


def _in_child(stage: str, *arguments) -> dict:
    command = [sys.executable, __file__, "--stage", stage, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=int, nargs="+")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    for n in chosen.photographs:
        row = measure(n, chosen.image_size, chosen.folder)
        if chosen.json:
            print(json.dumps(row), flush=True)
            continue
        print(f"{n:,} photographs, prepared copy {row['copy_gb']} GB", flush=True)
        for stage in STAGES:
            print(f"  {stage:10} {row[stage]['peaks_mb']} MB, {row[stage]['processor_seconds']} s of processor time")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stage"]:
        run_stage(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
