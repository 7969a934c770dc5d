"""The comparison as Markdown: the same tables as the page, without pictures."""

from __future__ import annotations

from . import cost_tables, tables
from .tables import Table


def to_markdown(document: dict) -> str:
    """Return the whole comparison as one Markdown text."""
    parts = [f"# Comparison of {len(document['runs'])} networks", _summary(document)]
    parts += [f"> **{notice}**" for notice in document["notices"]]
    for tta in document["scores"]:
        parts += [f"## Scores, {'flip TTA' if tta == 'flip' else 'no TTA'}", table(tables.score_table(document, tta))]
        if document["pairs"][tta]:
            parts.append(table(tables.pair_table(document, tta)))
        if any(row["scores"] for row in document["scores"][tta]):
            parts.append(table(tables.class_table(document, tta)))
    parts += ["## Training", table(cost_tables.training_table(document))]
    costs = (cost_tables.network_table(document), cost_tables.latency_table(document))
    parts += ["## Size and latency", *map(table, costs)]
    parts += ["## Recipes", *_recipes(document), table(tables.origin_table(document))]
    if document["pictures"]:
        parts += ["## Own pictures", document["pictures"]["how"], document["pictures"]["warning"]]
        parts += [table(part) for part in tables.picture_tables(document["pictures"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(document: dict) -> str:
    sha256 = f", sha256 {document['dataset_sha256'][:12]}" if document["dataset_sha256"] else ""
    return f"{tables.faces_text(document, 'none').removesuffix(', no TTA')}{sha256}. Made {document['date']}."


def _recipes(document: dict) -> list[str]:
    if not document["recipe_differences"]:
        return ["The recipes are the same in every key."]
    return [table(tables.recipe_table(document))]


def table(content: Table) -> str:
    """Return one pipe table under its caption, with its notes as a list."""
    align = ["---" if i == 0 or i in content.text_columns else "---:" for i in range(len(content.head))]
    lines = [f"**{_escape(content.caption)}**", "", _line([_escape(name) for name in content.head]), _line(align)]
    lines += [_line([_escape(cell) for cell in row]) for row in content.rows]
    notes = [f"- {_escape(text)}" + (f": {_code(command)}" if command else "") for text, command in content.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(command: str) -> str:
    fence = "``" if "`" in command else "`"
    return f"{fence}{command}{fence}"


def _escape(text: str) -> str:
    """File and run names come from outside: no markup of theirs may come alive."""
    text = " ".join(text.split())
    for sign in "\\`*_<>[]|":
        text = text.replace(sign, "\\" + sign)
    return text
