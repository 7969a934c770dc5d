"""Rows of results in files."""

import csv

import pytest

from fer_keras.inference.results import CsvWriter, Prediction


@pytest.mark.parametrize("name", ["=1+1.jpg", "@SUM(A1).png", "-2.jpg", "+3.jpg", "\t=4.jpg"])
def test_names_are_no_formulas_in_a_sheet(name, tmp_path):
    with CsvWriter(tmp_path / "rows.csv", ("happy", "sad")) as writer:
        writer.write([Prediction(name), Prediction("plain.jpg")])
    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as handle:
        assert [row["file"] for row in csv.DictReader(handle)] == [f"./{name}", "plain.jpg"]
