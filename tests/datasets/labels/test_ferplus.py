"""From votes to labels, with the numbers of faces that the literature states."""

import csv
from pathlib import Path

import numpy as np
import pytest

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.datasets.labels.ferplus import MODES, hard_labels, load_ferplus, use_ferplus_labels, vote_distribution
from fer_keras.datasets.labels.votes import Votes, read_votes
from fer_keras.emotions import FER7, FERPLUS8
from fer_keras.errors import DataError, InputError

SHARED = Path(__file__).resolve().parents[3] / "../shared/fer2013"
real = pytest.mark.skipif(not (SHARED / "fer2013new.csv").is_file(), reason="no FER+ votes in ../shared/fer2013")


def label(votes, mode="majority", classes=8):
    found = hard_labels(np.array([votes]), mode, classes)[0]
    return None if found < 0 else FERPLUS8[found]


#                  neutral happiness surprise sadness anger disgust fear contempt unknown NF
CLEAR = (1, 0, 0, 8, 1, 0, 0, 0, 0, 0)
HALF = (5, 0, 0, 3, 2, 0, 0, 0, 0, 0)
SLIPS = (5, 0, 0, 2, 1, 1, 1, 0, 0, 0)
TIE = (0, 5, 0, 5, 0, 0, 0, 0, 0, 0)
UNKNOWN = (3, 0, 0, 0, 1, 0, 0, 0, 6, 0)
UNKNOWN_TIE = (0, 0, 0, 0, 5, 0, 0, 0, 5, 0)
NO_FACE = (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)
CONTEMPT = (2, 0, 0, 0, 1, 0, 0, 7, 0, 0)
SCATTERED = (1, 1, 1, 1, 1, 1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("votes", "majority", "strict"),
    [
        (CLEAR, "sad", "sad"),
        (HALF, "neutral", None),
        (SLIPS, "neutral", "neutral"),  # 5 of the 7 that are left
        (TIE, "happy", None),
        (UNKNOWN, None, None),
        (UNKNOWN_TIE, "angry", None),
        (NO_FACE, None, None),
        (CONTEMPT, "contempt", "contempt"),
        (SCATTERED, "neutral", None),
    ],
)
def test_labels_follow_the_stated_rules(votes, majority, strict):
    assert label(votes) == label(votes, "soft") == majority
    assert label(votes, "strict_majority") == strict
    without = None if majority == "contempt" else majority
    assert label(votes, classes=7) == without


def test_distribution_is_over_the_emotions_only():
    soft = vote_distribution(np.array([UNKNOWN, CONTEMPT, NO_FACE]), 8)
    assert soft.dtype == np.float32
    np.testing.assert_allclose(soft[0], [0.25, 0, 0, 0, 0, 0, 0.75, 0])
    np.testing.assert_allclose(soft[1], [0.1, 0, 0, 0, 0, 0, 0.2, 0.7])
    np.testing.assert_array_equal(soft[2], 0)
    np.testing.assert_allclose(vote_distribution(np.array([CONTEMPT]), 7)[0], np.array([1, 0, 0, 0, 0, 0, 2]) / 3)


def make_dataset(n=9):
    images = np.arange(3 * n, dtype=np.uint8).reshape(3, n, 1, 1, 1)
    splits = {
        name: Split(images[i], np.zeros(n, np.int64), np.array([f"row {i * n + row}" for row in range(n)]))
        for i, name in enumerate(("train", "validation", "test"))
    }
    return FaceDataset("fer2013", FER7, splits, "nowhere/fer2013.csv", fingerprint(splits, FER7))


def make_votes():
    rows = [CLEAR, HALF, SLIPS, TIE, UNKNOWN, UNKNOWN_TIE, NO_FACE, CONTEMPT, SCATTERED]
    return Votes(np.repeat(["train", "validation", "test"], 9), np.array(rows * 3), "votes.csv", "1" * 64)


