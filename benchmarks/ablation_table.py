"""What each trick of a recipe is worth: runs of the recipe beside runs that differ from it in one key.

    python benchmarks/ablation_table.py docs/measured/ablations/* --base docs/measured/ablations/base-seed0

Reads recipe.yaml and history.csv of each run, finished or a record of one. Rows are named by the keys in which their
recipes differ from that of ``--base``; runs that differ in nothing but the seed stand in one row. The score is the best
PublicTest accuracy of a run, no test-time augmentation; its difference to the base is taken seed by seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from results_table import spread

from fer_keras.errors import DataError, RunFolderError
from fer_keras.metrics.scores import spread_text
from fer_keras.recipe.recipe import load_yaml_file, make_recipe, recipe_key
from fer_keras.runs.history import column, read_history
from fer_keras.runs.run_folder import RunFolder


def read_arm(path: Path) -> dict:
    """One run: ``seed``, ``keys`` (its recipe, flat), ``best`` and ``train`` accuracy of its history.

    Raises:
        RunFolderError: no history.
        ConfigError: no recipe, or a damaged one.
    """
    run = RunFolder(path)
    recipe = make_recipe(load_yaml_file(run.recipe), where=str(run.recipe))
    try:
        rows = read_history(run.history)
    except DataError as error:
        raise RunFolderError(f"{path}: cannot read its history: {error}") from error
    if len(rows) != recipe.epochs:
        raise RunFolderError(f"{path} is not finished", received=f"{len(rows)} of {recipe.epochs} epochs")
    keys = {f"{name}.{key}": value for name, section in recipe_key(recipe).items() for key, value in section.items()}
    best = float(column(rows, "val_accuracy").max())
    return {"seed": recipe.train.seed, "keys": keys, "best": best, "train": rows[-1]["accuracy"]}


def compare(paths: Sequence[Path], base: Path) -> list[dict]:
    """One dict per row, the base first: ``changed``, ``seeds``, ``values``; ``best``, ``train`` and ``difference`` as
    ``spread`` gives them.

    Raises:
        RunFolderError: two runs of one recipe and seed, or a recipe that shares no seed with the base.
    """
    start = read_arm(base)["keys"]
    rows: dict[tuple, dict[int, dict]] = {(): {}}
    for arm in map(read_arm, paths):
        changed = tuple(f"{key}={value}" for key, value in arm["keys"].items() if start.get(key) != value)
        if arm["seed"] in rows.setdefault(changed, {}):
            raise RunFolderError("two runs of the same recipe and seed", received=f"{changed}, seed {arm['seed']}")
        rows[changed][arm["seed"]] = arm
    return [_row(changed, arms, rows[()]) for changed, arms in rows.items()]


def _row(changed: tuple, arms: dict[int, dict], base: dict[int, dict]) -> dict:
    shared = sorted(arms.keys() & base.keys())
    if not shared:
        raise RunFolderError("no seed in common with the base", received=f"{changed}: seeds {sorted(arms)}")
    return {
        "changed": changed,
        "seeds": sorted(arms),
        "values": [arms[seed]["best"] for seed in sorted(arms)],
        "best": spread(arms[seed]["best"] for seed in arms),
        "train": spread(arms[seed]["train"] for seed in arms),
        "difference": spread(arms[seed]["best"] - base[seed]["best"] for seed in shared),
    }


def to_markdown(rows: Sequence[dict]) -> str:
    """The table as people read it, in percent and points."""
    lines = [
        "| changed | seeds | PublicTest | mean | to the recipe | training accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            ", ".join(f"`{text}`" for text in row["changed"]) or "nothing",
            ", ".join(map(str, row["seeds"])),
            ", ".join(f"{100 * value:.2f}" for value in row["values"]),
            f"{100 * row['best']['mean']:.2f}",
            spread_text(row["difference"]["values"], "+.2f", 100) if row["changed"] else "",
            f"{100 * row['train']['mean']:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--base", required=True, type=Path, help="a run of the recipe as it is")
    options = parser.parse_args(arguments)
    print(to_markdown(compare(options.runs, options.base)), end="")


if __name__ == "__main__":
    main()
