"""The scores and the pairs of a comparison as LaTeX tables, to be ``\\input`` by a thesis. Needs ``booktabs`` alone."""

from __future__ import annotations

import re
from dataclasses import replace

from . import tables
from .tables import Table

_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"},
    **{">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "→": r"$\rightarrow$", "–": "--", "…": r"\dots{}"},
    **{"✓": r"$\surd$", "✗": r"$\times$", '"': "''", "[": "{[}", "]": "{]}"},
}
# Columns that a page of 16 cm has room for; all of them stand in scores.csv.
_SCORE_COLUMNS = (0, 1, 2, 3, 4, 5, 9)
_HEADS = {
    "balanced acc. %": ("bal. acc.", r"\%"),
    "accuracy % without copies (n)": ("without copies", r"\% (n)"),
    "first / second": ("first /", "second"),
    "accuracy difference (points)": ("accuracy", "(points)"),
    "macro-F1 difference": ("macro-F1", "difference"),
    "McNemar p": ("McNemar", "p"),
    "accuracy %": ("accuracy", r"\%"),
    "95 % interval": (r"95\,\%", "interval"),
    "only one right": ("only one", "right"),
}


def scores_tex(document: dict) -> str:
    """One table per test-time augmentation that was scored."""
    return _document(
        [
            _table(_narrowed(tables.score_table(document, tta)), f"scores-{tta}")
            for tta in document["scores"]
            if any(row["scores"] for row in document["scores"][tta])
        ]
    )


def _narrowed(content: Table) -> Table:
    head, *rows = ([row[i] for i in _SCORE_COLUMNS] for row in (content.head, *content.rows))
    notes = [(text, command) for text, command in content.notes if not text.startswith("NLL")]
    return replace(content, head=head, rows=rows, notes=notes)


def pairs_tex(document: dict) -> str:
    """The paired tests, one table per test-time augmentation with two comparable runs or more."""
    ttas = [tta for tta in document["pairs"] if document["pairs"][tta]]
    return _document([_table(_counted_together(tables.pair_table(document, tta)), f"pairs-{tta}") for tta in ttas])


def _counted_together(content: Table) -> Table:
    """Both counts of McNemar's test in one column."""
    rows = [[name, f"{first} : {second}", *rest] for name, first, second, *rest in content.rows]
    return replace(content, head=[content.head[0], "only one right", *content.head[3:]], rows=rows)


def _document(parts: list[str]) -> str:
    head = "% Made by fer-keras compare. In the preamble: \\usepackage{booktabs}\n"
    return head + "\n".join(parts or ["% there is nothing to compare\n"])


def _table(content: Table, label: str) -> str:
    heads = [_HEADS.get(name, ("", escape(name))) for name in content.head]
    lines = [
        *(r"\begin{table}[htbp]", r"\centering", r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"),
        rf"\caption{{{escape(content.caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{@{{}}p{{3.4cm}}{'r' * (len(heads) - 1)}@{{}}}}",
        r"\toprule",
        *(" & ".join(head[line] for head in heads) + r" \\" for line in (0, 1)),
        r"\midrule",
    ]
    first_mean = len(content.rows) - content.summary_rows
    for number, (name, *cells) in enumerate(content.rows):
        if number == first_mean:
            lines.append(r"\addlinespace")
        lines.append(" & ".join((rf"\raggedright {_breakable(name)}", *map(_number, cells))) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", *_notes(content), r"\end{table}"]
    return "\n".join(lines) + "\n"


def _breakable(name: str) -> str:
    """Run names are long words: they may break after the signs that part them."""
    return re.sub(r"(-|\\_|/)", r"\1\\allowbreak{}", escape(name))


def _number(text: str) -> str:
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", escape(text))


def _notes(content: Table) -> list[str]:
    return [rf"\par\smallskip\raggedright {_breakable(text)}." for text, _ in content.notes]


def escape(text: str) -> str:
    """Names come from outside: no sign of theirs may become a command."""
    return "".join(_SIGNS.get(sign, sign) for sign in " ".join(text.split()))
