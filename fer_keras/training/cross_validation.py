"""Train one recipe on every fold of a data set, and pool what is said of the faces that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic_files import write_json
from ..datasets.faces import FaceDataset
from ..errors import DataError
from ..evaluation.evaluate import evaluate_run
from ..evaluation.report import write_confusion_matrix
from ..evaluation.result import EvaluationResult
from ..metrics.frames import make_frame
from ..metrics.scores import mean_and_sd, wilson_interval
from ..plotting.results import plot_confusion_matrix
from ..plotting.style import save_figure
from ..recipe.recipe import Recipe
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from .callbacks import Observer
from .train import TrainingResult, train

SCORES = ("accuracy", "macro_f1", "balanced_accuracy")
REPORT = "folds.json"


@dataclass(frozen=True)
class CrossValidation:
    """What came of all folds.

    Attributes:
        name: of the folder.
        classes: names in label order.
        results: of the evaluation of each fold.
        notices: sentences that must be shown beside the scores.
    """

    name: str
    classes: tuple[str, ...]
    results: tuple[EvaluationResult, ...]
    notices: tuple[str, ...]

    @property
    def confusion_matrix(self) -> np.ndarray:
        """(classes, classes) counts over all folds: every face once."""
        return np.sum([result.confusion_matrix for result in self.results], axis=0)

    def summary(self) -> dict:
        """Scores of each fold, their mean and sample standard deviation, and the accuracy of all faces together."""
        counts = self.confusion_matrix
        right, n = int(np.trace(counts)), int(counts.sum())
        return {
            "folds": [{"fold": at, "n": r["n"], **{k: r[k] for k in SCORES}} for at, r in enumerate(self.results, 1)],
            **{name: mean_and_sd([result[name] for result in self.results]) for name in SCORES},
            "pooled": {"n": n, "accuracy": right / n, "accuracy_ci95": list(wilson_interval(right, n))},
            "confusion_matrix": counts.tolist(),
            "classes": list(self.classes),
            "notices": list(self.notices),
        }

    def to_frame(self):
        """One row for each fold.

        Raises:
            InputError: pandas is not installed.
        """
        return make_frame(self.summary()["folds"], "fold")


def cross_validate(
    recipe: Recipe,
    folds: Sequence[FaceDataset],
    place: Path,
    *,
    command: str = "",
    make_observer: Callable[[int], Observer] = lambda fold: Observer(),
) -> CrossValidation | TrainingResult:
    """Train and score a run for each fold into ``place/fold-1`` and so on; folds that are done are not done again.

    Writes ``folds.json``, ``confusion_matrix.csv`` and ``confusion_matrix.png`` of all faces together.

    Args:
        recipe: of all runs.
        folds: of :func:`fer_keras.datasets.folds.make_folds`.
        place: folder of the runs, which may hold some of them.
        command: recorded in each ``run.json``.
        make_observer: called with the number of the fold, from 1.

    Returns:
        The scores; what :func:`train` says where a signal has stopped it.

    Raises:
        DataError: a run in ``place`` was begun with other faces.
    """
    results = []
    for number, dataset in enumerate(folds, start=1):
        run = RunFolder(place / f"fold-{number}")
        run.settle()
        if not run.is_finished:
            _check_faces(run, dataset)
            stopped = train(recipe, dataset, run, command=command, observer=make_observer(number))
            if not stopped.finished:
                return stopped
        _check_faces(run, dataset)
        results.append(evaluate_run(RunFolder.open(run.path), dataset, "test"))
    notices = dict.fromkeys(text for fold in folds for text in fold.notices if not text.startswith("fold "))
    said = next(text for text in folds[0].notices if text.startswith("fold ")).partition(": ")[2]
    found = CrossValidation(place.name, folds[0].classes, tuple(results), (*notices, said))
    _write(found, place)
    return found


def _check_faces(run: RunFolder, dataset: FaceDataset) -> None:
    if not run.run_json.exists():
        return
    known = (read_run_json(run).get("dataset") or {}).get("sha256", dataset.sha256)
    if known != dataset.sha256:
        raise DataError(
            f"{run.path} was begun with other faces than those of this fold",
            allowed=f"sha256 {known[:12]}",
            received=dataset.sha256[:12],
            hint="Give another --name",
        )


def _write(found: CrossValidation, place: Path) -> None:
    summary = found.summary()
    pooled, matrix = summary["pooled"], found.confusion_matrix
    low, high = pooled["accuracy_ci95"]
    title = (
        f"{found.name}: {len(found.results)} folds, every face scored once\n"
        f"n = {pooled['n']:,}   accuracy {pooled['accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
    )
    write_json(place / REPORT, summary)
    write_confusion_matrix(place / "confusion_matrix.csv", matrix, found.classes)
    save_figure(plot_confusion_matrix(matrix, found.classes, title), place / "confusion_matrix.png")
