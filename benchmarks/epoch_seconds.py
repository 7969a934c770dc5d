"""Seconds that an epoch of recipes takes, measured in turns on one machine.

    python benchmarks/epoch_seconds.py scratch_cnn cnn_small --data fer2013.csv [--rounds 20] [--threads 2] [--json]

One process with the network, optimizer, input pipeline and batches of each recipe; about 640 faces of training steps of
each in turns. Times are medians over the rounds; ratios are to the first recipe, taken round by round, since a shared
machine is slow for all that run in the same minute. Validation, checkpoints and compilation are not part of it. What
two trainings took to a score is their epochs times these seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from fer_keras_cli.run_data import load_data

from fer_keras.errors import ConfigError
from fer_keras.recipe.named_recipes import resolve_recipe

FACES_A_TURN = 640


def make_turn(recipe, dataset) -> tuple[Callable[[], None], int, int]:
    """A function that trains some steps of the recipe, its faces, and the faces of an epoch."""
    from fer_keras.training.fitting import open_to_crops, plan, train_batches
    from fer_keras.training.train import prepare_model

    batch, steps = plan(recipe, dataset)
    model = prepare_model(recipe, dataset)
    if recipe.augmentation.crop:
        model = open_to_crops(recipe, dataset, model, recipe.train)
    model.make_train_function()
    batches = iter(train_batches(recipe, dataset, 0, recipe.train.epochs * steps).repeat())
    steps_a_turn = max(1, round(FACES_A_TURN / batch))

    def turn() -> None:
        for _ in range(steps_a_turn):
            model.train_function(batches)

    return turn, steps_a_turn * batch, steps * batch


def check_has_an_epoch_of_steps(name: str, recipe) -> None:
    """A frozen base is run once and its features are kept, so that its epochs cost next to nothing.

    Raises:
        ConfigError: the recipe keeps features.
    """
    if recipe.caches_features:
        hint = "Time it whole, fer-keras benchmark --time-to, or every step: a recipe with train.cache_features: false"
        raise ConfigError(f"recipe '{name}' trains on features that are computed once for all epochs", hint=hint)


def measure(recipes: dict, datasets: dict, rounds: int) -> dict[str, dict]:
    """Per recipe: ``seconds_per_epoch`` and ``images_per_second`` (medians) and ``ratio_p10_p50_p90`` to the first.

    Args:
        recipes: by name.
        datasets: faces by the same names.
        rounds: turns of each that are counted, after two that are not.
    """
    turns = {name: make_turn(recipe, datasets[name]) for name, recipe in recipes.items()}
    laps: dict[str, list[float]] = {name: [] for name in turns}  # seconds per face
    for number in range(-2, rounds):
        for name, (turn, faces, _) in turns.items():
            begin = time.perf_counter()
            turn()
            if number >= 0:
                laps[name].append((time.perf_counter() - begin) / faces)
    epochs = {name: [lap * turns[name][2] for lap in values] for name, values in laps.items()}
    first = next(iter(epochs.values()))
    return {
        name: {
            "seconds_per_epoch": statistics.median(values),
            "images_per_second": 1 / statistics.median(laps[name]),
            "ratio_p10_p50_p90": _percentiles([value / base for value, base in zip(values, first, strict=True)]),
        }
        for name, values in epochs.items()
    }


def _percentiles(values: list[float]) -> list[float]:
    return [float(value) for value in np.percentile(values, (10, 50, 90), method="nearest")]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+", help="names or paths")
    parser.add_argument("--data")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as TensorFlow takes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    import tensorflow as tf

    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    recipes = {name: resolve_recipe(None, name, ()) for name in options.recipes}
    for name, recipe in recipes.items():
        check_has_an_epoch_of_steps(name, recipe)
    datasets = {name: load_data(recipe, options.data) for name, recipe in recipes.items()}
    found = measure(recipes, datasets, options.rounds)
    if options.json:
        from fer_keras.runs.run_record import hardware, now, versions

        record = {"recipes": found, "rounds": options.rounds, "threads": options.threads, "date": now()}
        print(json.dumps(record | {"hardware": hardware([]), "versions": versions()}, indent=2))
        return
    for name, values in found.items():
        low, middle, high = values["ratio_p10_p50_p90"]
        print(
            f"{name:24} {values['seconds_per_epoch']:7.1f} s an epoch  {values['images_per_second']:7.0f} images/s  "
            f"{middle:.3f} of the first ({low:.3f} to {high:.3f} in 80 % of the rounds)"
        )


if __name__ == "__main__":
    main()
