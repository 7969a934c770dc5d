"""What an optimizer adds to a training step: AdamW, Muon with Keras' iterations, Muon on the Gram matrix.

    python benchmarks/optimizer_step.py [--recipe cnn_small] [--rounds 20] [--json]

One process, one thread, the same network and batch (crops of the recipe's side), one step of each in turns. Medians of
processor time after a warm-up, as ratios to AdamW. Augmentation is not part of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import keras
import numpy as np

from fer_keras.models import build_model
from fer_keras.recipe.named_recipes import resolve_recipe
from fer_keras.runs.run_record import hardware, now, versions
from fer_keras.training.fused_normalization import fuse_batch_norms
from fer_keras.training.muon import ConvMuon

SIDE, CLASSES = 48, 7


class KerasMuon(ConvMuon):
    """Muon on kernels of convolutions by the iterations that Keras has."""

    def zeropower_via_newtonschulz5(self, x, steps: int):
        return keras.optimizers.Muon.zeropower_via_newtonschulz5(self, x, steps)


OPTIMIZERS = {
    "adamw": lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.05),
    "muon, Keras' iterations": lambda: KerasMuon(1e-3, weight_decay=0.05),
    "muon": lambda: ConvMuon(1e-3, weight_decay=0.05),
}


def make_step(recipe, optimizer):
    """Return a function that trains one step of the recipe's network on the same random batch."""
    import tensorflow as tf

    side, batch = recipe.augmentation.crop_side(SIDE) or SIDE, recipe.train.batch_size
    layers = fuse_batch_norms(build_model(recipe.model, CLASSES, SIDE)).layers
    model = keras.Sequential([keras.Input((None, None, 1)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (batch, side, side, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors((images, generator.integers(0, CLASSES, batch))).repeat()
    model.make_train_function()
    iterator = iter(data)
    return lambda: model.train_function(iterator)


def measure(recipe, rounds: int) -> dict[str, float]:
    """Median processor time of a step in seconds, by the optimizer's name."""
    steps = {name: make_step(recipe, make()) for name, make in OPTIMIZERS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(-2, rounds):
        for name, step in steps.items():
            begin = time.process_time()
            step()
            if turn >= 0:
                seconds[name].append(time.process_time() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="cnn_small")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    found = measure(resolve_recipe(None, options.recipe, ()), options.rounds)
    if options.json:
        record = {"recipe": options.recipe, "rounds": options.rounds, "seconds": found, "date": now()}
        print(json.dumps(record | {"hardware": hardware([]), "versions": versions()}, indent=2))
        return
    for name, value in found.items():
        print(f"{options.recipe}  {name:24} {1e3 * value:6.0f} ms  {value / found['adamw']:.3f}")


if __name__ == "__main__":
    main()
