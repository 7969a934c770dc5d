"""Time to accuracy: how long a recipe trains until its validation score first reaches a target.

The measure of DAWNBench (Coleman et al. 2017), on the ordinary training path. The score is that of whole epochs on the
validation split (PublicTest), with averaged weights where the recipe averages. The learning rate goes by the recipe's
own number of epochs: the target stops a training, it does not shorten the schedule. TensorFlow is imported by the
first training, so that a request that makes no sense is refused without it.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..datasets.faces import FaceDataset
from ..errors import InputError
from ..metrics.scores import mean_and_sd
from ..recipe.recipe import Recipe
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder

# What is measured of each training.
MEASURES = ("training_seconds", "start_seconds", "validation_seconds", "wall_seconds", "epochs", "steps")
# What is taken over from a training's run.json.
FACTS = ("dataset", "parameters", "macs", "batch_size", "steps_per_epoch", "precision", "backend")


def time_to_accuracy(
    recipes: Mapping[str, tuple[Recipe, FaceDataset]],
    target: float,
    *,
    seeds: Sequence[int] = (0,),
    max_epochs: int | None = None,
    max_seconds: float | None = None,
    keep: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> list[dict]:
    """Train each recipe with each seed until the target is reached; all recipes with a seed, then with the next.

    Args:
        recipes: by name; each with its faces (train and validation splits).
        target: validation accuracy between 0 and 1.
        seeds: of order, augmentation and weights.
        max_epochs: give a training up after as many; default: the recipe's.
        max_seconds: give a training up after as many seconds of training steps.
        keep: folder for the run folders (``RECIPE-seedN``, which 'fer-keras train --resume' goes on with); by default
            they are temporary and leave nothing behind, not even when interrupted.
        say: told every epoch.

    Returns:
        One dict per recipe: ``name``, ``recipe`` (resolved), ``schedule`` (``name`` and the ``epochs`` that it is laid
        out for), what :data:`FACTS` lists, ``input_seconds_per_batch`` (see :func:`.input_seconds_per_batch`),
        ``seeds`` (see :func:`fer_keras.benchmark.timed_training.measure_seed`) and ``summary`` (see :func:`summarise`).

    Raises:
        InputError: a target, seed or limit that makes no sense.
        RunFolderError: a folder to keep exists already.
        KeyboardInterrupt: Ctrl-C. SIGTERM ends the process as it would without a training, after cleaning up.
    """
    check_request(recipes, target, seeds, max_epochs, max_seconds)
    from .timed_training import Interrupted, input_seconds_per_batch

    limits = {"max_epochs": max_epochs, "max_seconds": max_seconds}
    try:
        facts, rows = _train_all(recipes, target, seeds, keep, say, limits)
    except Interrupted as stop:
        # The training took the signal for a wish to resume later; here it means what it always means.
        signal.raise_signal(stop.number)
        raise KeyboardInterrupt from None
    return [
        {
            "name": name,
            "recipe": recipe.model_dump(mode="json"),
            "schedule": {"name": recipe.train.schedule, "epochs": recipe.epochs},
            **{key: facts[name][key] for key in FACTS},
            "input_seconds_per_batch": input_seconds_per_batch(recipe, dataset),
            "seeds": rows[name],
            "summary": summarise(rows[name]),
        }
        for name, (recipe, dataset) in recipes.items()
    ]


def check_request(
    recipes: Collection,
    target: float,
    seeds: Sequence[int],
    max_epochs: int | None = None,
    max_seconds: float | None = None,
) -> None:
    """Refuse what makes no sense before anything is loaded or trained.

    Raises:
        InputError: naming the first wrong value.
    """
    if not recipes:
        raise InputError("no recipe to train", hint="Give recipes by name, such as cnn")
    if not 0 < target < 1:
        raise InputError("the target makes no sense", allowed="an accuracy above 0 and below 1", received=target)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**31:
        raise InputError("the seeds make no sense", allowed="different numbers from 0", received=list(seeds))
    if max_epochs is not None and max_epochs < 1:
        raise InputError("the limit of epochs makes no sense", allowed="1 or more", received=max_epochs)
    if max_seconds is not None and not max_seconds > 0:
        raise InputError("the limit of seconds makes no sense", allowed="above 0", received=max_seconds)


def _train_all(recipes, target, seeds, keep, say, limits: dict) -> tuple[dict, dict]:
    """``run.json`` and the measured trainings of each recipe, by name."""
    import keras

    from .timed_training import measure_seed

    facts: dict[str, dict] = {}
    rows: dict[str, list[dict]] = {name: [] for name in recipes}
    for seed in seeds:
        for name, (recipe, dataset) in recipes.items():
            seeded = recipe.model_copy(update={"train": recipe.train.model_copy(update={"seed": seed})})
            with _run_folder(keep, f"{name.replace('/', '-')}-seed{seed}") as run:
                rows[name].append(measure_seed(seeded, dataset, run, target, say=_speaker(say, name, seed), **limits))
                facts[name] = read_run_json(run)
            keras.utils.clear_session()  # the graphs of one training are no use to the next
    return facts, rows


@contextmanager
def _run_folder(keep: Path | None, name: str) -> Iterator[RunFolder]:
    if keep is not None:
        yield RunFolder.create(keep / name)
        return
    parent = Path(tempfile.mkdtemp(prefix="fer-keras-time-to-"))
    try:
        yield RunFolder.create(parent / name)
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _speaker(say: Callable[[str], None], name: str, seed: int) -> Callable[[dict], None]:
    def speak(row: dict) -> None:
        seconds = f"{row['training_seconds']:.0f} s of training"
        say(f"{name}, seed {seed}: epoch {row['epoch']}, val_accuracy {row['val_accuracy']:.4f}, {seconds}")

    return speak


def summarise(rows: Sequence[dict]) -> dict:
    """Mean and sample standard deviation of each of :data:`MEASURES` over seeds.

    Returns:
        ``runs``, ``reached`` (how many did) and, per measure, ``{values, mean, sd}``; None where
        not every seed reached the target, since the mean of those that did would flatter; ``sd`` is None for one seed.
    """
    reached = [row["to_target"] for row in rows if row["reached"]]
    complete = len(reached) == len(rows)
    return {
        "runs": len(rows),
        "reached": len(reached),
        **{name: _spread([part[name] for part in reached]) if complete else None for name in MEASURES},
    }


def _spread(values: Sequence[float]) -> dict:
    return {
        "values": list(values),
        **{name: value and round(value, 3) for name, value in mean_and_sd(values).items()},
    }
