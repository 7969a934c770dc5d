import keras
import numpy as np
import pytest

from fer_keras.errors import InputError, ModelFileError
from fer_keras.export.parity import (
    check_parity,
    compare_probabilities,
    keras_probabilities,
    require_parity,
    select_faces,
    size_in_bytes,
)
from fer_keras.export.savedmodel import export_savedmodel
from fer_keras.export.tflite import export_tflite

KEYS = {
    "file",
    "bytes",
    "runtime",
    "n",
    "top1_agreement",
    "max_abs_probability_difference",
    "mean_abs_probability_difference",
    "tolerance",
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
    assert report["savedmodel"]["runtime"].startswith("tensorflow ")


def test_an_export_of_other_weights_fails_and_is_named(cnn, exports, faces):
    other = keras.models.clone_model(cnn)
    other.set_weights([weight * 1.01 for weight in cnn.get_weights()])
    report = check_parity(other, exports, faces)
    assert not report["tflite"]["passed"]
    with pytest.raises(ModelFileError, match=r"export savedmodel differs .* by 0\.\d+ .*tolerance 0\.0001") as error:
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


def test_comparison_by_hand():
    expected = np.array([[0.6, 0.4], [0.3, 0.7], [0.5, 0.5], [0.9, 0.1]])
    found = np.array([[0.6, 0.4], [0.7, 0.3], [0.5, 0.5], [0.9, 0.1]])
    measured = compare_probabilities(expected, found, 0.5)
    assert measured["top1_agreement"] == 0.75
    assert measured["max_abs_probability_difference"] == pytest.approx(0.4)
    assert measured["mean_abs_probability_difference"] == pytest.approx(0.1)
    assert measured["passed"]
    assert not compare_probabilities(expected, found, 0.39)["passed"]


def test_not_a_number_never_passes():
    found = np.array([[np.nan, 0.5]])
    assert not compare_probabilities(np.array([[0.5, 0.5]]), found, 1.0)["passed"]


def test_faces_are_taken_at_equal_distances():
    images = np.zeros((1000, 48, 48, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(1000) // 4
    chosen = select_faces(images)[:, 0, 0, 0]
    assert (len(chosen), chosen[0], chosen[-1]) == (256, 0, 249)
    assert np.diff(chosen.astype(int)).max() == 1
    assert len(select_faces(images[:3])) == 3


def test_no_faces_is_an_error(cnn, exports):
    with pytest.raises(InputError, match="n of at least 1"):
        check_parity(cnn, exports, np.zeros((0, 48, 48, 1), np.uint8))
