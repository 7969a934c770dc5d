"""Small own data: training from scratch against beginning with the network in the package, on 5 classes.

    python benchmarks/own_faces.py --data fer2013.csv --faces 60,600 --seeds 0,1,2
    python benchmarks/own_faces.py --data fer2013.csv --arms scratch,from,mobilenetv2 --output own_faces.json

The faces are those of FER2013's PublicTest and PrivateTest without a copy in Training, which the network in the package
has not learned (PublicTest chose its best epoch). The classes get names that it does not know, so that its last
layer starts anew. Each seed draws other training, validation and test faces and seeds the training.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from fer_keras.atomic_files import write_json
from fer_keras.datasets import load_faces
from fer_keras.datasets.copies.duplicates import leaking_rows
from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.evaluation.evaluate import evaluate_run
from fer_keras.recipe.recipe import Recipe
from fer_keras.runs.recipes import load_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.train import train

CLASSES = ("angry", "fear", "happy", "sad", "neutral")
ARMS = {
    "scratch": {"name": "cnn_small"},
    "own_faces": {"name": "own_faces"},
    "from": {"start": "cnn_small-fer2013"},
    "mobilenetv2": {"name": "mobilenetv2_finetune"},
}
TEST_FACES = 100


def unlearned(dataset: FaceDataset) -> Split:
    """Validation and test faces without a copy in training."""
    parts = []
    for name in ("validation", "test"):
        parts.append(dataset.splits[name].take(~leaking_rows(dataset, name)))
    images, labels, ids = (np.concatenate([getattr(p, key) for p in parts]) for key in ("images", "labels", "ids"))
    return Split(images, labels, ids)


def draw(faces: Split, names: tuple[str, ...], per_class: int, seed: int, test_faces: int = TEST_FACES) -> FaceDataset:
    """Draw a small data set: ``per_class`` training faces of each class, a third as many for validation, and a test.

    Args:
        faces: to draw from, labels by ``names``.
        names: of all classes of ``faces``.
        per_class: training faces of a class.
        seed: of the draw.
        test_faces: of a class.
    """
    rng = np.random.default_rng(seed)
    sizes = {"test": test_faces, "validation": max(2, per_class // 3), "train": per_class}
    rows: dict[str, list] = {name: [] for name in sizes}
    for name in CLASSES:
        own = rng.permutation(np.flatnonzero(faces.labels == names.index(name)))
        for split, count in sizes.items():
            rows[split].append(own[:count])
            own = own[count:]
    splits = {}
    for split in ("train", "validation", "test"):
        chosen = rng.permutation(np.concatenate(rows[split]))
        labels = np.array([CLASSES.index(names[label]) for label in faces.labels[chosen]])
        splits[split] = Split(faces.images[chosen], labels, faces.ids[chosen])
    classes = tuple(f"group {letter}" for letter in "ABCDE")
    return FaceDataset(f"own{per_class}", classes, splits, "drawn from FER2013", fingerprint(splits, classes))


def arm_recipe(arm: str, seed: int, epochs: int | None) -> Recipe:
    """The recipe of an arm; ``epochs`` shortens each of its phases for a trial."""
    recipe = load_recipe(seed=seed, **ARMS[arm])
    if epochs is None:
        return recipe
    train_section = recipe.train.model_copy(update={"epochs": min(epochs, recipe.train.epochs)})
    fine_tune = recipe.fine_tune.model_copy(update={"epochs": min(epochs, recipe.fine_tune.epochs)})
    return recipe.model_copy(update={"train": train_section, "fine_tune": fine_tune})


def measure(recipe: Recipe, dataset: FaceDataset, place: Path) -> dict:
    """Train one run and score it on the test faces."""
    run = RunFolder(place)
    result = train(recipe, dataset, run, command="benchmarks/own_faces.py")
    metrics = evaluate_run(run, dataset, "test")
    return {
        "accuracy": metrics["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "validation": result.progress.best_value,
        "seconds": round(result.progress.seconds, 1),
    }


def print_table(rows: list[dict]) -> None:
    """Markdown: mean and standard deviation over seeds of each arm and size."""
    print("| training faces a class | arm | seeds | test accuracy, % | macro-F1 | seconds of training |")
    print("|---|---|---|---|---|---|")
    for size in sorted({row["faces"] for row in rows}):
        for arm in dict.fromkeys(row["arm"] for row in rows):
            own = [row for row in rows if (row["faces"], row["arm"]) == (size, arm)]
            if own:
                score, f1, seconds = ([row[key] for row in own] for key in ("accuracy", "macro_f1", "seconds"))
                spread = f" ± {100 * np.std(score, ddof=1):.1f}" if len(own) > 1 else ""
                print(
                    f"| {size} | {arm} | {len(own)} | {100 * np.mean(score):.1f}{spread} | {np.mean(f1):.3f} "
                    f"| {np.mean(seconds):.0f} |"
                )


def main(arguments: list[str] | None = None) -> None:
    """Run the arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--faces", default="60,600", help="training faces of a class, with commas")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--arms", default="scratch,from", help=f"of {', '.join(ARMS)}")
    parser.add_argument("--epochs", type=int, help="at most so many in each phase: for a trial")
    parser.add_argument("--test-faces", type=int, default=TEST_FACES, help="of a class")
    parser.add_argument("--output", type=Path, help="write the rows as JSON")
    options = parser.parse_args(arguments)
    dataset = load_faces(options.data)
    pool, rows = unlearned(dataset), []
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, options.faces.split(",")):
            for seed in map(int, options.seeds.split(",")):
                own = draw(pool, dataset.classes, size, seed, options.test_faces)
                for arm in options.arms.split(","):
                    place = Path(folder) / f"{arm}-{size}-{seed}"
                    found = measure(arm_recipe(arm, seed, options.epochs), own, place)
                    rows.append({"arm": arm, "faces": size, "seed": seed, **found})
                    print(json.dumps(rows[-1]), flush=True)
    if options.output:
        write_json(options.output, rows)
    print_table(rows)


if __name__ == "__main__":
    main()
