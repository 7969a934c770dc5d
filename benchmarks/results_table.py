"""Collect trained run folders into one results table: scores on the official splits, one row for the seeds of a recipe.

    python benchmarks/results_table.py saved_models/all/* [--output results] [--json]

Everything comes from the run folders, or from their records (publish_run.py --without-model): recipe.yaml, run.json and
the metrics.json of their evaluations. Runs that differ in nothing but the seed stand in one row. With ``--output`` the
table goes to results.json and results.md there.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from fer_keras.atomic_files import write_json, write_text
from fer_keras.errors import RunFolderError
from fer_keras.metrics.scores import mean_and_sd, spread_text
from fer_keras.recipe.recipe import load_yaml_file, make_recipe, recipe_key
from fer_keras.runs.run_folder import RunFolder

EVALUATIONS = {
    "PublicTest": "validation",
    "PublicTest flip": "validation_flip_tta",
    "PrivateTest": "test",
    "PrivateTest flip": "test_flip_tta",
}
SCORES = ("accuracy", "macro_f1", "deduplicated", "ferplus")
COUNTS = ("n", "deduplicated_n", "ferplus_n")


def read_run(path: Path) -> dict:
    """One finished run, or the record of one: its name, what it was trained with, and the scores per evaluation.

    Raises:
        RunFolderError, ModelFileError: unfinished, changed or damaged.
    """
    run = _open(path)
    try:
        record = json.loads(run.run_json.read_text(encoding="utf-8"))
        scores = {name: _read_scores(run.path / "evaluation" / place) for name, place in EVALUATIONS.items()}
        facts = {
            "seed": record["seed"],
            "network": record["model"],
            "distilled_from": (record.get("distilled_from") or {}).get("run"),
            "parameters": record["parameters"],
            "macs": record["macs"],
            "data": record["dataset"]["name"],
            "data_sha256": record["dataset"]["sha256"],
            "training_seconds": record["training_seconds"],
            "epochs_run": record["epochs_run"],
            "hardware": _machine(record["hardware"]),
            "backend": record["backend"],
            "precision": record["precision"],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{path}: cannot read what was measured: {type(error).__name__} {error}") from error
    return {"run": run.path.resolve().name, **facts, "recipe": recipe_without_seed(run), "scores": scores}


def _open(path: Path) -> RunFolder:
    """A run, or the record of one: its folder without model and exports, with a manifest of what is left."""
    run = RunFolder(path)
    if run.model.is_file() or not run.manifest.is_file():
        run = RunFolder.open(path)
    run.verify()
    return run


def recipe_without_seed(run: RunFolder) -> dict:
    """The resolved recipe, without what may differ between runs of one row."""
    return recipe_key(make_recipe(load_yaml_file(run.recipe), where=str(run.recipe)))


def _machine(hardware: dict) -> str:
    gpus = ", ".join(hardware["gpus"])
    return gpus or f"{hardware['cpu']}, {hardware['cores']} cores"


def _read_scores(folder: Path) -> dict | None:
    """Scores of one evaluation; None where there is none. FER+ is the majority label, on the faces that have one."""
    if not (folder / "metrics.json").is_file():
        return None
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    clean = metrics["deduplicated"]
    other = (metrics.get("second_opinion") or {}).get("majority") or {}
    votes = other if other.get("other") == "ferplus" and other.get("n") else None
    return {
        "n": metrics["n"],
        "accuracy": metrics["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "deduplicated": clean["accuracy"],
        "deduplicated_n": clean["n"],
        "ferplus": votes and votes["ferplus"]["accuracy"],
        "ferplus_n": votes and votes["n"],
    }


def collect(paths: Sequence[Path]) -> list[dict]:
    """One dict per row of the table: ``name``, ``runs`` (names), ``seeds``, facts, and per evaluation and score
    ``{mean, sd, values, runs}`` or None; sorted by the first PublicTest score, best first."""
    groups: dict[str, list[dict]] = {}
    for run in map(read_run, paths):
        key = json.dumps([run["recipe"], run["data_sha256"], run["backend"]], sort_keys=True)
        groups.setdefault(key, []).append(run)
    rows = [_row(runs) for runs in groups.values()]
    return sorted(rows, key=lambda row: -((row["scores"]["PublicTest"]["accuracy"] or {}).get("mean", 0)))


def _row(runs: list[dict]) -> dict:
    first, seeds = runs[0], [run["seed"] for run in runs]
    if len(set(seeds)) < len(seeds):
        raise RunFolderError("two runs of the same recipe and seed", received=", ".join(run["run"] for run in runs))
    return {
        "name": re.sub(r"-seed\d+$", "", first["run"]),
        "runs": [run["run"] for run in runs],
        "seeds": seeds,
        **{
            key: first[key]
            for key in (
                "network",
                "distilled_from",
                "parameters",
                "macs",
                "data",
                "data_sha256",
                "backend",
                "precision",
            )
        },
        "hardware": sorted({run["hardware"] for run in runs}),
        "training_seconds": spread(run["training_seconds"] for run in runs),
        "epochs_run": spread(run["epochs_run"] for run in runs),
        "scores": {name: _spreads([run["scores"][name] for run in runs]) for name in EVALUATIONS},
    }


def _spreads(scores: list[dict | None]) -> dict:
    """Of the runs that have the evaluation; counts are those of the first, and must be those of all."""
    present = [score for score in scores if score is not None]
    if not present:
        return dict.fromkeys(SCORES + COUNTS)
    counts = {key: present[0][key] for key in COUNTS}
    for score in present:
        if any(score[key] != counts[key] for key in COUNTS):
            raise RunFolderError("runs of one row are scored on different faces", hint="Evaluate them again alike")
    return counts | {key: spread(score[key] for score in present) for key in SCORES}


def spread(values: Iterable[float | None]) -> dict | None:
    """Mean, sample standard deviation (None for one value), the values and how many; None where a value is missing."""
    values = list(values)
    if not values or None in values:
        return None
    return mean_and_sd(values) | {"values": values, "runs": len(values)}


HEADINGS = (
    "network",
    "parameters",
    "MACs",
    "seeds",
    "PublicTest",
    "flip TTA",
    "PrivateTest",
    "flip TTA",
    "de-duplicated",
    "flip TTA",
    "macro-F1",
    "flip TTA",
    "FER+ test",
    "flip TTA",
    "training",
    "hardware",
)


def to_markdown(rows: Sequence[dict]) -> str:
    """The table as people read it; accuracies in percent. Columns from 'de-duplicated' on are of PrivateTest."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    notes = [
        "Two seeds are two numbers, three or more mean ± sd. PublicTest selects the epoch, PrivateTest is scored "
        "afterwards. De-duplicated, macro-F1 and FER+ are of PrivateTest: without faces that have a copy in training, "
        "and by the FER+ majority label.",
    ]
    if any(row["data"] == "synthetic" for row in rows):
        notes.append("Rows of synthetic data say nothing about real faces.")
    return "\n".join([*lines, "", *notes]) + "\n"


