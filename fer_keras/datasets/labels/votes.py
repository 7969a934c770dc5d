"""The FER+ votes: ten taggers per FER2013 face, joined to the faces by row number. No TensorFlow.

Barsoum et al. 2016, "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution",
arXiv:1608.01041. ``fer2013new.csv`` has one row per row of fer2013.csv, in the same order. What labels follow from the
votes is decided in :mod:`fer_keras.datasets.labels.ferplus`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...emotions import FER7
from ...errors import DataError
from ..faces import FaceDataset
from ..sources.rows import SPLIT_OF_USAGE

FILE_NAME = "fer2013new.csv"
ENVIRONMENT_VARIABLE = "FERPLUS_PATH"
# In the order of the file; NF is "not a face".
VOTE_COLUMNS = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)
# Label of the column's emotion: the order of FER7, then contempt (7); -1 for what is no emotion.
LABEL_OF_COLUMN = np.array([6, 3, 5, 4, 0, 1, 2, 7, -1, -1])

HEADER = ("Usage", "Image name", *VOTE_COLUMNS)
_MAX_BYTES = 64 * 2**20
_ROW_ID = re.compile(r"row (\d+)")
_FILE_ID = re.compile(r"(?:.*/)?(?:Training|PublicTest|PrivateTest)_(\d{1,18})\.\w+")
# FER2013's own label wins the FER+ vote on 62 % of the rows of each split; on shuffled rows on 17 %.
_LEAST_AGREEMENT, _FACES_TO_JUDGE = 0.4, 100


@dataclass(frozen=True)
class Votes:
    """The content of a votes file.

    Attributes:
        splits: (n,) str, ``train``, ``validation`` or ``test``.
        counts: (n, 10) int64, votes per row in the order of ``VOTE_COLUMNS``.
        name: of the file, without its folder.
        sha256: of the file, hex.
    """

    splits: np.ndarray
    counts: np.ndarray
    name: str
    sha256: str


def find_votes(path: str | os.PathLike | None, source: str) -> Path | None:
    """Return the votes file: ``path``, else FERPLUS_PATH, else ``fer2013new.csv`` in or beside the data, else None.

    Raises:
        DataError: a file that was named does not exist.
    """
    for named, by in ((path, "data.ferplus"), (os.environ.get(ENVIRONMENT_VARIABLE), ENVIRONMENT_VARIABLE)):
        if named:
            file = Path(named).expanduser()
            if not file.is_file():
                raise DataError(f"no FER+ votes at {file}, which {by} names", hint=f"Give the path of {FILE_NAME}")
            return file
    places = (Path(source) / FILE_NAME, Path(source).parent / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def read_votes(path: Path) -> Votes:
    """Read ``fer2013new.csv``.

    Raises:
        DataError: unreadable, another header, or a row that is no votes; the message names the first one.
    """
    try:
        with open(path, "rb") as handle:
            content = handle.read(_MAX_BYTES + 1)
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the FER+ votes {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", allowed=f"{FILE_NAME} of FER+") from error
    if len(content) > _MAX_BYTES:
        raise DataError(f"{path} is too large for FER+ votes", allowed=f"at most {_MAX_BYTES} bytes")
    splits, counts = _parse(text, str(path))
    return Votes(splits, counts, path.name, hashlib.sha256(content).hexdigest())


def _parse(text: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    splits: list[str] = []
    counts: list[list[int]] = []
    delimiter = max(",;\t", key=text.partition("\n")[0].count)  # Excel's
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        header = next(reader, [])
        if tuple(name.strip() for name in header) != HEADER:
            raise DataError(
                f"{where} does not begin with the FER+ header",
                allowed=",".join(HEADER),
                received=repr(",".join(header)[:120]),
            )
        for fields in reader:
            split, votes = _parse_row(fields, f"{where}, row {len(splits)}")
            splits.append(split)
            counts.append(votes)
    except csv.Error as error:
        raise DataError(f"{where}, line {reader.line_num}: not valid csv ({error})") from error
    if not splits:
        raise DataError(f"{where} has a header but no votes")
    return np.array(splits), np.array(counts, np.int64)  # (n,), (n, 10)


def _parse_row(fields: list[str], where: str) -> tuple[str, list[int]]:
    if len(fields) != len(HEADER):
        raise DataError(f"{where}: wrong number of fields", allowed=str(len(HEADER)), received=len(fields))
    usage, _, *votes = fields
    if usage not in SPLIT_OF_USAGE:
        raise DataError(f"{where}: unknown Usage", allowed=", ".join(SPLIT_OF_USAGE), received=repr(usage[:40]))
    wrong = [vote for vote in votes if not (vote.isascii() and vote.isdigit() and len(vote) <= 3)]
    if wrong or not any(int(vote) for vote in votes):
        received = repr(wrong[0][:40]) if wrong else "no vote at all"
        raise DataError(f"{where}: these are no votes", allowed="whole numbers, 10 votes per row", received=received)
    return SPLIT_OF_USAGE[usage], [int(vote) for vote in votes]


def join_votes(dataset: FaceDataset, votes: Votes) -> dict[str, np.ndarray]:
    """Return the votes of each face: counts (n, 10) int64 per split, in the order of the faces.

    The join goes by row number, which a csv and folders with row numbers in their file names (``Training_00017.jpg``)
    have kept. Usage must agree on every row, and the votes must agree with the labels about as often as they do in
    the original, so that a shuffled copy is refused.

    Args:
        dataset: FER2013 with its own labels and classes.
        votes: of the same rows.

    Raises:
        DataError: not FER2013, row numbers unknown, or votes of other rows.
    """
    if dataset.name != "fer2013" or dataset.classes != FER7:
        raise DataError(
            "FER+ votes belong to FER2013 with its seven classes",
            allowed="--data with the original fer2013.csv",
            received=f"{dataset.name} with {len(dataset.classes)} classes",
        )
    joined = {}
    for name, split in dataset.splits.items():
        numbers = _row_numbers(split.ids)
        _check_usages(name, numbers, split.ids, votes)
        joined[name] = votes.counts[numbers]  # (n, 10)
        _check_agreement(name, split.labels, joined[name])
    return joined


def _row_numbers(ids: np.ndarray) -> np.ndarray:
    numbers = []
    for text in ids.tolist():
        match = _ROW_ID.fullmatch(text) or _FILE_ID.fullmatch(text)
        if match is None:
            raise _lost_order(f"'{text}' does not tell its row number")
        numbers.append(int(match[1]))
    return np.array(numbers, np.int64)


def _check_usages(name: str, numbers: np.ndarray, ids: np.ndarray, votes: Votes) -> None:
    outside = numbers >= len(votes.splits)
    if outside.any():
        raise _lost_order(f"'{ids[outside.argmax()]}' is no row of {votes.name}, which has {len(votes.splits):,}")
    other = votes.splits[numbers] != name
    if other.any():
        row = int(other.argmax())
        there = votes.splits[numbers[row]]
        raise _lost_order(f"'{ids[row]}' belongs to the {name} split here and to the {there} split in {votes.name}")


def _check_agreement(name: str, labels: np.ndarray, counts: np.ndarray) -> None:
    agreement = float((LABEL_OF_COLUMN[counts.argmax(axis=1)] == labels).mean()) if len(labels) else 1.0
    if len(labels) >= _FACES_TO_JUDGE and agreement < _LEAST_AGREEMENT:
        raise _lost_order(f"labels and votes of the {name} split agree on {agreement:.0%} of its faces instead of 62 %")


def _lost_order(reason: str) -> DataError:
    return DataError(
        f"the FER+ votes do not fit these rows: {reason}",
        allowed="the whole fer2013.csv or icml_face_data.csv in its original order",
        hint="The public image folder numbers its files at random and cannot be joined; use data.limit to take fewer",
    )
