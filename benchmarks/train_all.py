"""Train recipes with several seeds, one after another, evaluate them and write the results table.

    python benchmarks/train_all.py --data fer2013.csv --recipes cnn,scratch_cnn --seeds 0,1,2 --output saved_models/all
        [--ferplus fer2013new.csv] [--score-test] [--pack packed]

Each run is RECIPE-seedN below the output folder, trained with ``fer-keras train``; the same command given again goes on
with an interrupted one (``--resume``) and skips what is finished, trained and scored. Every run is scored on the
validation split, without and with flip test-time augmentation; with ``--score-test`` once on the test split too. Works
with any backend of Keras: set KERAS_BACKEND. results.json and results.md, in the output folder, are collected from the
run folders alone.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from pack_runs import pack_runs
from results_table import recipe_without_seed, to_markdown, write_table

from fer_keras.errors import FerKerasError
from fer_keras.recipe.named_recipes import resolve_recipe
from fer_keras.recipe.recipe import recipe_key
from fer_keras.runs.run_folder import RunFolder

FINISHED, INTERRUPTED, ABSENT = "finished", "interrupted", "absent"


class Stopped(Exception):  # noqa: N818  somebody's wish
    """A signal ended the present command; ``code`` is its exit status."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


def fer_keras(*words: str) -> int:
    """Run one command of the package in a process of its own and return its exit status.

    Raises:
        Stopped: it was ended by a signal; Ctrl-C reaches it too, and it is given the time to save.
    """
    print(f"$ fer-keras {shlex.join(words)}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "fer_keras_cli", *words])
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait() or 130
    if code < 0 or code > 128:
        raise Stopped(code if code > 0 else 128 - code)
    return code


def state(run: RunFolder) -> str:
    """Whether a run is finished, interrupted or not begun; an empty folder is not begun, and removed."""
    if run.path.is_dir() and not any(run.path.iterdir()):
        run.path.rmdir()
    if not run.path.exists():
        return ABSENT
    run.settle()
    return FINISHED if run.is_finished else INTERRUPTED


def train(name: str, seed: int, options: argparse.Namespace) -> RunFolder | None:
    """Bring one run to its end; None when it failed."""
    run = RunFolder(options.output / f"{name.removesuffix('.yaml').strip('./').replace('/', '-')}-seed{seed}")
    found = state(run)
    if found != ABSENT and not _same_recipe(run, name, options):
        print(f"{run.path} was trained with another recipe: move it away, or give another --output", flush=True)
        return None
    if found == FINISHED:
        print(f"{run.path} is finished", flush=True)
        return run
    if found == INTERRUPTED:
        code = fer_keras("train", "--resume", str(run.path), "--data", options.data)
    else:
        place = ("--name", run.path.name, "--output", str(options.output))
        code = fer_keras("train", *_request(name, options), "--seed", str(seed), *place)
    return run if code == 0 else None


def _request(name: str, options: argparse.Namespace) -> list[str]:
    return ["--recipe", name, "--data", options.data, *(word for text in options.set for word in ("--set", text))]


def _same_recipe(run: RunFolder, name: str, options: argparse.Namespace) -> bool:
    """Whether a run folder holds what would be trained now."""
    if not run.recipe.is_file():
        return False
    return recipe_without_seed(run) == recipe_key(resolve_recipe(None, name, tuple(options.set)))


def evaluate(run: RunFolder, options: argparse.Namespace) -> bool:
    """Score a run where it is not scored yet; False when that failed."""
    votes = ["--ferplus", options.ferplus, "--second-opinion", "ferplus"] if options.ferplus else []
    done = True
    for split in ("validation", "test") if options.score_test else ("validation",):
        for tta in ("none", "flip"):
            place = run.evaluation(split, "" if tta == "none" else "flip_tta")
            if not (place / "metrics.json").is_file():
                words = ("--split", split, "--tta", tta, "--data", options.data)
                done &= fer_keras("evaluate", str(run.path), *words, *votes) == 0
    return done


def work(options: argparse.Namespace) -> tuple[list[Path], list[str]]:
    """Train and evaluate; all recipes with one seed, then with the next.

    Returns:
        Folders of finished runs, and names of those that failed.
    """
    finished, failed = [], []
    for seed in options.seeds:
        for name in options.recipes:
            run = train(name, seed, options)
            if run is None or not evaluate(run, options):
                failed.append(f"{name}, seed {seed}")
            if run is not None:
                finished.append(run.path)
    return finished, failed


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; wrong recipes are refused before anything is trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--recipes", required=True, type=lambda text: text.split(","), help="names or paths, by commas")
    parser.add_argument("--seeds", default=[0], type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--output", type=Path, default=Path("saved_models/all"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all recipes")
    parser.add_argument("--ferplus", help="fer2013new.csv, for the FER+ columns")
    parser.add_argument("--score-test", action="store_true", help="score PrivateTest too, once per finished run")
    parser.add_argument("--pack", type=Path, metavar="DIR", help="pack finished runs into files of at most 16 MB")
    options = parser.parse_args(arguments)
    try:
        for name in options.recipes:
            resolve_recipe(None, name, tuple(options.set))
    except FerKerasError as error:
        parser.error(str(error))
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        finished, failed = work(options)
    except (Stopped, KeyboardInterrupt) as stop:
        print("Stopped; the same command goes on from here", file=sys.stderr)
        return getattr(stop, "code", 130)
    try:
        if finished:
            print(to_markdown(write_table(finished, options.output)))
        if finished and options.pack:
            pack_runs(finished, options.pack)
    except FerKerasError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"Failed: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
