"""Read the runs and decide which of them may stand in one table."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..metrics.frames import make_frame
from ..runs.named_runs import find_run
from ..runs.records import Metrics
from .predictions import Evaluation
from .run_summary import TTAS, RunSummary, read_run

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

# Scores of a row of the table.
_SHOWN = ("n", "accuracy", "macro_f1", "balanced_accuracy", "top2_accuracy", "nll", "ece")


@dataclass(frozen=True)
class Comparison:
    """Runs side by side on one split.

    Attributes:
        split: ``train``, ``validation`` or ``test``.
        runs: in the order given.
        reference: the run whose faces the scores are about: the first that is evaluated on the split; None if none is.
    """

    split: str
    runs: tuple[RunSummary, ...]
    reference: RunSummary | None

    @property
    def faces(self) -> Evaluation | None:
        """An evaluation of the reference run: its data set, classes, ids and labels are those of the comparison."""
        if self.reference is None:
            return None
        return next(iter(self.reference.evaluations.values()))

    @property
    def ttas(self) -> list[str]:
        """``none``, and ``flip`` where any run has it; the two are never mixed."""
        return [tta for tta in TTAS if tta == "none" or any(tta in run.evaluations for run in self.runs)]

    def obstacle(self, run: RunSummary, tta: str) -> str:
        """Why a run has no scores in this comparison; empty where it has."""
        evaluation, faces = run.evaluations.get(tta), self.faces
        if evaluation is None or faces is None:
            return f"not evaluated on {self.split}" + (" with flip TTA" if tta == "flip" else "")
        return difference(evaluation, faces)

    def comparable(self, tta: str) -> list[RunSummary]:
        """Runs whose scores belong into one table."""
        return [run for run in self.runs if not self.obstacle(run, tta)]

    def to_frame(self, tta: str = "none") -> pandas.DataFrame:
        """One row for each run: its scores, or empty cells and the ``obstacle`` where it cannot be compared.

        Args:
            tta: ``none``, or ``flip`` for the scores with test-time augmentation.

        Raises:
            InputError: pandas is not installed.
        """
        return make_frame((self._row(run, tta) for run in self.runs), "run")

    def _row(self, run: RunSummary, tta: str) -> dict:
        obstacle = self.obstacle(run, tta)
        scores = None if obstacle else run.evaluations[tta].metrics
        low, high = (None, None) if scores is None else scores.accuracy_ci95
        return {
            "run": run.name,
            **{name: scores and getattr(scores, name) for name in _SHOWN},
            "accuracy_low": low,
            "accuracy_high": high,
            "obstacle": obstacle,
        }

    def plot(self, ax: Axes | None = None, *, tta: str = "none") -> Axes:
        """Draw the accuracy and its 95 % interval of each run that can be compared.

        Args:
            ax: where to; a new figure by default.
            tta: ``none`` or ``flip``.
        """
        from ..plotting.axes import draw_intervals

        metrics = {run.name: run.evaluations[tta].metrics for run in self.comparable(tta)}
        axes = draw_intervals([(name, one.accuracy, one.accuracy_ci95) for name, one in metrics.items()], ax)
        axes.set_xlabel(f"accuracy on {self.split}")
        return axes


def compare_runs(paths: Sequence[Path | str], split: str = "test") -> Comparison:
    """Read two or more runs, given by path or name.

    Raises:
        InputError: fewer than two runs, or one twice.
        RunFolderError, ModelFileError, DataError: a run is unfinished, changed or damaged.

    Example:
        comparison = fer_keras.compare_runs(["mine", "small"])
        comparison.to_frame()
        comparison.plot()
    """
    folders = [find_run(path) for path in paths]
    if len(folders) < 2:
        raise InputError("nothing to compare", allowed="two runs or more", received=f"{len(folders)}")
    twice = [str(path) for path, n in Counter(path.resolve() for path in folders).items() if n > 1]
    if twice:
        raise InputError("a run is given twice", received=twice[0])
    runs = tuple(read_run(path, name, split) for path, name in zip(folders, unique_names(folders), strict=True))
    reference = next((run for run in runs if run.evaluations), None)
    return Comparison(split, runs, reference)


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Folder names, with as many parents before them as it takes to tell the runs apart."""
    parts = [path.resolve().parts for path in paths]
    depth = 1
    while len({part[-depth:] for part in parts}) < len(set(parts)):
        depth += 1
    shared = Counter(part[-1] for part in parts)
    return ["/".join(part[-depth:]) if shared[part[-1]] > 1 else part[-1] for part in parts]


def difference(evaluation: Evaluation, reference: Evaluation) -> str:
    """Say why two evaluations are not about the same faces and labels; empty if they are."""
    mine, theirs = evaluation.metrics, reference.metrics
    if evaluation.classes != reference.classes:
        return f"other classes or another order of them: {', '.join(evaluation.classes)}"
    if not _same_faces(mine, theirs):
        return (
            f"scored on another data set: {mine.dataset or 'unnamed'}, sha256 {mine.dataset_sha256[:12]} "
            f"instead of {theirs.dataset_sha256[:12]}"
        )
    if evaluation.faces_sha256 == reference.faces_sha256:
        return ""
    if sorted(evaluation.ids) == sorted(reference.ids):
        return "the same faces in another order or with other labels"
    return f"other faces: {len(evaluation.ids):,} with other ids than the {len(reference.ids):,} of the comparison"


def _same_faces(mine: Metrics, theirs: Metrics) -> bool:
    """Whether the evaluated split is the same; the data sets may differ in another, as with train_without_leaks."""
    if mine.split_sha256 and theirs.split_sha256:
        return mine.split_sha256 == theirs.split_sha256
    return mine.dataset_sha256 == theirs.dataset_sha256


def evaluate_command(run: RunSummary, split: str, tta: str) -> str:
    """What to type to fill the scores of a run."""
    return f"fer-keras evaluate {shlex.quote(str(run.folder.path))} --split {split} --tta {tta}"
