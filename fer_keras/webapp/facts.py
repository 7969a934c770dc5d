"""What is known about a model: scores, on which data, from the files of its run folder; and its HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from ..errors import FerKerasError
from ..inference.predictor import Predictor
from ..runs.records import read_metrics, read_parity
from ..runs.run_folder import RunFolder
from .theme import paint, percent

# FER2013's own names of its splits, which its literature uses.
_FER2013_SPLITS = {"test": "PrivateTest", "validation": "PublicTest"}
_UNKNOWN = "<div><dt>score</dt><dd>unknown</dd><small>this file lies in no run folder with an evaluation</small></div>"


@dataclass(frozen=True)
class Score:
    """One evaluation of a run.

    Attributes:
        split: ``test`` or ``validation``.
        data: name of the data set.
        n: faces.
        accuracy, ci95: 0..1.
        distinct: n and accuracy without copies of training faces; None where that was not measured.
        recall: by class, 0..1.
        support: faces by class.
    """

    split: str
    data: str
    n: int
    accuracy: float
    ci95: tuple[float, float] | None = None
    distinct: tuple[int, float] | None = None
    recall: Mapping[str, float] = field(default_factory=dict)
    support: Mapping[str, int] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Such as ``FER2013 PrivateTest``."""
        if self.data == "fer2013":
            return f"FER2013 {_FER2013_SPLITS.get(self.split, self.split)}"
        return f"{self.data}, {self.split} split"


@dataclass(frozen=True)
class ModelFacts:
    """One model file.

    Attributes:
        name: of the run, else of the file.
        file: name of the file.
        runtime: library and version.
        threshold: confidence below which an answer is called uncertain; None where there is none.
        scores: of the run's model as it was trained, test split first.
        of_file: n, accuracy of this very file and of the run's model on the same validation images.
    """

    name: str
    file: str
    runtime: str
    threshold: float | None
    scores: tuple[Score, ...] = ()
    of_file: tuple[int, float, float] | None = None


def read_facts(path: Path, predictor: Predictor) -> ModelFacts:
    """Collect what lies beside an export; a file without a run folder has no scores.

    Args:
        path: of the export, as loaded.
        predictor: that loaded it.
    """
    facts = ModelFacts(predictor.run or path.stem, path.name, predictor.runtime, predictor.threshold)
    if path.parent.name != "exports":
        return facts
    run = RunFolder(path.parent.parent)
    scores = tuple(score for split in ("test", "validation") if (score := _read_score(run, split)) is not None)
    return ModelFacts(facts.name, facts.file, facts.runtime, facts.threshold, scores, _of_file(run, path.name))


def _read_score(run: RunFolder, split: str) -> Score | None:
    """A damaged file counts as a missing one: the page then says that no score is known."""
    try:
        metrics = read_metrics(run, run.evaluation(split))
    except FerKerasError:
        return None
    distinct = metrics.deduplicated
    return Score(
        split=split,
        data=metrics.dataset or "unnamed data",
        n=metrics.n,
        accuracy=metrics.accuracy,
        ci95=metrics.accuracy_ci95,
        distinct=None if distinct.n is None or distinct.accuracy is None else (distinct.n, distinct.accuracy),
        recall={name: row.recall for name, row in metrics.per_class.items()},
        support={name: row.support for name, row in metrics.per_class.items()},
    )


def _of_file(run: RunFolder, name: str) -> tuple[int, float, float] | None:
    try:
        entries = (read_parity(run) or {"exports": {}})["exports"]
    except FerKerasError:
        return None
    for row in entries.values():
        if row["file"] == name and row.get("accuracy") is not None and row.get("images") == "validation":
            return row["n"], row["accuracy"], row["keras_accuracy"]
    return None


def facts_card(facts: ModelFacts) -> str:
    """One model for the sidebar."""
    body = "".join(_score_rows(score, score is facts.scores[0]) for score in facts.scores) or _UNKNOWN
    if facts.of_file:
        n, accuracy, trained = facts.of_file
        note = f"on validation, n = {n:,}; as it was trained {percent(trained, 2)}"
        body += _row("this file", percent(accuracy, 2), note)
    recall = _recall(facts.scores[0]) if facts.scores and facts.scores[0].recall else ""
    threshold = "no threshold" if facts.threshold is None else percent(facts.threshold)
    return (
        f'<section class="fk-facts"><h4>{escape(facts.name)}</h4><dl>{body}</dl>{recall}<dl>'
        f"{_row('uncertain below', threshold)}{_row('file', escape(facts.file))}"
        f"{_row('runs on', escape(facts.runtime))}</dl></section>"
    )


def facts_line(facts: tuple[ModelFacts, ...]) -> str:
    """Which model, which score, on what data: one line that a phone shows too, where the sidebar is folded away."""
    chips = dict.fromkeys(_chip(item) for item in facts)  # two files of one run have one score
    return f'<div class="fk-chips">{"".join(chips)}</div>'


def _chip(facts: ModelFacts) -> str:
    name = f"<b>{escape(facts.name)}</b>"
    if not facts.scores:
        return f"<span>{name}: no score known</span>"
    score = facts.scores[0]
    where = f"right on {escape(score.where)}, n&nbsp;=&nbsp;{score.n:,}"
    return f"<span>{name}: <b>{percent(score.accuracy, 2)}</b> {where}</span>"


def _row(term: str, value: str, note: str = "") -> str:
    small = f"<small>{note}</small>" if note else ""
    return f"<div><dt>{term}</dt><dd>{value}</dd>{small}</div>"


def _score_rows(score: Score, first: bool) -> str:
    low_high = ""
    if score.ci95:
        low_high = f", 95 % interval {percent(score.ci95[0], 1)} to {percent(score.ci95[1], 1)}"
    rows = _row(escape(score.where), f"<b>{percent(score.accuracy, 2)}</b>", f"accuracy, n = {score.n:,}{low_high}")
    if score.distinct and first:
        n, accuracy = score.distinct
        rows += _row("without copies", percent(accuracy, 2), f"of training faces, n = {n:,}")
    return rows


def _recall(score: Score) -> str:
    colors = paint(tuple(score.recall))
    rows = "".join(
        f'<li><span>{escape(name)}</span><span class="fk-track"><i style="width:{share:.1%};--c:{colors[name][0]}">'
        f"</i></span><span>{percent(share)}</span></li>"
        for name, share in score.recall.items()
    )
    title = f"Recall per class, {escape(score.where)}"
    return f'<p class="fk-label">{title}</p><ul class="fk-bars fk-small" aria-label="{title}">{rows}</ul>'
