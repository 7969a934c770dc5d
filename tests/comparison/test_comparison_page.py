"""The page, the sample faces and the command."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from fer_keras_cli.main import run as run_cli
from PIL import Image

from fer_keras.comparison import compare_runs, describe, page
from fer_keras.comparison.disagreements import draw_disagreements
from fer_keras.comparison.document import check_target
from fer_keras.comparison.page import to_html
from fer_keras.datasets.faces import FaceDataset
from fer_keras.emotions import FER7
from fer_keras.errors import DataError, RunFolderError


def make_dataset(faces, sha256="a" * 64):
    return FaceDataset("fer2013", FER7, {"train": faces, "validation": faces, "test": faces}, "fer2013.csv", sha256)


def test_the_page_needs_nothing_beside_itself(make_run, faces_of):
    runs = [make_run("a <b>", range(10)), make_run("b", range(5, 40))]
    comparison = compare_runs([run.path for run in runs])
    sides = draw_disagreements(comparison, make_dataset(faces_of()))
    html = to_html(comparison, describe(comparison), disagreements=sides)
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html)
    assert "<b>" not in re.sub(r"<b>\w+</b>", "", html)  # names are escaped; the page's own <b> holds a class
    assert html.count("data:image/png") == 3 + 6 + 5  # figures, and the faces of both directions
    assert "prefers-color-scheme: dark" in html


@pytest.mark.usefixtures("without_figures")
def test_without_data_the_page_says_so(make_run):
    comparison = compare_runs([make_run("a", range(10)).path, make_run("b").path])
    assert "run the command again with <code>--data PATH</code>" in to_html(comparison, describe(comparison))


def test_sample_faces_are_those_that_one_gets_right_and_the_other_wrong(make_run, faces_of):
    comparison = compare_runs([make_run("a", range(10)).path, make_run("b", range(5, 40)).path])
    faces = faces_of()
    ((first, second),) = draw_disagreements(comparison, make_dataset(faces))
    assert (first.right, first.n, len(first.samples)) == ("a", 30, 6)
    assert (second.right, second.n, len(second.samples)) == ("b", 5, 5)
    for sample in second.samples:
        row = int(sample.face.split()[1])
        assert row < 5
        assert np.array_equal(sample.pixels, faces.images[row])
        assert sample.label == FER7[row % 7] != sample.wrong
    with pytest.raises(DataError, match="other faces than the runs were scored on"):
        draw_disagreements(comparison, make_dataset(faces, "b" * 64))


@pytest.fixture
def without_figures(monkeypatch):
    """Drawing takes seconds and is tested by itself."""
    monkeypatch.setattr(page, "figure_data_uri", lambda figure: "data:,")


@pytest.mark.usefixtures("without_figures")
def test_an_existing_folder_is_replaced_only_by_force_and_only_if_it_is_a_comparison(make_run, tmp_path):
    out = tmp_path / "out"
    arguments = ["compare", str(make_run("a", range(9)).path), str(make_run("b").path), "--out", str(out)]
    assert run_cli(arguments) == 0
    figures = ["class_f1.png", "confusion_matrices.png", "curves.png"]
    texts = ["comparison.html", "comparison.json", "comparison.md", "pairs.tex", "scores.csv", "scores.tex"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*figures, *texts])
    before = (out / "comparison.md").read_text()
    assert run_cli(arguments) == RunFolderError.exit_code
    assert (out / "comparison.md").read_text() == before
    assert run_cli([*arguments, "--force", "--figures", "pdf,svg", "--width", "16cm", "--no-title"]) == 0
    assert {path.name for path in out.iterdir()} > {"curves.pdf", "curves.svg", "class_f1.pdf"}
    assert run_cli([*arguments, "--force"]) == 0  # vector figures of an earlier comparison are no foreign files
    assert not (out / "curves.pdf").exists()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(RunFolderError, match=r"thesis.tex"):
        check_target(out, force=True)


@pytest.mark.usefixtures("without_figures")
def test_json_on_stdout_is_the_written_document(make_run, tmp_path, capsys):
    paths = [str(make_run("a", range(9)).path), str(make_run("b").path)]
    assert run_cli(["compare", *paths, "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    files = printed.pop("files")
    with open(files["json"], encoding="utf-8") as handle:
        assert json.load(handle) == printed


def test_comparing_needs_no_tensorflow(make_run, tmp_path):
    paths = [str(make_run("a", range(9)).path), str(make_run("b").path)]
    program = (
        "import sys; from fer_keras_cli.main import run; "
        f"code = run({['compare', *paths, '--out', str(tmp_path / 'out')]!r}); "
        "sys.exit(code or 10 * ('tensorflow' in sys.modules or 'keras' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True).returncode == 0


def test_a_failure_leaves_no_folder(make_run, tmp_path):
    Image.new("L", (48, 48)).save(tmp_path / "nobody.png")
    paths = [str(make_run("a", range(9)).path), str(make_run("b").path)]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (tmp_path / "nobody.png").rename(pictures / "nobody.png")
    code = run_cli(["compare", *paths, "--out", str(tmp_path / "out"), "--images", str(pictures)])
    assert code == DataError.exit_code
    assert not (tmp_path / "out").exists()
