"""The comparison as one plain document: what ``comparison.json`` holds and every table is made of."""

from __future__ import annotations

from datetime import UTC, datetime

from .. import __version__
from ..benchmark.latency import FILES
from .collect import Comparison
from .costs import hardware_letters, latency_rows, loss_obstacle, network_rows, training_obstacle, training_rows
from .scores import METHOD, pair_rows, recipe_differences, score_rows, seed_rows


def describe(comparison: Comparison, pictures: dict | None = None) -> dict:
    """Return the document; numbers that cannot be compared or are not there are None, with a reason beside them.

    Args:
        comparison: the runs.
        pictures: result of :func:`fer_keras.comparison.pictures.score_pictures`, or None.
    """
    faces, runs = comparison.faces, comparison.runs
    return {
        "fer_keras": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "split": comparison.split,
        "reference_run": comparison.reference.name if comparison.reference else None,
        "dataset": faces.metrics.dataset if faces else None,
        "dataset_sha256": faces.metrics.dataset_sha256 if faces else None,
        "n": faces.metrics.n if faces else None,
        "classes": list(faces.classes) if faces else None,
        "notices": notices(comparison),
        "method": METHOD,
        "runs": [_run(run) for run in runs],
        "scores": {tta: score_rows(comparison, tta) for tta in comparison.ttas},
        "pairs": {tta: pair_rows(comparison, tta) for tta in comparison.ttas},
        "seeds": {tta: seed_rows(comparison, tta) for tta in comparison.ttas},
        "training": training_rows(comparison),
        "networks": network_rows(runs),
        "latency": latency_rows(comparison),
        "formats": list(FILES),
        "hardware": {letter: text for text, letter in hardware_letters(comparison).items()},
        "recipe_differences": recipe_differences(runs),
        "pictures": pictures,
    }


def _run(run) -> dict:
    kept = ("model", "seed", "backend", "precision", "batch_size", "versions", "git_commit", "command", "finished")
    return {
        "run": run.name,
        "synthetic": run.is_synthetic,
        **{name: run.record.get(name) for name in kept},
        "trained_on": {key: run.dataset.get(key) for key in ("name", "sha256", "faces")},
    }


def notices(comparison: Comparison) -> list[str]:
    """Sentences that must stand above the tables, the loudest first."""
    found = [
        *_synthetic(comparison),
        *_other_faces(comparison),
        *_split(comparison),
        *_training(comparison),
        *_hardware(comparison),
        *_from_evaluations(comparison),
    ]
    return list(dict.fromkeys(found))


def _synthetic(comparison: Comparison) -> list[str]:
    names = [run.name for run in comparison.runs if run.is_synthetic]
    if not names:
        return []
    return [f"SYNTHETIC FACES: {', '.join(names)}. These results say nothing about real faces."]


def _other_faces(comparison: Comparison) -> list[str]:
    sentences = []
    for tta in comparison.ttas:
        for run in comparison.runs:
            if run.evaluations[tta] is not None and (reason := comparison.obstacle(run, tta)):
                sentences.append(
                    f"{run.name} is not comparable with {comparison.reference.name}: {reason}. Its scores are left out."
                )
    return sentences


def _split(comparison: Comparison) -> list[str]:
    if comparison.split == "test":
        return []
    use = "best epochs were chosen on it" if comparison.split == "validation" else "the networks were trained on it"
    return [f"Scores on {comparison.split} are optimistic: {use}. For a final table compare on test."]


def _training(comparison: Comparison) -> list[str]:
    base, sentences = comparison.runs[0], []
    for run in comparison.runs:
        if reason := training_obstacle(run, base):
            sentences.append(f"{run.name} has no training accuracy and no curve here: {reason}.")
        elif reason := loss_obstacle(run, base):
            sentences.append(f"{run.name} has no loss curve here: {reason}.")
    return sentences


def _hardware(comparison: Comparison) -> list[str]:
    letters = list(hardware_letters(comparison).values())
    if len(letters) < 2:
        return []
    return [f"Times come from {len(letters)} machines ({', '.join(letters)}): compare them only within one machine."]


def _from_evaluations(comparison: Comparison) -> list[str]:
    """What the evaluations themselves say, such as a data set that the model was not trained on."""
    return [
        f"{run.name}: {notice}"
        for run in comparison.runs
        for evaluation in run.evaluations.values()
        if evaluation
        for notice in evaluation.metrics.notices
        if not (run.is_synthetic and notice.startswith("synthetic"))  # said above, and louder
    ]