def _cells(row: dict) -> list[str]:
    scores, teacher = row["scores"], row["distilled_from"]
    teacher = f"; distilled from {teacher}" if teacher else ""
    both = [scores["PrivateTest"], scores["PrivateTest flip"]]
    return [
        f"{row['name']} ({row['data']}{teacher})",
        f"{row['parameters']:,}",
        f"{row['macs'] / 1e6:.1f} M",
        ", ".join(map(str, row["seeds"])),
        *(_percent(scores[name]["accuracy"], len(row["seeds"])) for name in EVALUATIONS),
        *(_percent(part["deduplicated"], len(row["seeds"]), part["deduplicated_n"]) for part in both),
        *(_number(part["macro_f1"]) for part in both),
        *(_percent(part["ferplus"], len(row["seeds"]), part["ferplus_n"]) for part in both),
        _duration(row["training_seconds"]),
        "; ".join(row["hardware"]),
    ]


def _percent(value: dict | None, seeds: int, n: int | None = None) -> str:
    if value is None:
        return "-"
    partly = "" if value["runs"] == seeds else f" ({value['runs']} of {seeds} runs)"
    return f"{spread_text(value['values'], '.2f', 100)} %" + ("" if n is None else f" (n {n:,})") + partly


def _number(value: dict | None) -> str:
    if value is None:
        return "-"
    return spread_text(value["values"], ".4f")


def _duration(value: dict) -> str:
    return f"{spread_text(value['values'], '.1f', 1 / 60)} min"


def write_table(paths: Sequence[Path], folder: Path) -> list[dict]:
    """Write results.json and results.md into a folder; returns the rows."""
    rows = collect(paths)
    write_json(folder / "results.json", {"rows": rows})
    write_text(folder / "results.md", to_markdown(rows))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, help="folder for results.json and results.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args()
    rows = write_table(options.runs, options.output) if options.output else collect(options.runs)
    print(json.dumps({"rows": rows}, indent=2) if options.json else to_markdown(rows))


if __name__ == "__main__":
    main()
