"""The document as tables of ready text, the same for HTML and Markdown. Empty cells are empty, with a note below."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..metrics.scores import spread_text


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        caption: what it shows, on which faces, with which n.
        head: column names; the first column names the row.
        rows: text of every cell.
        notes: (sentence, command or "") below the table: why cells are empty and what would fill them.
        text_columns: numbers of columns that hold words.
        summary_rows: how many rows at the end are means over seeds.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]
    notes: list[tuple[str, str]] = field(default_factory=list)
    text_columns: tuple[int, ...] = ()
    summary_rows: int = 0


def percent(value: float | None, decimals: int = 2) -> str:
    return "" if value is None else f"{100 * value:.{decimals}f}"


def number(value: float | None, decimals: int = 3) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def interval(values: Sequence[float] | None, scale: float = 1, decimals: int = 3, sign: str = "") -> str:
    return "" if values is None else "[" + ", ".join(f"{scale * value:{sign}.{decimals}f}" for value in values) + "]"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def significant(value: float | None) -> str:
    """Three digits that count, without an exponent."""
    if value is None:
        return ""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{decimals}f}"


def megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.2f}"


def run_label(row: dict) -> str:
    """Name of the run of a row, marked where it is about synthetic faces."""
    return f"{row['run']} (SYNTHETIC)" if row.get("synthetic") else row["run"]


def faces_text(document: dict, tta: str) -> str:
    """Which faces the scores are about, in words."""
    n = f"n = {document['n']:,}" if document["n"] else "not evaluated"
    name = document["dataset"] or "unknown data"
    return f"{document['split']} split of {name}, {n}, " + ("flip TTA" if tta == "flip" else "no TTA")


def score_table(document: dict, tta: str) -> Table:
    """Accuracy and macro-F1 with intervals, one row per run, then each recipe with several seeds."""
    head = ["run", "accuracy %", "95 % interval", "macro-F1", "95 % interval", "balanced acc. %"]
    head += ["top-2 %", "NLL", "ECE", "accuracy % without copies (n)"]
    rows = [[run_label(row), *_score_cells(row["scores"])] for row in document["scores"][tta]]
    seeds = [_seed_cells(row) for row in document["seeds"][tta]]
    notes = [(f"{row['run']}: {row['obstacle']}", row["command"]) for row in document["scores"][tta] if row["obstacle"]]
    notes += [
        (f"{'Two seeds' if row['n_seeds'] == 2 else 'Mean and sd over seeds'}: {', '.join(row['runs'])}", "")
        for row in document["seeds"][tta]
    ]
    notes.append(("Without copies: faces with an exact or near copy in the training split are not counted", ""))
    if any(row["scores"] and row["scores"]["calibrated"] for row in document["scores"][tta]):
        fitted = "fitted on validation, which chose the epoch too"
        notes.append((f"NLL, ECE: at temperature 1 → calibrated, with the temperature {fitted}", ""))
    return Table(f"Scores: {faces_text(document, tta)}", head, rows + seeds, notes, summary_rows=len(seeds))


SCORE_KEYS = ("accuracy", "macro_f1", "balanced_accuracy", "top2_accuracy", "nll", "ece")


def scores_csv(document: dict) -> str:
    """Every score of every run as CSV with all its digits; empty where a run has none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounds = ("accuracy_low", "accuracy_high", "macro_f1_low", "macro_f1_high")
    copies = ("accuracy_without_copies", "macro_f1_without_copies", "n_without_copies")
    classes = document["classes"] or []
    writer.writerow(["run", "split", "tta", "n", *SCORE_KEYS, *bounds, *copies, *(f"f1_{name}" for name in classes)])
    for tta, rows in document["scores"].items():
        for row in rows:
            writer.writerow([row["run"], document["split"], tta, *_score_values(row["scores"], classes)])
    return text.getvalue()


def _score_values(scores: dict | None, classes: Sequence[str]) -> list:
    if scores is None:
        return [""] * (1 + len(SCORE_KEYS) + 7 + len(classes))
    clean = scores["deduplicated"]
    values = [scores["n"], *(scores[key] for key in SCORE_KEYS), *scores["accuracy_ci95"], *scores["macro_f1_ci95"]]
    values += [clean[key] for key in ("accuracy", "macro_f1", "n")]
    values += [scores["per_class"][name]["f1"] for name in classes]
    return ["" if value is None else value for value in values]


def _score_cells(scores: dict | None) -> list[str]:
    if scores is None:
        return [""] * 9
    clean = scores["deduplicated"]
    without = f"{percent(clean['accuracy'])} ({count(clean['n'])})" if clean["accuracy"] is not None else ""
    return [
        percent(scores["accuracy"]),
        interval(scores["accuracy_ci95"], 100, 2),
        number(scores["macro_f1"]),
        interval(scores["macro_f1_ci95"]),
        percent(scores["balanced_accuracy"]),
        percent(scores["top2_accuracy"]),
        _before_after(scores, "nll"),
        _before_after(scores, "ece"),
        without,
    ]


def _before_after(scores: dict, key: str) -> str:
    calibrated = scores["calibrated"]
    return number(scores[key]) if calibrated is None else f"{number(scores[key])} → {number(calibrated[key])}"


