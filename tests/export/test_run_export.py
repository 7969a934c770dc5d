import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.errors import DataError, InputError, ModelFileError, RunFolderError
from fer_keras.export import FORMATS, export_run, run_export
from fer_keras.export.formats import DEFAULT_FORMATS, check_formats
from fer_keras.export.parity.checks import ExportChecks, read_tolerances
from fer_keras.export.parity.compare import keras_probabilities, require_parity
from fer_keras.export.tflite import convert as tflite
from fer_keras.export.tflite.metadata import read_contract
from fer_keras.runs.manifest import file_sha256
from fer_keras.runs.run_folder import RunFolder


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
    assert names == {"savedmodel", "model_float32.tflite", "labels.txt", "contract.json", "parity.json"}
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
        (("tflight",), r"Allowed: savedmodel, tflite, .*, torch, all\. Received: 'tflight'\. Did you mean 'tflite'"),
        (("savedmodel", "saved_model"), "Did you mean 'savedmodel'"),
        ((), "unknown export format"),
    ],
)
def test_unknown_formats_are_refused(run, formats, message):
    with pytest.raises(InputError, match=message):
        export_run(run, formats)
    assert not run.exports.exists()


@pytest.fixture
def spoilt_tflite(monkeypatch):
    """The conversion takes a model of other weights."""

    def other_weights(source, *args, **kwargs):
        other = keras.models.clone_model(source)
        other.set_weights([weight * 1.05 for weight in source.get_weights()])
        return convert(other, *args, **kwargs)

    convert = tflite.convert_tflite
    monkeypatch.setattr(tflite, "convert_tflite", other_weights)


def test_a_file_that_fails_is_not_kept_and_the_others_are(run, faces, spoilt_tflite):
    report = export_run(run, images=faces)
    names = {path.name for path in run.exports.iterdir()}
    assert names == {"savedmodel", "labels.txt", "contract.json", "parity.json"}
    entry = json.loads((run.exports / "parity.json").read_text())["exports"]["tflite"]
    assert (entry["passed"], entry["kept"], report["exports"]["savedmodel"]["kept"]) == (False, False, True)
    assert list(json.loads((run.exports / "contract.json").read_text())["files"]) == ["savedmodel"]
    with pytest.raises(ModelFileError, match=r"1 of 2 exports .*model_float32\.tflite: .*differs by 0\.\d+"):
        require_parity(report["exports"])
    RunFolder.open(run.path)


def test_a_failed_file_is_kept_on_request_under_another_name(run, faces, spoilt_tflite, monkeypatch):
    entry = export_run(run, images=faces, checks=ExportChecks(keep_failed=True))["exports"]["tflite"]
    assert (entry["file"], entry["kept"], entry["passed"]) == ("failed_model_float32.tflite", True, False)
    assert (run.exports / entry["file"]).is_file()
    assert not (run.exports / "model_float32.tflite").exists()
    monkeypatch.undo()
    monkeypatch.setattr(run_export, "_load_model", lambda run: keras.models.load_model(run.model))
    export_run(run, ("savedmodel",))
    assert not (run.exports / entry["file"]).exists()


def test_a_first_export_that_fails_leaves_nothing(run, monkeypatch):
    def fail(*args, **kwargs):
        raise ModelFileError("cannot convert")

    monkeypatch.setattr(tflite, "convert_tflite", fail)
    before = tree(run.path)
    with pytest.raises(ModelFileError, match="cannot convert"):
        export_run(run, ("tflite",))
    assert tree(run.path) == before
    assert not [path for path in run.path.iterdir() if "exports" in path.name]


@pytest.fixture
def dataset(faces, classes, cnn):
    """Faces with the labels that the model gives them, so that its accuracy is 1."""
    labels = keras_probabilities(cnn, faces).argmax(axis=1)
    split = Split(faces, labels, np.array([str(i) for i in range(len(faces))]))
    splits = {"train": split, "validation": split, "test": split.take(np.arange(30))}
    return FaceDataset("made", classes, splits, "made for the test", fingerprint(splits, classes))


def test_integer_files_with_a_data_set_contract_and_test_split(run, dataset, classes):
    names = ("tflite_dynamic", "tflite_int8")
    with pytest.raises(InputError, match="tflite_dynamic, tflite_int8: needs the run's data set"):
        export_run(run, names)
    checks = ExportChecks(splits=("validation", "test"), tolerances=read_tolerances(["tflite_int8=50"]))
    report = export_run(run, names, dataset=dataset, calibrate=False, checks=checks)
    for name in names:
        entry = report["exports"][name]
        assert (entry["images"], entry["n"], entry["test"]["n"], entry["keras_accuracy"]) == ("validation", 70, 30, 1.0)
    contract = json.loads((run.exports / "contract.json").read_text())
    assert contract["classes"] == list(classes)
    assert (contract["temperature"], contract["uncertain"]) == (1.0, None)
    file = contract["files"]["tflite_int8"]
    assert file["sha256"] == file_sha256(run.exports / file["file"])
    pixels = {"dtype": "uint8", "shape": ["batch", 48, 48, 1], "quantization": {"scale": 1.0, "zero_point": 0}}
    assert file["input"] == pixels
    inside = read_contract(run.exports / file["file"])
    assert {key: inside[key] for key in contract if key != "files"} == {
        k: v for k, v in contract.items() if k != "files"
    }
    assert inside["input"] == pixels


