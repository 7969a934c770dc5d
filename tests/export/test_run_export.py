import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from fer_keras.errors import InputError, ModelFileError, RunFolderError
from fer_keras.export import FORMATS, export_run, run_export, tflite
from fer_keras.run_folder import RunFolder, file_sha256


@pytest.fixture
def run(cnn, classes, tmp_path, monkeypatch):
    """A finished run of the small model; loading is another module's work."""
    folder = RunFolder.create(tmp_path / "run")
    folder.recipe.write_text("model: {name: cnn}\n")
    folder.run_json.write_text(json.dumps({"classes": list(classes)}))
    cnn.save(folder.model)
    monkeypatch.setattr(run_export, "_load_model", lambda run: keras.models.load_model(run.model))
    return folder


def tree(folder):
    return {str(p.relative_to(folder)): file_sha256(p) for p in folder.rglob("*") if p.is_file()}


def test_both_formats_with_labels_parity_and_manifest(run, classes, faces):
    report = export_run(run, images=faces)
    names = {path.name for path in run.exports.iterdir()}
    assert names == {"savedmodel", "model_float32.tflite", "labels.txt", "parity.json"}
    assert (run.exports / "labels.txt").read_text() == "".join(f"{name}\n" for name in classes)
    assert json.loads((run.exports / "parity.json").read_text()) == report
    assert report["model_sha256"] == file_sha256(run.model)
    assert [entry["images"] for entry in report["exports"].values()] == ["given faces"] * 2
    assert "exports/savedmodel/assets/labels.txt" in json.loads(run.manifest.read_text())["sha256"]
    RunFolder.open(run.path)


def test_without_faces_the_report_says_so(run):
    entry = export_run(run, ("tflite",))["exports"]["tflite"]
    assert (entry["images"], entry["n"], entry["passed"]) == ("random pixels", 256, True)


def test_other_formats_and_their_proof_are_kept(run, faces):
    first = export_run(run, ("savedmodel",), images=faces)
    second = export_run(run, ("tflite", "tflite"))
    assert (run.exports / "savedmodel" / "saved_model.pb").is_file()
    assert list(second["exports"]) == ["savedmodel", "tflite"]
    assert second["exports"]["savedmodel"] == first["exports"]["savedmodel"]
    RunFolder.open(run.path)


def test_exports_of_another_model_are_not_mixed_in(run, cnn, faces):
    export_run(run, images=faces)
    other = keras.models.clone_model(cnn)
    other.save(run.model)
    before = tree(run.exports)
    with pytest.raises(RunFolderError, match="exports of another model: savedmodel"):
        export_run(run, ("tflite",))
    assert tree(run.exports) == before
    assert export_run(run)["model_sha256"] == file_sha256(run.model)


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (("tflight",), r"Allowed: savedmodel, tflite, torch\. Received: 'tflight'\. Did you mean 'tflite'"),
        (("savedmodel", "saved_model"), "Did you mean 'savedmodel'"),
        ((), "unknown export format"),
    ],
)
def test_unknown_formats_are_refused(run, formats, message):
    with pytest.raises(InputError, match=message):
        export_run(run, formats)
    assert not run.exports.exists()


def test_a_broken_export_is_refused_and_the_old_one_kept(run, faces, monkeypatch):
    export_run(run, images=faces)
    before = tree(run.path)

    def other_weights(source):
        other = keras.models.clone_model(source)
        other.set_weights([weight * 1.05 for weight in source.get_weights()])
        return convert(other)

    convert = tflite.convert_float32
    monkeypatch.setattr(tflite, "convert_float32", other_weights)
    with pytest.raises(ModelFileError, match=r"model_float32\.tflite differs .* by 0\.\d+ .*tolerance 0\.0001"):
        export_run(run, images=faces)
    assert tree(run.path) == before
    RunFolder.open(run.path)


def test_a_first_export_that_fails_leaves_nothing(run, monkeypatch):
    def fail(source):
        raise ModelFileError("cannot convert")

    monkeypatch.setattr(tflite, "convert_float32", fail)
    before = tree(run.path)
    with pytest.raises(ModelFileError, match="cannot convert"):
        export_run(run)
    assert tree(run.path) == before
    assert not [path for path in run.path.iterdir() if "exports" in path.name]


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"classes": "angry"}'])
def test_a_run_without_class_names_is_refused(run, text):
    run.run_json.write_text(text)
    with pytest.raises(RunFolderError, match=r"class(es|\b)"):
        export_run(run)


@pytest.mark.parametrize("formats", [("tflite",), ("savedmodel",)])
def test_class_names_that_do_not_fit_are_refused(run, formats):
    run.run_json.write_text('{"classes": ["happy", "sad"]}')
    with pytest.raises(InputError, match="7 names, one for each logit"):
        export_run(run, formats)
    assert not run.exports.exists()


def test_unusable_faces_are_refused_before_any_work(run):
    with pytest.raises(InputError, match="unusable array of faces"):
        export_run(run, images=np.zeros((3, 64, 64, 1), np.uint8))


def test_a_place_that_cannot_be_written_is_named(run):
    run.exports.write_text("a file in the way")
    with pytest.raises(RunFolderError, match="cannot write"):
        export_run(run, ("tflite",))
    assert run.exports.read_text() == "a file in the way"


def test_importing_the_folder_imports_no_tensorflow():
    code = "import sys, fer_keras.export; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_file_names_are_those_of_the_contract():
    assert FORMATS == {"savedmodel": "savedmodel", "tflite": "model_float32.tflite", "torch": "model_torch.pth"}
