"""Images per second of each stage of the main job: prepare, load, augment, train step.

    python benchmarks/stages.py --data fer2013.csv [--recipe cnn] [--json]

Preparation writes into an empty folder that is removed afterwards. Augmentation is timed as a ``tf.function`` and the
training step on one fixed batch, each as the median of calls after a warm-up; the input pipeline, as training uses it,
over many batches.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from fer_keras.augmentation.batch import augment_batch
from fer_keras.datasets import FaceDataset, load_faces
from fer_keras.recipe.named_recipes import resolve_recipe
from fer_keras.recipe.recipe import Recipe
from fer_keras.training.fitting import plan
from fer_keras.training.input_pipeline import make_train_dataset
from fer_keras.training.train import prepare_model

WARM_UP, CALLS, PIPELINE_BATCHES = 5, 30, 200


def seconds_of(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_rate(call: Callable[[], object], images: int) -> float:
    """Images per second from the median of repeated calls."""
    for _ in range(WARM_UP):
        call()
    return images / statistics.median(seconds_of(call) for _ in range(CALLS))


def measure_preparation(data: str) -> tuple[FaceDataset, dict[str, float]]:
    """Load twice with an empty cache: the first call prepares, the second starts from the prepared copy."""
    with tempfile.TemporaryDirectory() as cache:
        times = [seconds_of(lambda: load_faces(data, cache_dir=Path(cache))) for _ in range(2)]
        dataset = load_faces(data, cache_dir=Path(cache))
    faces = sum(len(split) for split in dataset.splits.values())
    return dataset, {"prepare": faces / times[0], "load_prepared": faces / times[1]}


def measure_training(dataset: FaceDataset, recipe: Recipe) -> dict[str, float]:
    """Augmentation alone, the whole input pipeline, and one training step."""
    batch, _ = plan(recipe, dataset)
    options = {"classes": len(dataset.classes), "augmentation": recipe.augmentation, "batch_size": batch, "seed": 0}
    batches = make_train_dataset(dataset.splits["train"], start_step=0, stop_step=PIPELINE_BATCHES, **options)
    images, labels = next(iter(batches))[:2]
    keys = tf.stack([tf.zeros(batch, tf.int64), tf.zeros(batch, tf.int64), tf.range(batch, dtype=tf.int64)], axis=1)
    augment = tf.function(lambda: augment_batch(images, labels, keys, recipe.augmentation))
    model = prepare_model(recipe, dataset)
    consume = seconds_of(lambda: [None for _ in batches])
    return {
        "augment": median_rate(lambda: augment()[0].numpy(), batch),
        "input_pipeline": PIPELINE_BATCHES * batch / consume,
        "train_step": median_rate(lambda: model.train_on_batch(images, labels), batch),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--recipe", default="cnn")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    dataset, rates = measure_preparation(arguments.data)
    rates |= measure_training(dataset, resolve_recipe(None, arguments.recipe, ()))
    if arguments.json:
        print(json.dumps(rates, indent=2))
        return
    for stage, rate in rates.items():
        print(f"{stage:15} {rate:>10,.0f} images/s")


if __name__ == "__main__":
    main()
