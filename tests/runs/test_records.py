"""Whatever stands in a record, its reading ends in one clear error or in values of the right types."""

import json
from pathlib import Path

import pytest

from fer_keras.atomic_files import write_text
from fer_keras.errors import DataError, FerKerasError, ModelFileError
from fer_keras.runs.contracts import parse_contract
from fer_keras.runs.history import read_history
from fer_keras.runs.records import read_benchmark, read_metrics, read_parity, read_run_json
from fer_keras.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
SCORES = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 3}
METRICS = {
    **{"split": "test", "n": 3, "accuracy": 0.5, "accuracy_ci95": [0.1, 0.9], "macro_f1": 0.5, "ece": 0.1, "nll": 1.0},
    **{"balanced_accuracy": 0.5, "top2_accuracy": 0.9, "per_class": {"happy": SCORES}, "tta": "none"},
    "dataset_sha256": "0" * 64,
}
READERS = {
    "run.json": (read_run_json, {"classes": ["happy"], "seed": 3, "dataset": {"name": "tiny"}}),
    "evaluation/test/metrics.json": (lambda run: read_metrics(run, run.evaluation("test")), METRICS),
    "exports/parity.json": (read_parity, {"temperature": 1.5, "exports": {"tflite": {"file": "model.tflite"}}}),
    "benchmark.json": (read_benchmark, {"hardware": {}, "rows": []}),
}
HOSTILE = [
    *("", "{", "null", "7", "[]", '"text"', "[" * 100_000, '{"a":' * 100_000, '{"x": ' + "9" * 100_000 + "}"),
    *('{"x": NaN}', '{"x": 1e999}', "\ufeff{}", '{"x": "\\ud800"}'),
]


def error_of(reader, *arguments):
    """The project's own error, or None; any other fails the test."""
    try:
        reader(*arguments)
    except FerKerasError as error:
        return error
    return None


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    write_text(folder.recipe, "")
    write_text(folder.model, "weights")
    return folder


def write(run, name, content):
    path = run.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    run.write_manifest()


@pytest.mark.parametrize("name", READERS)
def test_a_sound_record_is_read(run, name):
    reader, content = READERS[name]
    write(run, name, json.dumps(content))
    found = reader(run)
    assert (found if isinstance(found, dict) else found.model_dump(exclude_unset=True, mode="json")) == content


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", [*HOSTILE, b"\x00\xff", b"\xed\xa0\x80"])
def test_what_is_no_record_is_one_clear_error(run, name, text):
    write(run, name, text)
    error = error_of(READERS[name][0], run)
    if error is None:
        assert name == "run.json"
        assert '"x"' in str(text), "a key that no schema knows"
    else:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000


def leaves(content, path=()):
    """Every place in a record, from the outside in."""
    yield path
    if isinstance(content, dict | list):
        keys = content if isinstance(content, dict) else range(len(content))
        for key in keys:
            yield from leaves(content[key], (*path, key))


def replaced(content, path, value):
    if not path:
        return value
    copy = content.copy()
    copy[path[0]] = replaced(content[path[0]], path[1:], value)
    return copy


WRONG = [None, True, 7, -1, 10**30, 1.5, "text", "7", [], [1], {}, {"a": 1}]


@pytest.mark.parametrize("name", READERS)
def test_a_wrong_type_anywhere_is_named_or_harmless(run, name):
    reader, content = READERS[name]
    refused = 0
    for path in leaves(content):
        for value in WRONG:
            write(run, name, json.dumps(replaced(content, path, value)))
            error = error_of(reader, run)
            refused += error is not None
            assert error is None or name.rpartition("/")[2] in str(error)
    assert refused > 10


def test_a_changed_record_is_refused(run):
    for name, (reader, content) in READERS.items():
        if name == "run.json":  # checked when the run is opened
            continue
        write(run, name, json.dumps(content))
        (run.path / name).write_text(json.dumps(content) + " ")
        with pytest.raises(ModelFileError, match=f"{name} differs from the manifest"):
            reader(run)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_contract_is_read_or_refused(text):
    error = error_of(parse_contract, text, "file.tflite", ModelFileError)
    assert error is None or "file.tflite" in str(error)


def test_every_record_in_the_repository_is_read():
    count = 0
    for path in (*ROOT.glob("docs/**/run.json"), *ROOT.glob("saved_models/**/run.json")):
        run, count = RunFolder(path.parent), count + 1
        assert read_run_json(run)["model"]
        for metrics in run.path.glob("evaluation/*/metrics.json"):
            assert read_metrics(run, metrics.parent).n > 1000
    assert count > 20


HEAD = "epoch,seconds,learning_rate,loss,accuracy,val_loss,val_accuracy\n"


@pytest.mark.parametrize(
    "row",
    [
        *("x,1,1,1,1,1,1", "nan,1,1,1,1,1,1", "inf,1,1,1,1,1,1", "0,1,1,1,1,1,1", "1.5,1,1,1,1,1,1", "1,1"),
        *("9" * 400 + ",1,1,1,1,1,1", "1,nan,1,1,1,1,1", "1,-1,1,1,1,1,1", "1," + "9" * 200_000 + ",1,1,1,1,1"),
    ],
)
def test_an_epoch_that_cannot_be_is_refused(tmp_path, row):
    (tmp_path / "history.csv").write_text(f"{HEAD}{row}\n")
    with pytest.raises(DataError, match=r"history\.csv"):
        read_history(tmp_path / "history.csv")


def test_a_history_of_a_diverged_run_is_read(tmp_path):
    (tmp_path / "history.csv").write_text(f"{HEAD}1,2.5,0.1,nan,0.1,inf,0.2\n")
    assert read_history(tmp_path / "history.csv")[0]["epoch"] == 1
