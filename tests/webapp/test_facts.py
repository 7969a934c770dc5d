"""What the page says about a model comes from the files of its run folder."""

import importlib.resources
import json
import re
import shutil
from pathlib import Path

import pytest

from fer_keras.inference import Predictor
from fer_keras.webapp.facts import facts_card, facts_line, read_facts

RUN = Path(str(importlib.resources.files("fer_keras_saved_models"))) / "cnn-fer2013"
NAME = "model_dynamic.tflite"


@pytest.fixture(scope="module")
def predictor():
    return Predictor(detector=None)


def test_scores_of_the_packaged_model(predictor):
    metrics = json.loads((RUN / "evaluation/test/metrics.json").read_text())
    facts = read_facts(RUN / "exports" / NAME, predictor)
    test, validation = facts.scores
    assert (test.n, test.accuracy, test.where) == (metrics["n"], metrics["accuracy"], "FER2013 PrivateTest")
    assert test.distinct == (metrics["deduplicated"]["n"], metrics["deduplicated"]["accuracy"])
    assert validation.where == "FER2013 PublicTest"
    card = facts_card(facts)
    assert f"{100 * metrics['accuracy']:.2f} %" in card
    assert f"n = {metrics['n']:,}" in card
    assert f"{100 * metrics['per_class']['fear']['recall']:.0f} %" in card
    assert facts.runtime in card
    assert f"{100 * metrics['accuracy']:.2f} %" in facts_line((facts,))


def test_the_file_itself_has_its_own_score(predictor):
    parity = json.loads((RUN / "exports/parity.json").read_text())["exports"]["tflite_dynamic"]
    facts = read_facts(RUN / "exports" / NAME, predictor)
    assert facts.of_file == (parity["n"], parity["accuracy"], parity["keras_accuracy"])


def test_a_file_by_itself_has_no_score(predictor, tmp_path):
    path = shutil.copy(RUN / "exports" / NAME, tmp_path / NAME)
    facts = read_facts(Path(path), predictor)
    assert facts.scores == ()
    assert "unknown" in facts_card(facts)
    assert "no score known" in facts_line((facts,))


def test_damaged_metrics_count_as_none(predictor, tmp_path):
    shutil.copytree(RUN / "exports", tmp_path / "exports")
    (tmp_path / "evaluation/test").mkdir(parents=True)
    (tmp_path / "evaluation/test/metrics.json").write_text('{"n": 3')
    assert read_facts(tmp_path / "exports" / NAME, predictor).scores == ()


def test_no_score_is_written_into_the_code():
    import fer_keras.webapp

    folder = Path(fer_keras.webapp.__file__).parent
    accuracy = f"{100 * json.loads((RUN / 'evaluation/test/metrics.json').read_text())['accuracy']:.1f}"
    sources = [path for path in folder.rglob("*.*") if path.suffix in (".py", ".md", ".js")]
    assert len(sources) > 15
    assert not [path.name for path in sources if accuracy in path.read_text()]


def test_the_note_agrees_with_the_model_card():
    import fer_keras.webapp

    note = (Path(fer_keras.webapp.__file__).parent / "honest_use.md").read_text()
    card = (Path(__file__).resolve().parents[2] / "MODEL_CARD.md").read_text()
    for fact in ("about 65 %", "2024/1689", "5(1)(f)", "50(3)", "demographic labels"):
        assert fact in " ".join(note.split()), fact
        assert fact in " ".join(card.split()), fact
    assert not re.search(r"\bfeels\b(?!, thinks)", note)
