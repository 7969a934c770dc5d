"""The Python API on the model in the package."""

import json
import subprocess
import sys

import numpy as np
import pytest
from composed_pictures import FixedDetector, box_at, compose
from fer_keras_cli.main import run as run_command
from PIL import Image

from fer_keras.emotions import FER7
from fer_keras.errors import InputError, ModelFileError, RunFolderError
from fer_keras.export.tflite.metadata import read_contract
from fer_keras.inference import Box, Predictor
from fer_keras.inference.model_files import PACKAGED_RUNS, find_export, packaged_file


@pytest.fixture(scope="module")
def predictor():
    return Predictor(detector=FixedDetector(box_at(100, 80)))


@pytest.fixture(scope="module")
def packaged():
    return packaged_file(PACKAGED_RUNS[0])


@pytest.mark.parametrize("run", PACKAGED_RUNS)
def test_the_models_come_with_the_package_and_have_names(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert packaged_file(run).is_file()
    predictor = Predictor(run, detector="none")
    assert predictor.classes == FER7
    assert predictor.image_size == 48
    assert 0 < predictor.threshold < 1
    assert predictor.run == run
    assert Predictor(detector="none").run == PACKAGED_RUNS[0]


def test_a_folder_of_the_name_of_a_packaged_model_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / PACKAGED_RUNS[0]).mkdir()
    with pytest.raises(InputError, match="this folder is no run"):
        Predictor(PACKAGED_RUNS[0], detector="none")


def test_package_data_lists_the_model():
    import configparser
    from pathlib import Path

    setup = configparser.ConfigParser()
    setup.read(Path(__file__).resolve().parents[2] / "setup.cfg")
    patterns = setup["options.package_data"]["fer_keras_saved_models"].split()
    for run in PACKAGED_RUNS:
        place = Path(run, "exports", packaged_file(run).name)
        assert any(place.match(pattern) for pattern in patterns), run


@pytest.fixture
def run_with_export(tmp_path, packaged):
    """A run folder with one export, and the calibration that the export carries."""
    contract = read_contract(packaged)
    (tmp_path / "run" / "exports").mkdir(parents=True)
    (tmp_path / "run" / "exports" / packaged.name).write_bytes(packaged.read_bytes())
    (tmp_path / "run" / "recipe.yaml").write_text("model: {name: cnn_small}\n")
    found = {"temperature": contract["temperature"], "threshold": contract["uncertain"]["threshold"]}
    (tmp_path / "run" / "calibration.json").write_text(json.dumps(found))
    return tmp_path / "run"


@pytest.mark.parametrize("change", [{"threshold": 0.99}, {"temperature": 3.0}])
def test_an_export_that_is_older_than_the_calibration_of_its_run_says_so(run_with_export, change, capsys):
    assert Predictor(run_with_export, detector="none").notice == ""
    calibration = run_with_export / "calibration.json"
    calibration.write_text(json.dumps(json.loads(calibration.read_text()) | change))
    assert "older than the calibration of its run" in Predictor(run_with_export, detector="none").notice
    Image.fromarray(compose()).save(run_with_export / "face.png")
    assert run_command(["predict", str(run_with_export / "face.png"), "--model", str(run_with_export)]) == 0
    assert "export again" in capsys.readouterr().err
    calibration.write_text("{}")
    with pytest.raises(RunFolderError, match="is damaged"):
        Predictor(run_with_export, detector="none")


def test_a_face_gets_an_expression(predictor):
    [face] = predictor.predict(compose())
    assert (face.file, face.face, face.face_found, face.box) == ("image 0", 0, True, box_at(100, 80))
    assert face.expression == max(face.probabilities, key=face.probabilities.get)
    assert face.confidence == face.probabilities[face.expression]
    assert face.uncertain == (face.confidence < predictor.threshold)
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_no_face_is_a_result():
    [nothing] = Predictor().predict(np.full((200, 200), 90, np.uint8))
    assert (nothing.face_found, nothing.box, nothing.expression, nothing.face) == (False, None, None, None)
    assert nothing.probabilities == {}


def test_the_default_detector_finds_a_face():
    [face] = Predictor().predict([compose()])
    assert face.face_found


def test_paths_bytes_and_arrays_agree(predictor, tmp_path):
    image = compose()
    path = tmp_path / "gesicht ä.png"
    Image.fromarray(image).save(path)
    by_path, by_bytes, by_array = predictor.predict([path, path.read_bytes(), image])
    assert by_path.file == str(path)
    assert by_path.probabilities == by_bytes.probabilities == by_array.probabilities


