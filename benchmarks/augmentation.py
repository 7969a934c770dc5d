"""Images per second of ``augment_batch`` against Keras' legacy ``ImageDataGenerator`` with the same options.

    python benchmarks/augmentation.py [--batch-size 128] [--rounds 30] [--json]

Both run in this process on the same random images. After a warm-up the two take turns, one batch each, and the medians
are compared, so that other load on the machine strikes both. ``augment_batch`` runs as a ``tf.function`` and its result
is fetched; the legacy class runs as users run it, ``next(flow(...))``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from fer_keras.augmentation.batch import augment_batch
from fer_keras.recipe.augmentation import AugmentationSection
from fer_keras.recipe.named_recipes import resolve_recipe

GEOMETRY = {
    "rotation_range": 10.0,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 5.0,
    "zoom_range": 0.1,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}
CASES = {
    "recipe cnn": resolve_recipe("cnn", None, ()).augmentation.model_dump(exclude_defaults=True),
    "all geometry": GEOMETRY,
    "geometry + brightness": {**GEOMETRY, "brightness_range": (0.8, 1.2)},
}


def make_ours(images: np.ndarray, labels: np.ndarray, options: dict) -> Callable[[], np.ndarray]:
    """Return a call that augments one batch and fetches it."""
    section = AugmentationSection(**options)
    function = tf.function(lambda *batch: augment_batch(*batch, section)[0])
    keys = np.stack([np.zeros(len(images)), np.zeros(len(images)), np.arange(len(images))], axis=1).astype(np.int64)
    batch = tuple(tf.constant(column) for column in (images, labels, keys))
    return lambda: function(*batch).numpy()


def make_legacy(images: np.ndarray, labels: np.ndarray, options: dict) -> Callable[[], np.ndarray]:
    """Return a call that draws one batch of the legacy generator."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # the legacy class calls scipy.ndimage.interpolation
    flow = ImageDataGenerator(**options).flow(images, labels, batch_size=len(images), seed=0)
    return lambda: next(flow)[0]


def seconds(call: Callable[[], np.ndarray]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(options: dict, batch_size: int, rounds: int) -> dict[str, float]:
    """Return images per second of both, and their ratio, from interleaved medians."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (batch_size, 48, 48, 1), dtype=np.uint8)
    labels = np.eye(7, dtype=np.float32)[generator.integers(0, 7, batch_size)]
    calls = [make(images, labels, options) for make in (make_ours, make_legacy)]
    for _ in range(3):
        for call in calls:
            call()
    times = [[seconds(call) for call in calls] for _ in range(rounds)]
    ours, legacy = (batch_size / statistics.median(column) for column in zip(*times, strict=True))
    return {"augment_batch": ours, "ImageDataGenerator": legacy, "ratio": ours / legacy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    results = {name: measure(options, arguments.batch_size, arguments.rounds) for name, options in CASES.items()}
    if arguments.json:
        print(json.dumps(results))
        return
    print(f"{'images per second':<24}{'augment_batch':>15}{'ImageDataGenerator':>20}{'ratio':>8}")
    for name, row in results.items():
        print(f"{name:<24}{row['augment_batch']:>15.0f}{row['ImageDataGenerator']:>20.0f}{row['ratio']:>8.1f}")


if __name__ == "__main__":
    main()
