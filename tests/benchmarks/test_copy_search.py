"""The benchmark of the search for copies, on a few drawn faces."""

import json

import copy_search as script

from fer_keras.datasets.copies import candidates


def test_time_memory_and_recall(tiny_dataset, capsys, monkeypatch):
    monkeypatch.setattr(script, "load_faces", lambda data, check: tiny_dataset)
    usual = candidates.EXACT
    script.main(["--faces", "200", "--recall", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert usual == candidates.EXACT
    assert (figures["faces"], figures["exact"]["faces"]) == (200, 200)
    assert figures["exact"]["near_pairs"] > 50
    assert 0.9 <= figures["recall"] <= 1
    assert figures["peak_mb"] >= figures["peak_mb_before"] > 0
    assert figures["processor_seconds"] > 0


def test_enlarged_data_keep_what_they_had(tiny_dataset):
    large = script.enlarge(tiny_dataset, 150)
    assert {name: len(split) for name, split in large.splits.items()} == {"train": 122, "validation": 14, "test": 14}
    assert (large.splits["train"].images[:42] == tiny_dataset.splits["train"].images).all()