def test_faces_without_a_label_are_left_out_and_counted():
    dataset = make_dataset()
    changed = use_ferplus_labels(dataset, make_votes(), mode="majority", classes=8)
    assert (changed.name, changed.classes) == ("ferplus", FERPLUS8)
    for split in changed.splits.values():
        assert [FERPLUS8[i] for i in split.labels] == [
            "sad",
            "neutral",
            "neutral",
            "happy",
            "angry",
            "contempt",
            "neutral",
        ]
        assert split.soft_labels is None
    np.testing.assert_array_equal(changed.splits["test"].images, dataset.splits["test"].images[[0, 1, 2, 3, 5, 7, 8]])
    assert changed.splits["test"].ids[4] == "row 23"
    (change,) = changed.changes
    assert "train n = 7 of 9, validation n = 7 of 9, test n = 7 of 9" in change.sentence
    counts = change.details["splits"]["test"]
    assert counts == {
        "faces": 9, "n": 7, "won_by_unknown_or_no_face": 2, "won_by_contempt": 1, "ties_resolved_by_order": 3,
    }  # fmt: skip
    assert changed.sha256 != dataset.sha256


def test_soft_labels_are_part_of_the_fingerprint():
    hard, soft = (use_ferplus_labels(make_dataset(), make_votes(), mode=mode) for mode in ("majority", "soft"))
    train = soft.splits["train"]
    np.testing.assert_array_equal(train.labels, hard.splits["train"].labels)
    assert train.soft_labels.shape == (7, 8)
    np.testing.assert_allclose(train.soft_labels.sum(axis=1), 1, rtol=1e-6)
    assert hard.sha256 != soft.sha256
    half = train.take(np.arange(7) % 2 == 0)
    np.testing.assert_array_equal(half.soft_labels, train.soft_labels[::2])


def test_what_cannot_be_done_is_said(monkeypatch):
    monkeypatch.delenv("FERPLUS_PATH", raising=False)
    with pytest.raises(DataError, match=r"votes \(fer2013new\.csv\) were not found.*--ferplus PATH"):
        load_ferplus(make_dataset(), None, mode="majority", classes=8)
    with pytest.raises(InputError, match=r"unknown FER\+ mode.*majority, strict_majority, soft"):
        hard_labels(np.array([CLEAR]), "mean", 8)
    with pytest.raises(InputError, match="Allowed: 7 or 8"):
        hard_labels(np.array([CLEAR]), "soft", 9)
    nobody = Votes(make_votes().splits, np.array([NO_FACE] * 27), "votes.csv", "")
    with pytest.raises(DataError, match="no face of the train split has a FER"):
        use_ferplus_labels(make_dataset(), nobody)


@real
@pytest.mark.parametrize(
    ("mode", "classes", "expected"),
    [
        ("majority", 8, (28389, 3553, 3546)),
        ("majority", 7, (28224, 3529, 3519)),
        ("strict_majority", 8, (25060, 3199, 3153)),
        ("strict_majority", 7, (24941, 3186, 3137)),
    ],
)
def test_the_real_votes_give_the_known_numbers_of_faces(mode, classes, expected):
    votes = read_votes(SHARED / "fer2013new.csv")
    labels = hard_labels(votes.counts, mode, classes)
    assert tuple(int((labels[votes.splits == name] >= 0).sum()) for name in ("train", "validation", "test")) == expected


@real
def test_the_real_rows_fit_and_shifted_ones_do_not():
    with open(SHARED / "rows.csv", newline="") as handle:
        labels = np.array([int(row["emotion"]) for row in csv.DictReader(handle)])
    votes = read_votes(SHARED / "fer2013new.csv")

    def dataset(labels):
        rows = {name: np.flatnonzero(votes.splits == name) for name in ("train", "validation", "test")}
        splits = {
            name: Split(np.zeros((len(at), 1, 1, 1), np.uint8), labels[at], np.array([f"row {row}" for row in at]))
            for name, at in rows.items()
        }
        return FaceDataset("fer2013", FER7, splits, "fer2013.csv", "")

    for mode in MODES:
        use_ferplus_labels(dataset(labels), votes, mode=mode)
    with pytest.raises(DataError, match="agree on 18% of its faces"):
        use_ferplus_labels(dataset(np.roll(labels, 1)), votes)
