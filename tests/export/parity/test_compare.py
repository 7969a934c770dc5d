import keras
import numpy as np
import pytest

from fer_keras.errors import DataError, InputError, ModelFileError
from fer_keras.export.formats import size_in_bytes
from fer_keras.export.parity.checks import TOLERANCES, Tolerance, read_tolerances
from fer_keras.export.parity.compare import (
    check_parity,
    compare_accuracies,
    compare_probabilities,
    keras_probabilities,
    require_parity,
)
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.export.tflite.convert import export_tflite

KEYS = {
    "file",
    "bytes",
    "runtime",
    "n",
    "top1_agreement",
    "ties",
    "max_abs_probability_difference",
    "mean_abs_probability_difference",
    "tolerance",
    "failures",
    "passed",
}


@pytest.fixture(scope="module")
def exports(cnn, classes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    export_savedmodel(cnn, classes, folder / "savedmodel")
    export_tflite(cnn, folder / "model_float32.tflite")
    return {"savedmodel": folder / "savedmodel", "tflite": folder / "model_float32.tflite"}


def test_good_exports_pass(cnn, exports, faces):
    report = check_parity(cnn, exports, faces)
    require_parity(report)
    assert list(report) == ["savedmodel", "tflite"]
    for name, entry in report.items():
        assert set(entry) == KEYS
        assert (entry["n"], entry["top1_agreement"], entry["passed"]) == (70, 1.0, True)
        assert 0 <= entry["mean_abs_probability_difference"] <= entry["max_abs_probability_difference"] < 1e-4
        assert entry["bytes"] == size_in_bytes(exports[name]) > 1000
        assert entry["tolerance"] == {"agreement": 1.0, "difference": 1e-4}
    assert report["savedmodel"]["runtime"].startswith("tensorflow ")


def test_an_export_of_other_weights_fails_and_is_named(cnn, exports, faces):
    other = keras.models.clone_model(cnn)
    other.set_weights([weight * 1.01 for weight in cnn.get_weights()])
    report = check_parity(other, exports, faces)
    assert not report["tflite"]["passed"]
    message = r"2 of 2 exports .*savedmodel: .*differs by 0\.\d+ \(tolerance 0\.0001\); model_float32\.tflite: "
    with pytest.raises(ModelFileError, match=message) as error:
        require_parity(report)
    assert error.value.exit_code == 1


def test_training_mode_is_not_the_reference(leaky, faces):
    before = leaky.get_weights()
    keras_probabilities(leaky, faces)
    for old, new in zip(before, leaky.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_allclose(
        keras_probabilities(leaky, faces[:1])[0], keras_probabilities(leaky, faces)[0], atol=1e-6
    )


def test_another_number_of_classes_is_refused(exports, faces):
    model = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(5)])
    with pytest.raises(ModelFileError, match=r"another shape\. Allowed: \(70, 5\)\. Received: \(70, 7\)"):
        check_parity(model, exports, faces)


def test_a_model_with_a_nan_weight_is_refused(cnn, exports, faces):
    broken = keras.models.clone_model(cnn)
    broken.set_weights([np.full_like(weight, np.nan) for weight in cnn.get_weights()])
    with pytest.raises(ModelFileError, match="not finite"):
        check_parity(broken, exports, faces)


def test_the_temperature_is_that_of_the_file(cnn, faces, tmp_path):
    export_tflite(cnn, tmp_path / "warm.tflite", temperature=2.5)
    files = {"tflite": tmp_path / "warm.tflite"}
    assert check_parity(cnn, files, faces, temperature=2.5)["tflite"]["passed"]
    entry = check_parity(cnn, files, faces)["tflite"]
    assert (entry["passed"], entry["top1_agreement"]) == (False, 1.0)


def test_a_quantised_file_is_judged_by_its_accuracy(cnn, tflite_files, faces):
    files = {"tflite_int8": tflite_files["int8"]}
    with pytest.raises(DataError, match="needs labelled faces"):
        check_parity(cnn, files, faces)
    with pytest.raises(DataError, match="differ in number"):
        check_parity(cnn, files, faces, labels=np.zeros(3, int))
    labels = keras_probabilities(cnn, faces).argmax(axis=1)
    entry = check_parity(cnn, files, faces, labels=labels)["tflite_int8"]
    assert entry["keras_accuracy"] == 1.0
    assert entry["accuracy_difference"] == pytest.approx(entry["accuracy"] - 1)
    low, high = entry["accuracy_difference_ci95"]
    assert low <= entry["accuracy_difference"] <= high
    assert entry["only_keras_right"] == round(70 * (1 - entry["accuracy"]))


