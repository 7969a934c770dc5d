"""Expressions over time: reading the rows, means over time, gaps, what is drawn and written."""

import csv
import io
import re

import numpy as np
import pytest

from fer_keras.errors import DataError, InputError, RunFolderError
from fer_keras.inference.results import CsvWriter, Prediction
from fer_keras.inference.timeline.csv_rows import read_observations
from fer_keras.inference.timeline.figure import class_colors, clock, plot_timeline, span
from fer_keras.inference.timeline.report import FILES, check_free, to_csv, write_timeline
from fer_keras.inference.timeline.timeline import (
    bin_edges,
    make_timeline,
    mean_between,
    summarise_minutes,
    summarise_whole,
)

CLASSES = ("angry", "happy", "neutral")
SHARES = {"angry": (0.8, 0.1, 0.1), "happy": (0.1, 0.8, 0.1), "neutral": (0.1, 0.1, 0.8)}


def write_rows(path, rows):
    """Rows (timestamp, face or None, class or None) as predict writes them."""
    with CsvWriter(path, CLASSES) as writer:
        for number, (time, face, name) in enumerate(rows):
            place = {"file": "talk.mp4", "frame": number, "timestamp": time}
            if face is None:
                writer.write([Prediction(**place)])
                continue
            shares = dict(zip(CLASSES, SHARES[name], strict=True))
            answer = {"expression": name, "confidence": 0.8, "uncertain": name == "angry", "probabilities": shares}
            writer.write([Prediction(**place, face=face, face_found=True, **answer)])
    return path


@pytest.fixture
def talk(tmp_path):
    """70 s at 10 per second: face 3 happy for 30 s, away for 10 s, then angry; face 5 from 40 s to 50 s, neutral."""
    rows = []
    for step in range(700):
        time = step / 10
        here = ([(3, "happy")] if time < 30 else [(3, "angry")] if time >= 40 else []) + (
            [(5, "neutral")] if 40 <= time < 50 else []
        )
        rows += [(time, face, name) for face, name in here] or [(time, None, None)]
    return make_timeline(read_observations(write_rows(tmp_path / "talk.csv", rows)))


def test_faces_gaps_and_lengths(talk):
    assert [face.face for face in talk.faces] == [3, 5], "the one seen longest first"
    first, second = talk.faces
    assert first.seconds_seen == pytest.approx(60.0)
    assert second.seconds_seen == pytest.approx(10.0)
    assert [tuple(np.round(gap, 6)) for gap in first.gaps] == [(30.0, 40.0)]
    assert second.gaps == []
    assert (talk.frames, talk.interval, talk.gap) == (700, pytest.approx(0.1), 1.0)
    assert talk.empty_frames == pytest.approx(100 / 700)


def test_minutes_average_over_the_time_seen(talk):
    rows = {(row["face"], row["minute"]): row for row in summarise_minutes(talk)}
    assert set(rows) == {(3, 0), (3, 1), (5, 0)}
    first = rows[3, 0]
    assert first["seconds_seen"] == pytest.approx(50.0)
    assert first["dominant"] == "happy"
    assert first["mean"]["happy"] == pytest.approx(0.6 * 0.8 + 0.4 * 0.1, abs=1e-3)
    assert first["share"] == {"angry": 0.4, "happy": 0.6, "neutral": 0.0}
    assert first["uncertain"] == 0.4
    assert rows[3, 1]["share"]["angry"] == 1.0
    (whole, _) = summarise_whole(talk)
    assert whole["mean"]["happy"] == pytest.approx(0.45, abs=1e-3)


def test_time_weighs_and_not_the_number_of_rows(tmp_path):
    """Ten rows in the first second, one row for each of the next nine: half a minute counts as such."""
    rows = [(at / 10, 0, "happy") for at in range(10)] + [(float(at), 0, "angry") for at in range(1, 10)]
    observations = read_observations(write_rows(tmp_path / "rows.csv", rows))
    (row,) = summarise_whole(make_timeline(observations, gap=2.0))
    assert row["seconds_seen"] == pytest.approx(9.1, abs=0.01), "the last row holds for one usual frame"
    assert row["share"]["happy"] == pytest.approx(1 / 9.1, abs=1e-3)


def test_frames_without_the_face_are_not_seen_however_short_the_gap(tmp_path):
    """2 s at 10 per second, the face in every second frame: it was seen for half of the time."""
    rows = [(at / 10, 0, "happy") if at % 2 == 0 else (at / 10, None, None) for at in range(20)]
    timeline = make_timeline(read_observations(write_rows(tmp_path / "rows.csv", rows)))
    (face,) = timeline.faces
    assert face.seconds_seen == pytest.approx(1.0)
    assert face.gaps == []  # none is longer than a second
    assert summarise_whole(timeline)[0]["seconds_seen"] == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [0.4, 1.5, 2.9, 6, 45, 600, 5000])
def test_no_two_ticks_of_the_clock_are_the_same(tmp_path, seconds):
    rows = [(at * seconds / 40, 0, "happy") for at in range(41)]
    timeline = make_timeline(read_observations(write_rows(tmp_path / "rows.csv", rows)), gap=200)
    figure = plot_timeline(timeline, timeline.faces, "t")
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert len(labels) >= 3
    assert len(labels) == len(set(labels))


def test_bins_are_exact_means_and_empty_in_gaps(talk):
    face = talk.faces[0]
    means, seen = mean_between(face, face.probabilities, np.array([0.0, 20.0, 35.0, 38.0, 45.0]))
    np.testing.assert_allclose(seen, [20, 10, 0, 5], atol=1e-6)
    assert np.isnan(means[2]).all()
    np.testing.assert_allclose(means[[0, 1, 3]], [SHARES["happy"], SHARES["happy"], SHARES["angry"]], atol=1e-5)
    assert len(bin_edges(talk)) == 701
    assert len(bin_edges(talk, 50)) == 51


