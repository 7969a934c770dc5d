"""Reading the FER+ votes and joining them by row."""

from dataclasses import replace

import numpy as np
import pytest

from fer_keras.datasets.faces import FaceDataset, Split
from fer_keras.datasets.labels.votes import (
    HEADER,
    LABEL_OF_COLUMN,
    VOTE_COLUMNS,
    Votes,
    find_votes,
    join_votes,
    read_votes,
)
from fer_keras.emotions import FER7, FERPLUS8
from fer_keras.errors import DataError

FACES = {"train": 210, "validation": 105, "test": 105}


def make_dataset(prefix="row {}"):
    """Rows in file order, 14 in 15 of them labelled as the votes say."""
    splits, start = {}, 0
    for name, n in FACES.items():
        rows = np.arange(start, start + n)
        ids = np.array([prefix.format(row) for row in rows])
        splits[name] = Split(np.zeros((n, 1, 1, 1), np.uint8), np.where(rows % 15 == 0, 2, rows % 7), ids)
        start += n
    return FaceDataset("fer2013", FER7, splits, "somewhere/fer2013.csv", "0" * 64)


def make_votes():
    n = sum(FACES.values())
    counts = np.zeros((n, 10), np.int64)
    counts[np.arange(n), [LABEL_OF_COLUMN.tolist().index(row % 7) for row in range(n)]] = 9
    counts[:, 9] += np.arange(n) % 3 == 0
    return Votes(np.repeat(list(FACES), list(FACES.values())), counts, "votes.csv", "1" * 64)


def line(usage="Training", name="fer0000000.png", votes=(4, 0, 0, 1, 3, 2, 0, 0, 0, 0)):
    return ",".join([usage, name, *map(str, votes)])


GOOD_HEADER = ",".join(HEADER)


def write(path, *lines, header=GOOD_HEADER, newline="\n"):
    path.write_text(newline.join([header, *lines]) + newline, encoding="utf-8", newline="")
    return path


def test_every_column_has_its_label():
    names = {"happiness": "happy", "sadness": "sad", "anger": "angry"}
    for column, label in zip(VOTE_COLUMNS, LABEL_OF_COLUMN, strict=True):
        expected = names.get(column, column)
        assert label == (FERPLUS8.index(expected) if expected in FERPLUS8 else -1)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_votes_are_read_in_order(tmp_path, newline):
    path = write(tmp_path / "v.csv", line(), line("PrivateTest", "", (0,) * 9 + (10,)), newline=newline)
    votes = read_votes(path)
    assert votes.splits.tolist() == ["train", "test"]
    assert votes.counts.tolist() == [[4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [0] * 9 + [10]]
    assert votes.name == "v.csv"
    marked = tmp_path / "bom.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(read_votes(marked).counts, votes.counts)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line(), line("Test")], "row 1: unknown Usage.*Received: 'Test'"),
        ([line(votes=(1, 2))], "row 0: wrong number of fields.*Allowed: 12.*Received: 4"),
        ([line(votes=(1.5,) * 10)], r"row 0: these are no votes.*'1\.5'"),
        ([line(votes=(-1,) + (1,) * 9)], "no votes.*'-1'"),
        ([line(votes=("",) + (1,) * 9)], "no votes"),
        ([line(votes=("٣",) + (1,) * 9)], "no votes"),
        ([line(votes=(0,) * 10)], "no vote at all"),
        (["Training,x,'4".replace("'", '"')], "not valid csv"),
        ([], "a header but no votes"),
    ],
)
def test_wrong_votes_are_refused_by_row(tmp_path, lines, words):
    with pytest.raises(DataError, match=words):
        read_votes(write(tmp_path / "v.csv", *lines))


def test_another_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"does not begin with the FER\+ header"):
        read_votes(write(tmp_path / "a.csv", header="emotion,pixels,Usage"))
    with pytest.raises(DataError, match="cannot read"):
        read_votes(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_votes(tmp_path / "b.csv")


def test_votes_are_found_where_they_are_named_then_beside_the_data(tmp_path, monkeypatch):
    monkeypatch.delenv("FERPLUS_PATH", raising=False)
    data = tmp_path / "data" / "fer2013.csv"
    data.parent.mkdir()
    data.touch()
    assert find_votes(None, str(data)) is None
    beside, named, other = data.parent / "fer2013new.csv", tmp_path / "named.csv", tmp_path / "other.csv"
    for path in (beside, named, other):
        path.touch()
    assert find_votes(None, str(data)) == find_votes(None, str(data.parent)) == beside
    monkeypatch.setenv("FERPLUS_PATH", str(named))
    assert find_votes(None, str(data)) == named
    assert find_votes(str(other), str(data)) == other
    other.unlink()
    with pytest.raises(DataError, match=r"data\.ferplus names"):
        find_votes(str(other), str(data))
    named.unlink()
    with pytest.raises(DataError, match="FERPLUS_PATH names"):
        find_votes(None, str(data))


@pytest.mark.parametrize("prefix", ["row {}", "train/happy/Training_{:05d}.jpg"])
def test_each_face_gets_the_votes_of_its_row(prefix):
    votes = make_votes()
    joined = join_votes(make_dataset(prefix), votes)
    assert list(joined) == list(FACES)
    np.testing.assert_array_equal(np.concatenate(list(joined.values())), votes.counts)
    dataset = make_dataset(prefix)
    some = dataset.splits["validation"].take(np.array([7, 3]))
    joined = join_votes(replace(dataset, splits={**dataset.splits, "validation": some}), votes)
    np.testing.assert_array_equal(joined["validation"], votes.counts[[217, 213]])


def shuffled(dataset):
    split = dataset.splits["train"]
    order = np.random.default_rng(0).permutation(len(split))
    mixed = Split(split.images[order], split.labels[order], split.ids)  # the ids are the places in the file
    return replace(dataset, splits={**dataset.splits, "train": mixed})


def swapped(dataset):
    return replace(dataset, splits={**dataset.splits, "train": dataset.splits["validation"]})


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (replace(make_dataset(), name="synthetic"), "belong to FER2013.*Received: synthetic"),
        (replace(make_dataset(), classes=FER7[:5]), "with 5 classes"),
        (make_dataset("train/happy/Training_1{:07d}.jpg"), "is no row of votes.csv, which has 420"),
        (make_dataset("train/happy/{}.png"), "does not tell its row number"),
        (swapped(make_dataset()), "'row 210' belongs to the train split here and to the validation split in votes.csv"),
        (shuffled(make_dataset()), r"agree on \d+% of its faces instead of 62 %"),
    ],
)
def test_rows_that_are_not_those_of_the_votes_are_refused(dataset, words):
    with pytest.raises(DataError, match=words):
        join_votes(dataset, make_votes())
