"""Labels of one picture each: in a file of its own, or in its name. No TensorFlow.

AffectNet   annotations/ID_exp.npy beside images/ID.jpg
CK+         S005_001_00000011_emotion.txt beside S005_001_00000011.png
names       KA.AN1.39.tiff (JAFFE), AF01ANS.JPG (KDEF), Rafd090_01_Caucasian_female_angry_frontal.jpg, happy_01.png
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

from ...emotions import AFFECTNET8, known_emotion
from ...errors import DataError
from .folder_names import words_of
from .label_lists import AFFECTNET_CODES, Entry, LabelList, code_words, decoded, list_of

# Lucey et al. 2010.
CKPLUS_CODES = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
_SIDECARS = (("_exp.npy", AFFECTNET_CODES, "AffectNet"), ("_emotion.txt", CKPLUS_CODES, "CK+"))
# JAFFE: KA.AN1.39; KDEF: AF01ANS.
_CODED_NAME = re.compile(
    r"[A-Z]{2}\.(AN|DI|FE|HA|NE|SA|SU)\d\.\d+|[AB][FM]\d{2}(AF|AN|DI|HA|NE|SA|SU)[A-Z]{1,2}", re.IGNORECASE
)

Read = Callable[[Iterable[str]], Iterator[tuple[str, bytes | DataError]]]


def find_sidecars(names: Sequence[str], read_files: Read) -> LabelList | None:
    """Return the labels that stand in one file for each picture, or None where there are no such files.

    Args:
        names: every file and folder of the tree.
        read_files: yields the name and content of each of many small files.
    """
    for ending, codes, kind in _SIDECARS:
        if own := [name for name in names if name.endswith(ending)]:
            return list_of(kind, own[0], AFFECTNET8, functools.partial(_read_sidecars, own, ending, codes, read_files))
    return None


def _read_sidecars(names: list[str], ending: str, codes, read_files: Read) -> Iterator[Entry | DataError]:
    for name, data in read_files(names):
        try:
            if isinstance(data, DataError):
                raise data
            label = _sidecar_label(data, ending.endswith("npy"), codes)
        except DataError as error:
            yield DataError(f"{name}: {error.problem}", allowed=error.allowed, received=error.received)
        except (ValueError, EOFError, OSError):
            yield DataError(f"{name}: it holds no number of an expression")
        else:
            yield Entry(name, f"/{name[: -len(ending)]}", label)


@functools.lru_cache(1024)  # of 300,000 files hardly two dozen differ
def _sidecar_label(data: bytes, is_array: bool, codes: tuple[str, ...]) -> str:
    value = np.load(io.BytesIO(data), allow_pickle=False) if is_array else data.decode()
    return decoded(str(value).strip(), codes)


def labels_of_names(pictures: Sequence[str]) -> LabelList | None:
    """Return the labels that file names tell: JAFFE's, KDEF's and RaFD's, or one word for an expression in each.

    Returns:
        None where a name holds none or several, or all the same.
    """
    found = [_label_of_name(PurePosixPath(name).stem) for name in pictures]
    if not all(found) or len(set(found)) < 2:
        return None
    entries = tuple(Entry(name, f"/{name}", label) for name, label in zip(pictures, found, strict=True))
    return LabelList("", "the file names", (), lambda: entries)


def labels_of_numbers(numbers: Mapping[str, str]) -> LabelList | None:
    """Return the labels of pictures in folders of numbers where their names tell whose numbers these are: RAF-DB's.

    Args:
        numbers: name of each picture to that of its folder.
    """
    entries = tuple(Entry(name, f"/{name}", number) for name, number in numbers.items())
    known = code_words(entries) != [entry.label for entry in entries]
    return LabelList("RAF-DB", "numbers", (), lambda: entries) if known else None


def _label_of_name(stem: str) -> str:
    code = _CODED_NAME.fullmatch(stem)
    if code:
        return known_emotion(code[1] or code[2])
    words = {word for word in words_of(stem) if len(word) > 2 and known_emotion(word)}
    return known_emotion(words.pop()) if len(words) == 1 else ""
