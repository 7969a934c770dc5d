"""The report is made once, stored beside the prepared copy, and its verdict travels with the faces."""

import json
import logging
from dataclasses import replace

import pytest

from fer_keras.datasets import load_faces
from fer_keras.datasets.faces import describe_dataset
from fer_keras.datasets.quality import record as quality_record
from fer_keras.datasets.quality.gate import check_quality
from fer_keras.datasets.quality.record import RECORD, checked_once, find_report, read_report


@pytest.fixture
def checks(monkeypatch):
    """Counts the checks that are made."""
    made = []

    def count(dataset):
        made.append(dataset)
        return check_quality(dataset)

    monkeypatch.setattr(quality_record, "check_quality", count)
    return made


@pytest.fixture
def source(tmp_path, tiny):
    path = tmp_path / "faces.csv"
    path.write_text(tiny.csv_text())
    return path


def test_a_second_start_costs_no_check(source, tmp_path, checks):
    cache = tmp_path / "cache"
    first, second = load_faces(source, cache_dir=cache), load_faces(source, cache_dir=cache, limit=1)
    assert len(checks) == 1
    assert first.verdict == "unknown data set"
    assert second.verdict == "the first 1 faces of each split of: unknown data set"
    (record,) = cache.glob(f"fer2013-*/{RECORD}")
    assert json.loads(record.read_text())["report"]["sha256"] == first.sha256
    assert find_report(first, cache).source == str(source)
    assert len(checks) == 1


DAMAGE = {
    "missing": lambda record: record.unlink(),
    "no JSON": lambda record: record.write_text("{"),
    "a list": lambda record: record.write_text("[]"),
    "other faces": lambda record: record.write_text(record.read_text().replace('"sha256": "', '"sha256": "0')),
    "another version": lambda record: record.write_text(record.read_text().replace('"version": 1', '"version": 0')),
    "a field too many": lambda record: record.write_text(record.read_text().replace('"verdict"', '"judgement"')),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_record_that_cannot_be_used_is_made_again(tmp_path, tiny_dataset, checks, damage):
    report = checked_once(tmp_path, tiny_dataset)
    damage(tmp_path / RECORD)
    assert read_report(tmp_path, tiny_dataset.sha256) is None
    again = checked_once(tmp_path, tiny_dataset)
    assert replace(again, seconds=0) == replace(report, seconds=0)
    assert len(checks) == 2
    assert read_report(tmp_path, tiny_dataset.sha256) == again


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path, tiny_dataset, caplog):
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "fer_keras"):
        assert checked_once(tmp_path / "file", tiny_dataset).verdict == "unknown data set"
    assert "the check is not kept" in caplog.text


def test_altered_faces_carry_a_notice_and_runs_record_the_verdict(source, tmp_path, monkeypatch):
    verdict = "altered: train blurred"
    monkeypatch.setattr(quality_record, "check_quality", lambda d: replace(check_quality(d), verdict=verdict))
    faces = load_faces(source, cache_dir=tmp_path / "cache")
    assert faces.verdict == verdict
    (notice,) = faces.notices
    assert verdict in notice
    assert describe_dataset(faces)["verdict"] == verdict
