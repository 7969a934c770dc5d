"""Scores of the runs, tests of each pair, mean and spread over seeds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence

from ..metrics.paired_tests import RESAMPLES, bootstrap_differences, bootstrap_macro_f1, holm_adjust, mcnemar_exact
from ..metrics.scores import mean_and_sd
from ..recipe.recipe import DATA_PLACES, make_recipe, recipe_key
from .collect import Comparison, evaluate_command
from .predictions import Evaluation
from .run_summary import RunSummary

SEED = 0
_PATHS = tuple(f"data.{key}" for key in DATA_PLACES)
METHOD = {
    "accuracy_ci95": "Wilson score interval",
    "macro_f1_ci95": f"percentile bootstrap over faces, {RESAMPLES:,} resamples, seed {SEED}",
    "mcnemar_p": "exact McNemar test, two-sided",
    "holm_p": "the same, adjusted by Holm for the number of pairs in the table",
    "differences_ci95": f"paired percentile bootstrap over faces, {RESAMPLES:,} resamples, seed {SEED}; not adjusted",
    "seeds": "mean and sample standard deviation over seeds",
}


def score_rows(comparison: Comparison, tta: str) -> list[dict]:
    """One row per run, in order; ``scores`` is None with an ``obstacle`` where the run is not comparable."""
    rows = []
    for run in comparison.runs:
        obstacle = comparison.obstacle(run, tta)
        missing = tta not in run.evaluations
        rows.append(
            {
                "run": run.name,
                "synthetic": run.is_synthetic,
                "scores": None if obstacle else _scores(run.evaluations[tta]),
                "obstacle": obstacle,
                "command": evaluate_command(run, comparison.split, tta) if missing else "",
            }
        )
    return rows


def _scores(evaluation: Evaluation) -> dict:
    metrics = evaluation.metrics
    kept = metrics.model_dump(
        mode="json",
        include={
            "n",
            "accuracy",
            "accuracy_ci95",
            "macro_f1",
            "balanced_accuracy",
            "top2_accuracy",
            "nll",
            "ece",
            "calibrated",
            "per_class",
            "deduplicated",
            "notices",
            "date",
        },
    )
    interval = bootstrap_macro_f1(evaluation.y_true, evaluation.y_pred, len(evaluation.classes), seed=SEED)
    return {**kept, "macro_f1_ci95": interval, "confusion": evaluation.confusion().tolist()}


def pair_rows(comparison: Comparison, tta: str) -> list[dict]:
    """One row per pair of comparable runs; first minus second."""
    pairs = list(itertools.combinations(comparison.comparable(tta), 2))
    rows = [_pair(first, second, tta) for first, second in pairs]
    for row, adjusted in zip(rows, holm_adjust([row["mcnemar_p"] for row in rows]), strict=True):
        row["holm_p"] = adjusted
    return rows


def _pair(first: RunSummary, second: RunSummary, tta: str) -> dict:
    a, b = first.evaluations[tta], second.evaluations[tta]
    only_first, only_second = int((a.correct & ~b.correct).sum()), int((b.correct & ~a.correct).sum())
    intervals = bootstrap_differences(a.y_true, a.y_pred, b.y_pred, len(a.classes), seed=SEED)
    return {
        "first": first.name,
        "second": second.name,
        "n": len(a.ids),
        "both_right": int((a.correct & b.correct).sum()),
        "only_first_right": only_first,
        "only_second_right": only_second,
        "both_wrong": int((~a.correct & ~b.correct).sum()),
        "mcnemar_p": mcnemar_exact(only_first, only_second),
        "accuracy_difference": a.metrics.accuracy - b.metrics.accuracy,
        "accuracy_difference_ci95": intervals["accuracy"],
        "macro_f1_difference": a.metrics.macro_f1 - b.metrics.macro_f1,
        "macro_f1_difference_ci95": intervals["macro_f1"],
    }


def seed_rows(comparison: Comparison, tta: str) -> list[dict]:
    """Values, mean and sd for each recipe that was trained with several seeds; a seed counts once."""
    groups: dict[str, dict[int, RunSummary]] = {}
    for run in comparison.comparable(tta):
        seed = run.record.get("seed", section(run.recipe, "train").get("seed"))
        if seed is not None:
            groups.setdefault(_recipe_key(run), {}).setdefault(seed, run)
    return [_over_seeds(seeds, tta) for seeds in groups.values() if len(seeds) > 1]


def _over_seeds(runs: Mapping[int, RunSummary], tta: str) -> dict:
    metrics = [run.evaluations[tta].metrics for run in runs.values()]
    row = {"runs": [run.name for run in runs.values()], "seeds": list(runs), "n_seeds": len(runs)}
    for name in ("accuracy", "macro_f1", "balanced_accuracy"):
        values = [getattr(entry, name) for entry in metrics]
        row[name] = {"values": values, **mean_and_sd(values)}
    return row


def section(recipe: Mapping, name: str) -> dict:
    """A section of a recipe as plain data; empty when absent."""
    found = recipe.get(name)
    return dict(found) if isinstance(found, Mapping) else {}


def _recipe_key(run: RunSummary) -> str:
    """Of runs of the same recipe on the same faces."""
    return json.dumps([recipe_key(make_recipe(run.recipe)), run.dataset.get("sha256")], sort_keys=True)


def recipe_differences(runs: Sequence[RunSummary]) -> list[dict]:
    """Keys of the recipes that are not the same in all runs; ``values`` in the order of the runs, None where absent."""
    flat = [
        {f"{name}.{key}": value for name in run.recipe for key, value in section(run.recipe, name).items()}
        for run in runs
    ]
    keys = [key for key in dict.fromkeys(key for entry in flat for key in entry) if key not in _PATHS]
    rows = [{"key": key, "values": [entry.get(key) for entry in flat]} for key in keys]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]
