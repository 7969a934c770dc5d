"""Trains with Keras on JAX in a process of its own, for test_jax_backend.py: argv is fer2013.csv and a folder."""

import json
import signal
import sys
from pathlib import Path

import jax
import keras
import numpy as np

from fer_keras import load_faces, make_recipe, train
from fer_keras.evaluation.prediction import load_run_model
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.callbacks import Observer

RECIPE = {
    "model": {"name": "cnn", "width": 8},
    "augmentation": {"crop": 40, "horizontal_flip": True, "rotation_range": 10.0},
    "train": {"epochs": 2, "batch_size": 14, "optimizer": "muon", "learning_rate": 3e-3, "ema": 0.9},
}


class StopAt(Observer):
    """Sends this process a signal after a step, as Ctrl-C would."""

    def on_step(self, epoch, step, steps, logs):
        if (epoch, step) == (1, 2):
            signal.raise_signal(signal.SIGINT)


def count_shared_batches() -> list[int]:
    """Fills the list that it returns with the number of devices of each array that Keras divides."""
    counts, divide = [], jax.make_array_from_process_local_data

    def count(sharding, *given):
        counts.append(sharding.num_devices)
        return divide(sharding, *given)

    jax.make_array_from_process_local_data = count
    return counts


def main(csv: str, folder: Path) -> None:
    counts = count_shared_batches()
    recipe, dataset = make_recipe(RECIPE), load_faces(csv)
    whole, resumed = (RunFolder.create(folder / name) for name in ("whole", "resumed"))
    finished = [train(recipe, dataset, whole).finished]
    finished += [train(recipe, dataset, resumed, observer=watch).finished for watch in (StopAt(), None)]
    taught = make_recipe({**RECIPE, "distill": {"teacher": "whole", "views": 1}})
    student = RunFolder.create(folder / "student")
    finished.append(train(taught, dataset, student).finished)
    weights = [keras.models.load_model(run.model, compile=False).get_weights() for run in (whole, resumed)]
    faces = dataset.splits["validation"].images
    np.save(folder / "logits.npy", load_run_model(whole).predict(faces, verbose=0))
    print(
        json.dumps(
            {
                "backend": keras.backend.backend(),
                "devices": len(jax.devices()),
                "shared_over": sorted(set(counts)),
                "finished": finished,
                "same_weights": all(map(np.array_equal, *weights)),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
