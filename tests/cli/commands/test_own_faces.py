"""What people with few faces of their own type: crop, check, train --from, folds; and names of runs."""

import json

import numpy as np
import pytest
from fer_keras_cli.main import run
from PIL import Image

from fer_keras.runs.run_folder import RunFolder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """21 pictures in three class folders, in the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for place, name in enumerate(("smile", "frown", "wink")):
        for number in range(7):
            path = tmp_path / "my_faces" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(rng.normal(60 + 60 * place, 20, (48, 48)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
    return tmp_path


def test_train_from_the_network_of_the_package(folder, capsys):
    arguments = ["--data", "my_faces", "--epochs", "1", "--set", "fine_tune.epochs=1", "--lr", "1e-3", "--json"]
    assert run(["train", "--from", "cnn_small-fer2013", *arguments, "--name", "mine"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert (record["started_from"]["run"], record["started_from"]["head"]) == ("cnn_small-fer2013", "new")
    assert (record["dataset"]["name"], record["model"]) == ("my_faces", "cnn_small")
    assert record["fine_tune"]["began_after_epoch"] == 1
    assert not any("nobody knows" in notice for notice in record["notices"])
    assert "few faces: train.batch_size 32 -> 16" in captured.err
    assert "cnn_small-fer2013, all but the last layer frozen at first" in " ".join(captured.err.split())
    assert run(["evaluate", "last", "--split", "test", "--data", "my_faces", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"] == "my_faces"
    assert run(["predict", "my_faces/smile/0.png", "--model", "mine", "--crops"]) == 0
    captured = capsys.readouterr()
    assert "has no exports, so that Keras runs it" in captured.err
    assert "model: mine, keras" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "nothing"], "there is no run nothing"),
        (["--from", "cnn_small-fer2013", "--model", "cnn"], "the recipe trains cnn"),
        (["--model", "cnn", "--folds", "2"], "3 to 20"),
        (["--model", "cnn", "--folds", "3", "--mlflow", "x"], "log one run, not --folds"),
        (["--model", "cnn", "--lr", "0"], "--lr"),
    ],
)
def test_wrong_input(arguments, words, capsys):
    assert run(["train", "--data", "my_faces", *arguments]) in (1, 2)
    assert words in " ".join(capsys.readouterr().err.split())


def test_folds(capsys):
    arguments = ["--model", "simple_cnn", "--set", "model.head_units=0", "--epochs", "1", "--data", "my_faces"]
    assert run(["train", *arguments, "--folds", "3", "--name", "cv"]) == 0
    out = capsys.readouterr().out
    assert "accuracy, mean ± sd" in out
    assert "n = 21" in out
    assert "true \\ predicted" in out
    assert run(["train", *arguments, "--folds", "3", "--name", "cv", "--json"]) == 0  # all are there
    assert len(json.loads(capsys.readouterr().out)["folds"]) == 3


def test_crop_says_which_pictures_have_no_face(folder, capsys):
    assert run(["data", "crop", "my_faces", "cut", "--detector", "haar", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["faces"], len(document["without_face"])) == (0, 21)
    assert document["contact_sheets"] == ["cut_without_face.png"]
    assert (folder / "cut_without_face.png").is_file()
    assert run(["data", "crop", "my_faces", "other", "--detector", "none"]) == 2


def test_check_names_every_bad_file(folder, capsys):
    for number in range(25):
        (folder / "my_faces" / "smile" / f"bad{number}.png").write_bytes(b"nothing")
    assert run(["data", "check", "my_faces"]) == 2
    assert capsys.readouterr().err.count("broken:") == 25
    assert run(["data", "check", "my_faces", "--on-bad", "skip"]) in (0, 1)


def test_a_run_of_the_package_is_worked_on_in_a_copy(folder, capsys):
    assert run(["verify", "cnn_small-fer2013"]) == 0
    assert "is worked on in saved_models/cnn_small-fer2013" in capsys.readouterr().err
    RunFolder.open(folder / "saved_models" / "cnn_small-fer2013").verify()
    assert run(["verify", "last"]) == 0


def test_doctor(capsys):
    code = run(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == bool(report["problems"])
    assert "cnn_small-fer2013" in report["models"]
    assert report["versions"]["keras"]
    assert report["free_disk"]["here"] > 0


def test_nothing_of_an_earlier_prediction_is_replaced_unasked(folder, capsys):
    arguments = ["predict", "my_faces/smile/0.png", "--crops"]
    for target in (["--csv", "rows.csv"], ["--jsonl", "rows.jsonl"]):
        assert run([*arguments, *target]) == 0
        before = (folder / target[1]).read_bytes()
        assert run([*arguments, *target, "--tta", "flip"]) == 2
        assert "is there already" in " ".join(capsys.readouterr().err.split())
        assert (folder / target[1]).read_bytes() == before
        assert run([*arguments, *target, "--force"]) == 0
    for _ in range(2):
        assert run([*arguments, "--output", "marked"]) == 0
    assert sorted(path.name for path in (folder / "marked").iterdir()) == ["0-2.png", "0.png"]


@pytest.mark.parametrize("address", ["https://example.org/face.jpg", "http://example.org/talk.mp4"])
def test_addresses_are_refused_in_words(address, capsys):
    assert run(["predict", address]) == 2
    assert "addresses of the web are not read" in capsys.readouterr().err