def _seed_cells(row: dict) -> list[str]:
    seeds = " and ".join(map(str, row["seeds"])) if row["n_seeds"] == 2 else f"mean ± sd, n = {row['n_seeds']}"
    accuracy, balanced = (spread_text(row[key]["values"], ".2f", 100) for key in ("accuracy", "balanced_accuracy"))
    macro = spread_text(row["macro_f1"]["values"], ".3f")
    name = f"{row['runs'][0]} and seeds: {seeds}"
    return [name, accuracy, "", macro, "", balanced, "", "", "", ""]


ALPHA = 0.05


def is_different(document: dict, first: str, second: str, tta: str = "none") -> bool:
    """Whether McNemar's test, adjusted for all pairs of the table, tells two runs apart at 5 %."""
    pairs = (row for row in document["pairs"][tta] if {row["first"], row["second"]} == {first, second})
    return any(row["holm_p"] < ALPHA for row in pairs)


def class_table(document: dict, tta: str) -> Table:
    """F1 of each class, one column per comparable run."""
    rows = [row for row in document["scores"][tta] if row["scores"]]
    head = ["class", *(run_label(row) for row in rows), "faces"]
    cells = []
    for name in document["classes"] or []:
        entries = [row["scores"]["per_class"][name] for row in rows]
        cells.append([name, *(number(entry["f1"]) for entry in entries), count(entries[0]["support"])])
    return Table(f"F1 of each class: {faces_text(document, tta)}", head, cells)


def pair_table(document: dict, tta: str) -> Table:
    """McNemar's test and paired intervals, one row per pair."""
    head = ["first / second", "only first right", "only second right", "accuracy difference (points)", "95 % interval"]
    head += ["McNemar p", "p (Holm)", "macro-F1 difference", "95 % interval"]
    rows = [
        [
            f"{row['first']} / {row['second']}",
            count(row["only_first_right"]),
            count(row["only_second_right"]),
            f"{100 * row['accuracy_difference']:+.2f}",
            interval(row["accuracy_difference_ci95"], 100, 2, "+"),
            p_value(row["mcnemar_p"]),
            p_value(row["holm_p"]),
            f"{row['macro_f1_difference']:+.3f}",
            interval(row["macro_f1_difference_ci95"], 1, 3, "+"),
        ]
        for row in document["pairs"][tta]
    ]
    method = document["method"]
    n = f"{len(rows)} pair{'s' if len(rows) > 1 else ''}"
    notes = [
        (f"p: {method['mcnemar_p']}. p (Holm): adjusted by Holm for the {n} of this table", ""),
        (f"Intervals: {method['differences_ci95']}", ""),
    ]
    return Table(f"First minus second on the same faces: {faces_text(document, tta)}", head, rows, notes)


def recipe_table(document: dict) -> Table:
    """Recipe keys that differ."""
    names = [row["run"] for row in document["runs"]]
    rows = [[row["key"], *(_value(value) for value in row["values"])] for row in document["recipe_differences"]]
    return Table("Recipe keys that are not the same in all runs", ["key", *names], rows)


def _value(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def origin_table(document: dict) -> Table:
    """Where each run comes from."""
    rows, packages = [], ("fer_keras", "keras", "tensorflow", "jax")
    for run in document["runs"]:
        data, versions = run["trained_on"], run["versions"] or {}
        faces = data["faces"] or {}
        rows.append(
            [
                run_label(run),
                " ".join(filter(None, (data["name"], (data["sha256"] or "")[:12]))),
                ", ".join(f"{n:,} {name}" for name, n in faces.items()),
                run["precision"] or "",
                ", ".join(f"{name} {versions[name]}" for name in packages if name in versions),
                (run["git_commit"] or "")[:10],
                (run["finished"] or "")[:16].replace("T", " "),
                run["command"] or "",
            ]
        )
    head = ["run", "trained on", "faces", "precision", "versions", "commit", "finished", "command"]
    return Table("Where the runs come from", head, rows, text_columns=(1, 2, 4, 7))


def picture_tables(pictures: dict) -> tuple[Table, Table]:
    """Accuracy on the user's own pictures, and every picture with every network."""
    networks = [
        [
            row["run"],
            f"{row['correct']} of {row['n']}",
            percent(row["accuracy"], 0),
            "" if row["accuracy_ci95"] is None else interval(row["accuracy_ci95"], 100, 0),
            row["runtime"],
        ]
        for row in pictures["networks"]
    ]
    notes = [(f"Not scored: {row['file']}: {row['reason']}", "") for row in pictures["unusable"]]
    head = ["run", "right", "accuracy %", "95 % interval", "scored with"]
    first = Table(f"{pictures['n']} pictures of {pictures['folder']}", head, networks, notes, text_columns=(4,))
    names = [row["run"] for row in pictures["networks"]]
    rows = [
        [row["file"], row["label"], *(result_text(row["results"][name]) for name in names)]
        for row in pictures["pictures"]
    ]
    columns = tuple(range(1, len(names) + 2))
    return first, Table("Each picture", ["picture", "label", *names], rows, text_columns=columns)


def result_text(result: dict) -> str:
    """``✓ happy 87 %``: sign, prediction, probability; ``–`` where the network has no such class."""
    sign = {True: "✓ right:", False: "✗ wrong:", None: "– not its class:"}[result["correct"]]
    return f"{sign} {result['predicted']} {result['probability']:.0%}"