def test_every_file_has_the_temperature_of_the_run(run, faces, monkeypatch):
    calibration = SimpleNamespace(temperature=2.0, threshold=0.4, target_precision=0.8)
    monkeypatch.setattr(run_export, "_calibration", lambda run, dataset: calibration)
    report = export_run(run, images=faces)
    assert report["temperature"] == 2.0
    assert all(entry["passed"] for entry in report["exports"].values())
    contract = json.loads((run.exports / "contract.json").read_text())
    assert contract["uncertain"] == {"threshold": 0.4, "target_precision": 0.8}
    with pytest.raises(RunFolderError, match="keeps exports with another temperature: savedmodel"):
        export_run(run, ("tflite",), images=faces, calibrate=False)


def test_every_file_has_the_threshold_of_the_run(run, faces, monkeypatch):
    calibration = SimpleNamespace(temperature=2.0, threshold=0.4, target_precision=0.8)
    monkeypatch.setattr(run_export, "_calibration", lambda run, dataset: calibration)
    export_run(run, ("savedmodel",), images=faces)
    calibration.threshold = 0.6
    with pytest.raises(RunFolderError, match="keeps exports with another threshold of 'uncertain': savedmodel"):
        export_run(run, ("tflite",), images=faces)
    calibration.threshold = 0.4
    assert set(export_run(run, ("tflite",), images=faces)["exports"]) == {"savedmodel", "tflite"}


def test_faces_of_other_classes_are_refused(run, dataset):
    other = replace(dataset, classes=tuple(reversed(dataset.classes)))
    with pytest.raises(DataError, match="classes of made"):
        export_run(run, dataset=other)


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"classes": "angry"}'])
def test_a_run_without_class_names_is_refused(run, text):
    run.run_json.write_text(text)
    with pytest.raises(RunFolderError, match=r"class names|cannot read .*run\.json"):
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
    assert FORMATS == {
        "savedmodel": "savedmodel",
        "tflite": "model_float32.tflite",
        "tflite_float16": "model_float16.tflite",
        "tflite_dynamic": "model_dynamic.tflite",
        "tflite_int8": "model_int8.tflite",
        "onnx": "model.onnx",
        "torch": "model_torch.pth",
    }


@pytest.mark.parametrize("installed", [True, False])
def test_all_is_every_format_whose_packages_are_installed(monkeypatch, installed):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if installed else None)
    assert check_formats(("all",)) == (*DEFAULT_FORMATS, "onnx") if installed else DEFAULT_FORMATS
    assert check_formats(("torch", "all", "tflite"))[:2] == ("torch", "savedmodel")


def test_exports_of_an_earlier_version_are_not_mixed_in(run, faces):
    export_run(run, ("savedmodel",), images=faces)
    report = json.loads((run.exports / "parity.json").read_text())
    del report["format_version"]
    (run.exports / "parity.json").write_text(json.dumps(report))
    run.write_manifest()
    with pytest.raises(RunFolderError, match="keeps exports of an earlier version of fer_keras: savedmodel"):
        export_run(run, ("tflite",))


def test_one_format_that_fails_takes_no_other_with_it(run, faces, monkeypatch):
    def refuse(*_):
        raise ModelFileError("the int8 file does not take raw pixels")

    monkeypatch.setattr(tflite, "write_float32", refuse)
    report = export_run(run, images=faces)
    failed = report["exports"]["tflite"]
    assert (failed["passed"], failed["kept"], failed["failures"]) == (
        *(False, False),
        ["the int8 file does not take raw pixels."],
    )
    assert report["exports"]["savedmodel"]["kept"]
    assert not (run.exports / "model_float32.tflite").exists()
    with pytest.raises(ModelFileError, match=r"1 of 2 exports.*raw pixels.*--keep-failed.*--tolerance FORMAT=VALUE"):
        require_parity(report["exports"])
    RunFolder.open(run.path).verify()
    with pytest.raises(ModelFileError, match="raw pixels"):
        export_run(run, ("tflite",), images=faces)


def test_a_file_that_cannot_be_loaded_takes_no_other_with_it(run, faces, monkeypatch):
    def spoil(model, path, contract, calibration_faces):
        path.write_bytes(b"TFL3 nothing")

    monkeypatch.setattr(tflite, "write_float32", spoil)
    report = export_run(run, images=faces, checks=ExportChecks(keep_failed=True))
    assert [entry["passed"] for entry in report["exports"].values()] == [True, False]
    assert (run.exports / "failed_model_float32.tflite").is_file()
