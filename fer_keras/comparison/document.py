"""The comparison as one plain document, which every table is made of; and the folder that it is written to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from .. import __version__
from ..atomic_files import atomic_folder, check_output_folder, write_json, write_text
from ..benchmark.latency import FILES
from ..plotting.paper import in_every_format
from ..plotting.style import save_figure
from ..runs.run_record import now
from .collect import Comparison
from .costs import hardware_letters, latency_rows, loss_obstacle, network_rows, training_obstacle, training_rows
from .figures import FIGURES
from .latex import pairs_tex, scores_tex
from .scores import METHOD, pair_rows, recipe_differences, score_rows, seed_rows
from .tables import scores_csv

HTML, MARKDOWN, JSON = "comparison.html", "comparison.md", "comparison.json"
SCORES_CSV, SCORES_TEX, PAIRS_TEX = "scores.csv", "scores.tex", "pairs.tex"
FILES_WRITTEN = (HTML, MARKDOWN, JSON, SCORES_CSV, SCORES_TEX, PAIRS_TEX)


def describe(comparison: Comparison, pictures: dict | None = None) -> dict:
    """Return the document; numbers that cannot be compared or are not there are None, with a reason beside them.

    Args:
        comparison: the runs.
        pictures: result of :func:`fer_keras.comparison.pictures.score_pictures`, or None.
    """
    faces, runs = comparison.faces, comparison.runs
    return {
        "fer_keras": __version__,
        "date": now(),
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
    sentences: list[str] = []
    if comparison.reference is None:
        return sentences
    for tta in comparison.ttas:
        for run in comparison.runs:
            if tta in run.evaluations and (reason := comparison.obstacle(run, tta)):
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
        for notice in evaluation.metrics.notices
        if not (run.is_synthetic and notice.startswith("synthetic"))  # said above, and louder
    ]


def check_target(folder: Path, *, force: bool) -> None:
    """Refuse a folder with something in it, see :func:`fer_keras.atomic_files.check_output_folder`."""
    names = in_every_format((*FILES_WRITTEN, *FIGURES))
    check_output_folder(folder, names, force=force, kind="a comparison")


def write_comparison(
    folder: Path, html: str, markdown: str, document: dict, figures: Mapping[str, Figure] | None = None
) -> dict[str, Path]:
    """Write the page, Markdown, JSON, ``scores.csv``, ``scores.tex``, ``pairs.tex`` and each figure as a file.

    Args:
        folder: new, or an earlier comparison.
        html: the page.
        markdown: the same without pictures.
        document: of :func:`describe`.
        figures: file name to figure, of :func:`fer_keras.comparison.figures.draw_figures`.

    Returns:
        Paths by kind.

    Raises:
        RunFolderError: the file system refuses.
    """
    with atomic_folder(folder) as scratch:
        write_text(scratch / HTML, html)
        write_text(scratch / MARKDOWN, markdown)
        write_json(scratch / JSON, document)
        write_text(scratch / SCORES_CSV, scores_csv(document))
        write_text(scratch / SCORES_TEX, scores_tex(document))
        write_text(scratch / PAIRS_TEX, pairs_tex(document))
        for name, figure in (figures or {}).items():
            save_figure(figure, scratch / name)
    kinds = {"html": HTML, "markdown": MARKDOWN, "json": JSON, "csv": SCORES_CSV, "latex": SCORES_TEX}
    return {kind: folder / name for kind, name in kinds.items()}
