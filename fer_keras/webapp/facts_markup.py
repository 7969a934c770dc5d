"""HTML of what is known about a model: score, data, recall of each class, runtime."""

from __future__ import annotations

from html import escape

from .model_facts import ModelFacts, Score
from .theme import paint, percent


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


_UNKNOWN = "<div><dt>score</dt><dd>unknown</dd><small>this file lies in no run folder with an evaluation</small></div>"


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
