import pytest

from fer_keras.errors import ModelFileError
from fer_keras.export.tflite.convert import convert_tflite
from fer_keras.export.tflite.edgetpu import edgetpu_report
from fer_keras.export.tflite.metadata import parse, serialize


def test_an_int8_file_fits(tflite_files):
    report = edgetpu_report(tflite_files["int8"].read_bytes())
    assert (report["compatible"], report["problems"]) == (True, [])
    assert set(report["tensor_types"]) == {"int8", "int32", "uint8"}
    assert report["operators"]["CONV_2D"] == {"count": 1, "supported": True}


def test_a_float_file_does_not(tflite_files):
    report = edgetpu_report(tflite_files["float32"].read_bytes())
    assert not report["compatible"]
    assert "is float32, and no constant of int32" in report["problems"][0]
    assert any("not fixed" in problem for problem in report["problems"])  # its batch


def change(content, what):
    model = parse(content)
    graph = model.subgraphs[0]
    if what == "operator":
        model.operatorCodes[-1].builtinCode = 117  # HARD_SWISH
    elif what == "size":
        graph.tensors[0].shapeSignature = [-1, 48, 48, 1]
    elif what == "rank":
        graph.tensors[0].shape = [2, 48, 48, 1]
        return serialize(model)
    elif what == "graphs":
        model.subgraphs.append(graph)
    return serialize(model)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("operator", "operator HARD_SWISH is not in the list"),
        ("size", "has a size that is not fixed"),
        ("rank", "has more than three sizes above 1"),
        ("graphs", "2 subgraphs; one is allowed"),
    ],
)
def test_each_rule_is_checked(tflite_files, what, problem):
    content = tflite_files["int8"].read_bytes()
    if what == "rank":  # gray images have one size of 1, so that a batch of 2 alone would still be three
        model = parse(content)
        model.subgraphs[0].tensors[0].shape = [2, 24, 48, 2]
        content = serialize(model)
        report = edgetpu_report(content)
    else:
        report = edgetpu_report(change(content, what))
    assert not report["compatible"]
    assert any(problem in text for text in report["problems"])


def test_a_flexible_batch_is_the_reason_for_the_fixed_one(cnn, faces):
    from fer_keras.export.tflite import convert as tflite

    # What the converter does by itself with a Flatten layer: shapes computed at run time.
    function, owner = tflite._probability_function(cnn, 1.0, None)
    converter = tflite.tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    tflite._set_kind(converter, "int8", faces, function)
    flexible = edgetpu_report(converter.convert())
    assert any("SHAPE is not in the list" in problem for problem in flexible["problems"])
    assert edgetpu_report(convert_tflite(cnn, "int8", calibration_faces=faces))["compatible"]


def test_other_files_are_refused():
    with pytest.raises(ModelFileError, match="no TFLite file"):
        edgetpu_report(b"something else")