def test_crops_are_scored_as_they_are(predictor):
    crop = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    [scored] = predictor.predict(crop, crops=True)
    assert not scored.face_found
    assert scored.face == 0
    expected = predictor.classify(crop[None, ..., None])[0]
    assert list(scored.probabilities.values()) == pytest.approx(expected.tolist())


def test_batches_equal_single_faces(predictor):
    crops = np.random.default_rng(0).integers(0, 256, (70, 48, 48, 1), np.uint8)
    singly = np.concatenate([predictor.classify(crop[None]) for crop in crops])
    assert np.abs(predictor.classify(crops) - singly).max() < 1e-5


def test_flip_makes_mirror_images_equal(packaged):
    predictor = Predictor(packaged, detector="none", tta="flip")
    crops = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 1), np.uint8)
    assert np.allclose(predictor.classify(crops), predictor.classify(crops[:, :, ::-1].copy()), atol=1e-6)


def test_given_boxes(predictor):
    image = compose([(70, 70), (400, 240)])
    rows = predictor.predict_boxes(image, [box_at(70, 70), box_at(400, 240)])
    assert rows.shape == (2, 7)
    assert np.allclose(rows[1], predictor.predict_boxes(image, [box_at(400, 240)])[0], atol=1e-5)
    assert predictor.predict_boxes(image, []).shape == (0, 7)


def test_the_margin_is_added(packaged):
    image = compose()
    wide = Predictor(packaged, detector="none", margin=0.5).predict_boxes(image, [Box(180, 160, 40, 40)])
    assert np.allclose(wide, Predictor(packaged, detector="none").predict_boxes(image, [Box(160, 140, 80, 80)]))


def test_the_threshold_can_be_set(packaged):
    sure = Predictor(packaged, detector=FixedDetector(box_at(100, 80)), threshold=0.0)
    assert sure.predict(compose())[0].uncertain is False
    never = Predictor(packaged, detector=FixedDetector(box_at(100, 80)), threshold=1.0)
    assert never.predict(compose())[0].uncertain is True


@pytest.mark.parametrize("options", [{"margin": -0.5}, {"margin": 3}, {"tta": "ten"}, {"threshold": 1.5}])
def test_options_out_of_range(options):
    with pytest.raises(InputError, match="Allowed"):
        Predictor(**options)


@pytest.mark.parametrize(
    "image", [np.zeros((5, 5), np.float32), np.zeros((5, 5, 4), np.uint8), np.zeros((0, 5), np.uint8)]
)
def test_arrays_of_other_kinds_are_refused(predictor, image):
    with pytest.raises(InputError, match="uint8"):
        predictor.predict(image)


def make_run(tmp_path, packaged, name="model_dynamic.tflite"):
    run = tmp_path / "run"
    (run / "exports").mkdir(parents=True)
    (run / "recipe.yaml").write_text("model: cnn\n")
    if name:
        (run / "exports" / name).write_bytes(packaged.read_bytes())
    return run


def test_a_run_is_taken_by_its_fastest_export(tmp_path, packaged):
    run = make_run(tmp_path, packaged)
    (run / "exports" / "model_float32.tflite").write_bytes(b"")
    assert find_export(run).name == "model_dynamic.tflite"
    assert Predictor(run, detector="none").classes == FER7


def test_a_run_without_exports_says_what_to_type(tmp_path, packaged):
    with pytest.raises(RunFolderError, match="fer-keras export"):
        Predictor(make_run(tmp_path, packaged, name=None))


def test_an_export_of_another_model_is_refused(tmp_path, packaged):
    run = make_run(tmp_path, packaged)
    (run / "model.keras").write_bytes(b"trained again")
    with pytest.raises(ModelFileError, match="another model"):
        Predictor(run)


def test_one_changed_byte_is_refused(tmp_path, packaged):
    content = bytearray(packaged.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(ModelFileError, match="sha256"):
        Predictor(tmp_path / "model.tflite")


@pytest.mark.parametrize("name", ["nowhere", "model.keras", ""])
def test_what_is_no_model_is_named(tmp_path, name):
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(InputError, match="run folder"):
        Predictor(tmp_path / name)


def test_no_tensorflow_on_the_way():
    program = """
import sys, json, numpy as np
from fer_keras.inference import Predictor
Predictor().predict(np.zeros((60, 60, 3), np.uint8))
heavy = ("tensorflow", "keras", "sklearn", "matplotlib", "pydantic")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [], done.stderr
