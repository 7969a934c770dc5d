"""docs/quickstart.ipynb: stripped in git, and every cell executed as a reader would."""

import json
import re
from pathlib import Path

import pytest

from fer_keras.runs.run_folder import RunFolder

nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel (fer_keras[dev])")
NOTEBOOK = Path(__file__).parents[2] / "docs" / "quickstart.ipynb"


def read_notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_no_outputs_and_no_traces_of_a_machine():
    notebook = read_notebook()
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert not cell.metadata
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def executed(tmp_path_factory, monkeypatch_module):
    """The notebook after a run in an empty folder, and that folder."""
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient (fer_keras[dev])")
    pytest.importorskip("ipykernel", reason="needs ipykernel (fer_keras[dev])")
    pytest.importorskip("ai_edge_litert", reason="needs LiteRT, which this system has no wheel of")
    folder = tmp_path_factory.mktemp("notebook")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch_module.setenv(name, str(tmp_path_factory.mktemp("jupyter")))
    notebook = read_notebook()
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=800, kernel_name="python3", resources=resources).execute()
    return notebook, folder


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_run_and_what_is_said_of_it(executed):
    notebook, folder = executed
    text, run = printed(notebook), RunFolder.open(folder / "saved_models" / "quickstart")
    metrics = json.loads((run.evaluation("test") / "metrics.json").read_text())
    assert f"accuracy {metrics['accuracy']:.3f} (" in text
    assert metrics["n"] == 1000
    assert metrics["accuracy"] > 0.4  # chance is 0.143
    assert "NOTICE: synthetic faces" in text
    assert run.curves.is_file()
    (answered,) = re.findall(r"right on (0\.\d{3}) of the test faces", text)
    assert float(answered) == pytest.approx(metrics["accuracy"], abs=0.02)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sizes_and_pictures(executed):
    notebook, folder = executed
    exports = folder / "saved_models" / "quickstart" / "exports"
    sizes = {name: float(size) for name, size in re.findall(r"^(\w+) +([\d.]+) MB", printed(notebook), re.MULTILINE)}
    assert list(sizes) == ["keras", "savedmodel", "tflite", "tflite_dynamic"]
    assert sizes["tflite"] == pytest.approx((exports / "model_float32.tflite").stat().st_size / 1e6, abs=0.006)
    assert sizes["tflite_dynamic"] < 0.5 * sizes["tflite"]
    pictures = [
        output.data["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 4  # samples, curves, confusion matrix, probabilities
    assert min(map(len, pictures)) > 5_000