def test_comparison_by_hand():
    expected = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5], [0.9, 0.1]])
    found = np.array([[0.6, 0.4], [0.7, 0.3], [0.5, 0.5], [0.9, 0.1]])
    measured = compare_probabilities(expected, found)
    assert measured["top1_agreement"] == 0.75
    assert measured["max_abs_probability_difference"] == pytest.approx(0.4)
    assert measured["mean_abs_probability_difference"] == pytest.approx(0.1)
    assert Tolerance(difference=0.41).failures(measured) == []
    assert "a probability differs by 0.4" in Tolerance(difference=0.39).failures(measured)[0]
    assert "on 75.000% of the faces" in Tolerance(agreement=0.76).failures(measured)[0]


def test_a_tie_that_rounding_decides_is_agreement():
    expected = np.array([[0.50004, 0.49996], [0.5002, 0.4998]])
    measured = compare_probabilities(expected, expected[:, ::-1])
    assert (measured["ties"], measured["top1_agreement"]) == (1, 0.5)


def test_accuracies_by_hand():
    labels = np.array([0, 0, 1, 1])
    keras_ = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    export = np.array([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    found = compare_accuracies(keras_, export, labels)
    assert (found["accuracy"], found["keras_accuracy"], found["accuracy_difference"]) == (0.5, 0.75, -0.25)
    assert (found["only_export_right"], found["only_keras_right"]) == (1, 2)
    assert compare_accuracies(keras_, export, None) == {}


def test_one_face_is_always_allowed():
    tolerance = TOLERANCES["tflite_int8"]
    assert tolerance.failures({"n": 20, "accuracy_difference": -0.05}) == []
    assert tolerance.failures({"n": 20, "accuracy_difference": -0.1}) != []
    assert tolerance.failures({"n": 3589, "accuracy_difference": -0.0049}) == []
    assert (
        "differs by -0.51 points (tolerance 0.50)" in tolerance.failures({"n": 3589, "accuracy_difference": -0.0051})[0]
    )


@pytest.mark.parametrize(
    ("n", "difference", "interval", "fails", "doubtful"),
    [
        (300, 0.01, (0.0, 0.023), False, True),  # three faces more, none less
        (30, -0.033, (-0.1, 0.0), False, True),
        (3589, -0.008, (-0.012, -0.004), True, False),
        (3589, -0.001, (-0.004, 0.002), False, False),
        (3589, -0.001, (-0.006, 0.004), False, True),
        (300, 0.0, (0.0, 0.0), False, True),  # no face differs, and still one in a hundred may
        (600, 0.0, (0.0, 0.0), False, False),
    ],
)
def test_accuracy_is_judged_by_the_paired_interval(n, difference, interval, fails, doubtful):
    entry = {"n": n, "accuracy_difference": difference, "accuracy_difference_ci95": interval}
    tolerance = TOLERANCES["tflite_int8"]
    assert bool(tolerance.failures(entry)) is fails
    assert bool(tolerance.doubts(entry)) is doubtful
    if doubtful:
        assert f"{n:,} faces cannot show" in tolerance.doubts(entry)[0]


def test_not_a_number_never_passes():
    measured = compare_probabilities(np.array([[0.5, 0.5]]), np.array([[np.nan, 0.5]]))
    for tolerance in (Tolerance(difference=0.9), Tolerance(agreement=0.1)):
        assert tolerance.failures(measured)


def test_tolerances_of_the_command_line():
    changed = read_tolerances(["tflite=1e-3", "tflite_float16=99.5", "tflite_int8=1"])
    assert changed["tflite"] == Tolerance(difference=1e-3)
    assert changed["tflite_float16"] == Tolerance(agreement=0.995)
    assert changed["tflite_int8"] == Tolerance(accuracy=0.01)
    assert changed["savedmodel"] == TOLERANCES["savedmodel"]


@pytest.mark.parametrize("text", ["tflite", "tflite=", "tflite=2", "tflite_int8=101", "tflite_int8=-1", "tflite=nan"])
def test_tolerances_without_sense_are_refused(text):
    with pytest.raises(InputError, match="no number in its range"):
        read_tolerances([text])
    with pytest.raises(InputError, match="Did you mean 'tflite_int8'"):
        read_tolerances(["tflite_int=1"])


def test_no_faces_is_an_error(cnn, exports):
    with pytest.raises(InputError, match="n of at least 1"):
        check_parity(cnn, exports, np.zeros((0, 48, 48, 1), np.uint8))
