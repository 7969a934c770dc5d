"""Two labellings of the same faces, scored side by side."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.datasets.labels.ferplus import hard_labels, use_ferplus_labels
from fer_keras.datasets.labels.votes import LABEL_OF_COLUMN, Votes
from fer_keras.emotions import FER7
from fer_keras.errors import DataError
from fer_keras.evaluation.second_opinion import Opinion, fer2013_opinion, ferplus_opinions, score_opinions

N = 70


@pytest.fixture(scope="module")
def votes():
    rng = np.random.default_rng(0)
    return Votes(np.repeat(["train", "validation", "test"], N), rng.multinomial(10, np.ones(10) / 10, 3 * N), "v", "0")


@pytest.fixture(scope="module")
def original():
    rng = np.random.default_rng(1)
    splits = {
        name: Split(
            rng.integers(0, 256, (N, 48, 48, 1), dtype=np.uint8),
            rng.integers(0, 7, N),
            np.array([f"row {start + row}" for row in range(N)]),
        )
        for start, name in ((0, "train"), (N, "validation"), (2 * N, "test"))
    }
    return FaceDataset("fer2013", FER7, splits, "nowhere", fingerprint(splits, FER7))


def test_fer_plus_is_the_second_opinion_on_fer2013(original, votes):
    majority, strict = ferplus_opinions(original, original, "test", votes)
    assert (majority.own, majority.other) == ("fer2013", "ferplus")
    assert (majority.rule, strict.rule) == ("majority", "strict_majority")
    np.testing.assert_array_equal(majority.labels, hard_labels(votes.counts[2 * N :], "majority", 7))
    np.testing.assert_array_equal(strict.labels, hard_labels(votes.counts[2 * N :], "strict_majority", 7))


def test_fer2013_is_the_second_opinion_on_fer_plus(original, votes):
    changed = use_ferplus_labels(original, votes)
    opinion = fer2013_opinion(original, changed, "test")
    assert (opinion.own, opinion.other) == ("ferplus", "fer2013")
    rows = [int(text.split()[1]) - 2 * N for text in changed.splits["test"].ids]
    assert len(rows) < N
    np.testing.assert_array_equal(opinion.labels, original.splits["test"].labels[rows])


def test_fewer_classes_in_another_order(original, votes):
    split = original.splits["test"]
    keep = np.flatnonzero(np.isin(split.labels, (3, 4)))[::-1]
    chosen = Split(split.images[keep], (split.labels[keep] == 3).astype(int), split.ids[keep])
    dataset = replace(original, classes=("sad", "happy"), splits={**original.splits, "test": chosen})
    expected = {3: 1, 4: 0}
    labels = LABEL_OF_COLUMN[votes.counts[2 * N :][keep].argmax(axis=1)]
    opinion = ferplus_opinions(original, dataset, "test", votes)[0]
    assert opinion.labels.tolist() == [expected.get(label, -1) for label in labels.tolist()]
    assert {-1, 0, 1} == set(opinion.labels.tolist())


def test_merged_classes_have_none(original, votes):
    with pytest.raises(DataError, match="no second opinion.*Received: bad"):
        ferplus_opinions(original, replace(original, classes=("bad", *FER7[1:])), "test", votes)


def test_both_scores_are_on_the_faces_that_have_both_labels():
    rng = np.random.default_rng(2)
    labels, other = rng.integers(0, 7, 60), rng.integers(-1, 7, 60)
    y_prob = rng.dirichlet(np.ones(7), 60)
    opinion = Opinion("fer2013", "ferplus", "majority", other)
    scores = score_opinions(labels, y_prob, FER7, [opinion])["majority"]
    both, y_pred = other >= 0, y_prob.argmax(axis=1)
    assert scores["n"] == both.sum() < 60
    assert scores["agreement"] == (labels == other)[both].mean()
    for name, truth in (("fer2013", labels), ("ferplus", other)):
        assert scores[name]["accuracy"] == sk.accuracy_score(truth[both], y_pred[both])
        assert scores[name]["macro_f1"] == pytest.approx(
            sk.f1_score(truth[both], y_pred[both], labels=range(7), average="macro", zero_division=0)
        )


def test_no_common_face_is_said():
    opinion = Opinion("fer2013", "ferplus", "majority", np.full(3, -1))
    scores = score_opinions(np.zeros(3, int), np.full((3, 7), 1 / 7), FER7, [opinion])
    assert scores == {"majority": {"own": "fer2013", "other": "ferplus", "n": 0}}