def test_one_face_and_other_gaps(tmp_path):
    rows = [(0.0, 1, "happy"), (0.5, 2, "angry"), (1.0, 1, "happy"), (1.5, 1, "happy"), (4.0, 1, "happy")]
    observations = read_observations(write_rows(tmp_path / "rows.csv", rows))
    assert [face.face for face in make_timeline(observations, face=2).faces] == [2]
    assert len(make_timeline(observations, gap=3.0, face=1).faces[0].gaps) == 0
    assert len(make_timeline(observations, face=1).faces[0].gaps) == 1
    with pytest.raises(InputError, match=r"no such face. Allowed: 1, 2. Received: 7"):
        make_timeline(observations, face=7)
    with pytest.raises(InputError, match="shorter than a frame"):
        make_timeline(observations, gap=0.01)


HEAD = "file,frame,timestamp,face,uncertain,p_a,p_b"
GOOD = "v.mp4,0,0.0,0,False,0.5,0.5"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (HEAD + "\n", "no rows"),
        ("file,frame,face\nv.mp4,0,0\n", "lacks columns: timestamp, p_<class>"),
        (HEAD + ",p_b\n", "a column twice"),
        (f"{HEAD}\n{GOOD}\nv.mp4,1,soon,0,False,0.5,0.5\n", "line 3: unusable timestamp.*'soon'"),
        (f"{HEAD}\n{GOOD}\nv.mp4,1,nan,0,False,0.5,0.5\n", "line 3: unusable timestamp"),
        (f"{HEAD}\nv.mp4,1,1.0,0,False,x,0.5\n", "line 2: unusable p_a"),
        (f"{HEAD}\nv.mp4,1,1.0,0,False,0.9,0.5\n", "sum to 1"),
        (f"{HEAD}\nv.mp4,1,1.0,0.5,False,0.5,0.5\n", "face number"),
        (f"{HEAD}\nv.mp4,1,1.0,0,perhaps,0.5,0.5\n", "uncertain"),
        (f"{HEAD}\nv.mp4,1,1.0,0,False,0.5,0.5\nv.mp4,0,0.5,0,False,0.5,0.5\n", "line 3: time goes back"),
        (f"{HEAD}\n{GOOD}\nw.mp4,0,0.0,0,False,0.5,0.5\n", "more than one video"),
        (f"{HEAD}\npicture.png,,,0,False,0.5,0.5\n", "rows of a video"),
        (f"{HEAD}\nv.mp4,0,0.0,0,False,0.5\n", "7 values"),
        (f"{HEAD}\nv.mp4,0,0.0,,,,\n", "holds no face"),
        (f'{HEAD}\n"v.mp4,0,0.0,0,False,0.5,0.5\n', "not a CSV file"),
    ],
)
def test_unusable_tables_say_what_and_where(tmp_path, text, words):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_observations(path)
    assert re.search(words, str(error.value))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_observations(tmp_path / "nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="UTF-8"):
        read_observations(tmp_path / "binary.csv")


def test_the_table_of_minutes_reads_back(talk):
    rows = list(csv.DictReader(io.StringIO(to_csv(summarise_minutes(talk), talk.classes))))
    assert len(rows) == 3
    assert rows[0]["dominant"] == "happy"
    assert sum(float(rows[0][f"mean_{name}"]) for name in CLASSES) == pytest.approx(1, abs=1e-3)


def test_figure_leaves_gaps_empty_and_shows_each_face(talk):
    figure = plot_timeline(talk, talk.faces, "Title")
    stacks, bands = figure.axes[::2], figure.axes[1::2]
    assert len(stacks) == len(bands) == 2
    band = bands[0].collections[0].get_array().ravel()
    seconds = bin_edges(talk)[:-1] + 0.05
    assert set(band[(seconds > 30) & (seconds < 40)]) == {len(CLASSES)}
    assert set(band[seconds < 30]) == {CLASSES.index("happy")}
    assert set(band[seconds > 40]) == {CLASSES.index("angry")}
    assert len(stacks[0].patches) == len(CLASSES)


def test_colours_follow_the_emotion_in_any_spelling():
    assert class_colors(["anger", "happiness"]) == class_colors(["angry", "happy"])
    assert len(set(class_colors([f"other {at}" for at in range(8)]))) == 8


def test_clock_and_span():
    assert [clock(seconds) for seconds in (0, 4, 187.4, 3765)] == ["0:00", "0:04", "3:07", "1:02:45"]
    assert [span(seconds) for seconds in (0.25, 59.9, 59.97, 61)] == ["0.2 s", "59.9 s", "1:00", "1:01"]


def test_report_is_whole_and_escapes_names(talk, tmp_path):
    from dataclasses import replace

    numbers = write_timeline(tmp_path, replace(talk, file="<b>talk</b>.mp4"))
    assert {path.name for path in tmp_path.iterdir()} >= set(FILES)
    page = (tmp_path / "index.html").read_text()
    assert "<b>talk" not in page
    assert "apparent expression" in page.lower()
    assert "Article 5(1)(f)" in page
    assert "0:30 to 0:40" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert [row["face"] for row in numbers["faces"]] == [3, 5]


def test_a_folder_is_replaced_only_on_request_and_only_if_it_is_a_timeline(tmp_path):
    check_free(tmp_path, force=False)
    (tmp_path / "index.html").touch()
    with pytest.raises(RunFolderError, match="--force"):
        check_free(tmp_path, force=False)
    check_free(tmp_path, force=True)
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(RunFolderError, match=r"thesis\.doc"):
        check_free(tmp_path, force=True)
