"""LaTeX tables: names that are no commands, numbers that are those of the document, and that a page takes them."""

import csv
import io
import re
import shutil
import subprocess

import pytest

from fer_keras.comparison import compare_runs, describe
from fer_keras.comparison.latex import escape, pairs_tex, scores_tex
from fer_keras.comparison.tables import scores_csv

PAGE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[textwidth=16cm]{geometry}
\usepackage{booktabs}
\begin{document}
\input{scores.tex}
\input{pairs.tex}
\end{document}
"""
LONG = "cnn_small-fer2013-20261121-143059"


@pytest.fixture
def document(make_run):
    runs = [make_run(LONG, range(20)), make_run("b_100%&$#", range(15, 40), seed=1), make_run("c", range(9), seed=2)]
    return describe(compare_runs([run.path for run in runs]))


def test_every_sign_that_latex_reads_is_escaped():
    assert escape("a_b & 5 % $x$ {y} #1 ~ ^ \\") == (
        r"a\_b \& 5 \% \$x\$ \{y\} \#1 \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("x\n\\input{y}") == r"x \textbackslash{}input\{y\}"


def test_tables_hold_the_numbers_of_the_document(document):
    scores = document["scores"]["none"][0]["scores"]
    text = scores_tex(document)
    assert rf"& {100 * scores['accuracy']:.2f} &" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\caption{", r"\label{tab:scores-none}"):
        assert rule in text
    pair = document["pairs"]["none"][0]
    assert f"{pair['only_first_right']} : {pair['only_second_right']}" in pairs_tex(document)
    assert "|" not in re.sub(r"\\textbar", "", text)  # booktabs: no upright rules


def test_scores_csv_holds_every_digit(document):
    rows = list(csv.DictReader(io.StringIO(scores_csv(document))))
    assert [row["run"] for row in rows] == [row["run"] for row in document["scores"]["none"]]
    for row, entry in zip(rows, document["scores"]["none"], strict=True):
        assert float(row["accuracy"]) == entry["scores"]["accuracy"]
        assert float(row["f1_happy"]) == entry["scores"]["per_class"]["happy"]["f1"]


def test_a_run_without_scores_has_empty_cells(make_run):
    runs = [make_run("a", range(9)), make_run("b", None)]
    document = describe(compare_runs([run.path for run in runs]))
    rows = list(csv.DictReader(io.StringIO(scores_csv(document))))
    assert set(list(rows[1].values())[3:]) == {""}
    assert pairs_tex(document).count("\\begin{table}") == 0


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here (Debian: texlive-latex-recommended)")
def test_a_page_of_16_cm_takes_both_tables(document, tmp_path):
    (tmp_path / "scores.tex").write_text(scores_tex(document), encoding="utf-8")
    (tmp_path / "pairs.tex").write_text(pairs_tex(document), encoding="utf-8")
    (tmp_path / "page.tex").write_text(PAGE, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 10_000
    assert "Overfull" not in done.stdout
