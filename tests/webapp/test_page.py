"""The page's logic, without a browser."""

import csv
import io
import sys

import pytest
from hostile_files import broken_files, encode, one_face, wall

from fer_keras.emotions import FER7
from fer_keras.inference.model_files import PACKAGED_RUNS
from fer_keras.webapp.sample import sample_picture
from fer_keras.webapp.server import SCRIPT

testing = pytest.importorskip("streamlit.testing.v1", reason="the web page's extra is not installed")


def packaged():
    import importlib.resources

    from fer_keras.webapp.page import show
    from fer_keras.webapp.settings import AppSettings

    file = importlib.resources.files("fer_keras_saved_models") / "cnn-fer2013/exports/model_int8.tflite"
    show(AppSettings((str(file),)))


def wrong_model():
    from fer_keras.webapp.page import show
    from fer_keras.webapp.settings import AppSettings

    show(AppSettings(("no/such/run",)))


@pytest.fixture
def page():
    app = testing.AppTest.from_function(packaged, default_timeout=60).run()
    assert not app.exception
    app.selectbox[0].set_value("packaged model").run()
    return app


def test_the_script_that_streamlit_runs_is_a_file_beside_no_pages(monkeypatch):
    """Streamlit takes a folder ``pages`` beside it for further pages, and gives the script no package."""
    monkeypatch.setattr(sys, "argv", ["start.py"])
    app = testing.AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert not app.exception
    assert not SCRIPT.with_name("pages").exists()


def html(app) -> str:
    """All that the page shows as HTML, without its style sheet."""
    return "\n".join(item.proto.body for item in app.get("html") if not item.proto.body.startswith("<style"))


def upload(app, *files):
    for name, content in files:
        app.file_uploader[0].upload(name, content, "image/png")
    app.run()
    assert not app.exception
    return app


def button(app, label):
    return next(item for item in app.button if item.label == label)


def test_the_page_says_which_model_and_what_not_to_do(page):
    assert PACKAGED_RUNS[0] in html(page)
    assert "FER2013 PrivateTest" in html(page)
    notes = " ".join(item.value for item in page.markdown)
    for words in ("about 65 %", "Art. 5(1)(f)", "Art. 50(3)", "no demographic labels", "your session only"):
        assert words in " ".join(notes.split())


def test_a_face_under_its_name(page):
    upload(page, ("me & you.png", encode(one_face())))
    assert 'data-state="found"' in html(page)
    assert "me &amp; you.png" in html(page)


def test_the_same_columns_as_the_command_line(page):
    from fer_keras.inference.results import columns

    upload(page, ("a.png", encode(one_face())), ("wall.png", wall()))
    from fer_keras.webapp.analysis import to_csv

    results = page.session_state["fk_results"].values()
    written = [row for result in results for row in result.rows[0]]
    table = list(csv.DictReader(io.StringIO(to_csv(written, FER7))))
    assert list(table[0]) == columns(FER7)
    assert [(row["file"], row["face_found"]) for row in table] == [("a.png", "True"), ("wall.png", "False")]


def test_a_picture_without_a_face_offers_to_score_it_whole(page):
    upload(page, ("wall.png", wall()))
    assert "No face found" in html(page)
    button(page, "Score the whole picture as one face").click().run()
    assert "whole picture scored" in html(page)
    assert "No face found" not in html(page)


def test_broken_files_beside_a_sound_one(page):
    files = [(name, content) for name, (content, _) in broken_files().items() if name.endswith((".png", ".jpg"))]
    upload(page, *files, ("good.png", encode(one_face())))
    assert html(page).count("fk-problem") == len(files)
    assert 'data-state="found"' in html(page)
    assert "<b onclick" not in html(page)


def test_thirty_files_at_once(page):
    small = encode(one_face())
    upload(page, *((f"{number}.png", small) for number in range(30)))
    assert html(page).count("fk-result") == 20
    assert "30 pictures were given and the first 20 are shown" in page.warning[0].value


def test_results_are_let_go(page):
    upload(page, ("a.png", encode(one_face())))
    assert len(page.session_state["fk_results"]) == 1
    button(page, "Clear everything").click().run()
    assert "fk_results" not in page.session_state or not page.session_state["fk_results"]
    assert "fk-result" not in html(page)


def test_a_new_model_replaces_the_results(page):
    upload(page, ("a.png", encode(one_face())))
    before = dict(page.session_state["fk_results"])
    page.selectbox[0].set_value("model_int8.tflite").run()
    after = page.session_state["fk_results"]
    assert len(after) == 1
    assert before.keys().isdisjoint(after.keys())


def test_two_models_side_by_side(page):
    upload(page, ("a.png", encode(one_face())))
    page.selectbox[1].set_value("model_int8.tflite").run()
    assert html(page).count("fk-model-name") == 2
    assert len(page.get("download_button")) == 2
    assert html(page).count('class="fk-facts"') == 2


def test_drawn_faces_for_visitors_without_a_picture(page):
    button(page, "Try it with drawn faces").click().run()
    assert "3 faces" in html(page)
    assert sample_picture().startswith(b"\x89PNG")


def test_settings_change_the_answer(page):
    upload(page, ("a.png", encode(one_face())))
    first = next(iter(page.session_state["fk_results"].values())).rows[0][0]
    page.toggle[0].set_value(True).run()
    flipped = next(iter(page.session_state["fk_results"].values())).rows[0][0]
    assert dict(first.probabilities) != dict(flipped.probabilities)
    page.selectbox[2].set_value("none").run()
    assert "whole picture scored" in html(page)


def test_a_model_that_cannot_be_loaded_is_told_in_one_line():
    app = testing.AppTest.from_function(wrong_model, default_timeout=60).run()
    assert not app.exception
    assert "no such model" in app.error[0].value
