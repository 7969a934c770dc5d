"""FER+ labels, balance and leaks through the command line, on a small file with votes beside it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fer_keras_cli.main import run
from fer_keras_cli.second_opinion import collect_opinions

from fer_keras.datasets.labels.votes import HEADER, LABEL_OF_COLUMN
from fer_keras.errors import DataError

SMALL = ["--set", "model.width=8", "--set", "train.batch_size=14", "--epochs", "1", "--data", "fer2013.csv"]


def votes_for(row):
    """The label of the row wins, but some of the neutral rows are no face, and row 3 is contempt."""
    votes = [0] * 10
    votes[LABEL_OF_COLUMN.tolist().index(row % 7)] += 7
    votes[0] += 3
    if row % 14 == 13:
        votes = [0] * 9 + [10]
    return [0] * 7 + [10, 0, 0] if row == 3 else votes


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.delenv("FERPLUS_PATH", raising=False)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    rows, votes, first = ["emotion,pixels,Usage"], [",".join(HEADER)], None
    for usage, count in (("Training", 42), ("PublicTest", 21), ("PrivateTest", 21)):
        for _ in range(count):
            row = len(rows) - 1
            pixels = " ".join(map(str, np.clip(rng.normal(30 + 30 * (row % 7), 20, 2304), 0, 255).astype(int)))
            first = first or pixels
            rows.append(f"{row % 7},{first if row == 63 else pixels},{usage}")  # row 63 (test) is a copy of row 0
            votes.append(f"{usage},x.png,{','.join(map(str, votes_for(row)))}")
    (tmp_path / "fer2013.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "fer2013new.csv").write_text("\n".join(votes) + "\n")
    return tmp_path


def test_soft_labels_without_leaks_and_the_other_labels_as_second_opinion(workplace, capfd):
    options = ["--labels", "ferplus", "--set", "data.ferplus_mode=soft", "--train-without-leaks"]
    assert run(["train", "--model", "cnn", "--name", "soft", *options, *SMALL]) == 0
    table = " ".join(capfd.readouterr().err.split())
    assert "FER+ soft, 8 classes: train n = 39 of 42" in table
    assert "train n = 38 of 39" in table
    record = json.loads((workplace / "saved_models/soft/run.json").read_text())
    assert record["classes"][-1] == "contempt"
    assert record["dataset"]["changes"]["labels"]["mode"] == "soft"
    assert record["dataset"]["changes"]["train_without_leaks"]["dropped"] == 1
    assert record["balance"]["faces_per_class"]["contempt"] == 1
    assert str(workplace) not in json.dumps(record["dataset"])
    assert run(["evaluate", "saved_models/soft", "--split", "test", "--json"]) == 0
    metrics = json.loads(capfd.readouterr().out)
    assert metrics["dataset_sha256"] == metrics["trained_on_sha256"]
    assert metrics["second_opinion"]["official"]["n"] == metrics["n"] == 19
    assert metrics["second_opinion"]["official"]["fer2013"].keys() == {"accuracy", "accuracy_ci95", "macro_f1"}


def test_a_balanced_run_is_scored_against_both_labellings(workplace, capfd):
    assert run(["train", "--model", "cnn", "--name", "plain", "--set", "balance.target=8", *SMALL]) == 0
    assert "classes filled up to 8" in " ".join(capfd.readouterr().err.split())
    assert run(["evaluate", "saved_models/plain", "--split", "test", "--json"]) == 0
    official = json.loads(capfd.readouterr().out)
    assert official["n"] == 21
    assert official["second_opinion"]["majority"]["n"] == 19
    assert run(["evaluate", "saved_models/plain", "--split", "test", "--labels", "ferplus"]) == 0
    table = " ".join(capfd.readouterr().out.split())
    assert "ferplus, test, n = 19" in table
    assert "second opinion, FER2013 official" in table
    report = workplace / "saved_models/plain/evaluation/test_ferplus/metrics.json"
    metrics = json.loads(report.read_text())
    assert official["second_opinion"]["majority"]["ferplus"]["accuracy"] == metrics["accuracy"]
    assert metrics["second_opinion"]["official"]["fer2013"] == official["second_opinion"]["majority"]["fer2013"]


def test_votes_that_do_not_fit_are_said_and_an_error_where_they_were_wanted(tmp_path, tiny_dataset, capfd, monkeypatch):
    monkeypatch.delenv("FERPLUS_PATH", raising=False)
    dataset = replace(tiny_dataset, name="fer2013", source=str(tmp_path / "fer2013.csv"))
    assert collect_opinions(dataset, dataset, "test", None, "auto") == []
    assert capfd.readouterr().err == ""
    with pytest.raises(DataError, match="were not found"):
        collect_opinions(dataset, dataset, "test", None, "ferplus")
    (tmp_path / "fer2013new.csv").write_text("nothing")
    assert collect_opinions(dataset, dataset, "test", None, "none") == []
    assert collect_opinions(dataset, dataset, "test", None, "auto") == []
    assert "No second opinion:" in capfd.readouterr().err
    with pytest.raises(DataError, match="header"):
        collect_opinions(dataset, dataset, "test", None, "ferplus")
    assert collect_opinions(tiny_dataset, tiny_dataset, "test", None, "auto") == []


def test_what_is_missing_or_does_not_go_together_is_said(workplace, capfd):
    assert run(["train", "--model", "cnn", "--labels", "ferplus", "--ferplus", "none.csv", *SMALL]) == 2
    assert "no FER+ votes at none.csv" in capfd.readouterr().err
    assert run(["train", "--resume", "saved_models/x", "--labels", "ferplus"]) == 2
    assert "--labels does not go with --resume" in capfd.readouterr().err
    assert run(["train", "--resume", "saved_models/x", "--train-without-leaks"]) == 2
    assert "--train-without-leaks does not go with --resume" in capfd.readouterr().err
    assert not (workplace / "saved_models").exists()


def test_a_check_that_is_off_is_said_at_every_stop(workplace, capfd):
    assert run(["train", "--model", "cnn", "--name", "off", "--set", "data.check=off", *SMALL]) == 0
    said = " ".join(capfd.readouterr().err.replace("│", " ").split())
    assert "NOTICE" in said
    assert "copies were not looked for" in said
    record = json.loads((workplace / "saved_models" / "off" / "run.json").read_text())["dataset"]
    assert (record["verdict"], len(record["notices"])) == ("", 1)
    assert "copies were not looked for" in record["notices"][0]
    assert run(["evaluate", "saved_models/off", "--split", "test", "--data", "fer2013.csv"]) == 0
    assert "not known: copies were not looked for" in " ".join(capfd.readouterr().out.split())
    metrics = json.loads((workplace / "saved_models" / "off" / "evaluation" / "test" / "metrics.json").read_text())
    assert (metrics["deduplicated"]["n"], metrics["copies_in_train"]) == (None, None)
    assert set(record["notices"]) <= set(metrics["notices"])


def test_leaks_cannot_be_dropped_unseen(workplace, capfd):
    assert run(["train", "--model", "cnn", "--train-without-leaks", "--set", "data.check=off", *SMALL]) == 2
    assert "data.check=on or data.train_without_leaks=false" in " ".join(capfd.readouterr().err.split())
