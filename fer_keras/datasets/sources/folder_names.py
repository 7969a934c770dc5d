"""What the names of folders say: a split, an expression, or a group of pictures that is no class. No TensorFlow."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable

from ...emotions import known_emotion

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "learn", "entrenamiento", "entrainement"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validierung", "validacion"), "validation"),
    **dict.fromkeys(("dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "heldout"), "test"),
    **dict.fromkeys(("eval", "evaluation"), "eval"),
}
_ENDING = re.compile(r"(sets?|data|images?|imgs?|faces|split|folder|s)$")
# What folders are called that hold pictures of several classes, or no pictures at all.
_GROUPS = (
    "set sets subset fold folds part parts batch chunk shard group groups split splits folder dir class classes "
    "image images img imgs pic pics picture pictures photo photos frame frames face faces crop crops cropped full "
    "aligned unaligned original originals orig raw processed preprocessed resized augmented aug flipped clean noisy "
    "annotation annotations label labels mask masks landmark landmarks bbox metadata meta info doc docs "
    "data dataset datasets db archive jpg jpeg png bmp gray grey grayscale greyscale rgb color colour bw manual auto "
    "automatically manually annotated compressed "
    "subject subjects person people participant participants actor speaker user patient id ids session sessions "
    "sequence sequences seq video videos clip clips movie camera cam webcam take trial run day night week "
    "male female men women man woman boys girls old young adult adults child children kids left right front frontal "
    "profile side indoor outdoor new backup copy tmp temp trash deleted unsorted unlabeled unlabelled posed "
    "spontaneous small large low high hr lr source src target input output results v"
)
_GROUP_WORDS = frozenset(_GROUPS.split())
# Folders called so and numbered are classes without a name.
_CLASSES = "class classes klasse clase classe emotion expression label category cls emo exp c e au"
_CLASS_WORDS = frozenset(_CLASSES.split())
_PERSONS = "subject subj sub person participant actor speaker user patient id session sequence seq video clip take s p"
_PERSON_WORDS = frozenset(_PERSONS.split())
_MOST_NUMBERS, _LONGEST_CODE = 11, 3


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case, divided at signs, digits and capitals: ``FER2013Train``."""
    spaced = re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", unicodedata.normalize("NFC", name))
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", spaced)
    return [word.casefold() for word in re.split(r"[\W_]+", spaced) if word]


@functools.lru_cache(4096)
def split_of(name: str) -> str:
    """Return ``train``, ``validation``, ``test``, ``eval`` (one of the last two), or an empty string."""
    words = words_of(name)
    if any(known_emotion(word) for word in words if len(word) > 2):
        return ""
    found = {split for word in words if (split := _split_word(word))}
    if found == {"test"} and "public" in words:  # FER2013's PublicTest selects, its PrivateTest is scored
        return "validation"
    return found.pop() if len(found) == 1 else ""


def _split_word(word: str) -> str:
    return SPLIT_WORDS.get(word) or SPLIT_WORDS.get(_ENDING.sub("", word), "")


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """Return the split of each folder that is named like one; ``eval`` is what the others leave free."""
    found = {name: split for name in sorted(names) if (split := split_of(name))}
    free = "test" if "validation" in found.values() and "test" not in found.values() else "validation"
    return {name: free if split == "eval" else split for name, split in found.items()}


def why_no_classes(names: Iterable[str]) -> str:
    """Return why folders side by side are probably no classes, or an empty string.

    Names of expressions are classes. Words that nobody uses for groups (``bored``, ``engaged``) and numbers from 0 or 1
    on may be.
    """
    unknown = sorted(name for name in set(names) if not known_emotion(name))
    if not unknown:
        return ""
    for name in unknown:
        if why := _why_no_class(name):
            return why
    if all(len(name.strip()) == 1 and name.strip().isalpha() for name in unknown) and len(unknown) > 1:
        return f"{_some(unknown)} are single letters"
    if all(any(sign.isdigit() for sign in name) for name in unknown) and not _are_numbered_classes(unknown):
        return f"{_some(unknown)} are numbered as persons, sequences or parts are"
    if len(stems := {re.sub(r"[\s._-]+[^\W\d_]$", "", name.casefold()) for name in unknown}) == 1 < len(unknown):
        return f"{_some(unknown)} are parts of one '{stems.pop()}'"
    return ""


def are_like_persons(names: Iterable[str]) -> bool:
    """Whether all names are numbers or codes with numbers, as those of persons and sequences are: ``001``, ``AF01``."""
    return all(any(sign.isdigit() for sign in name) and _are_person_words(words_of(name)) for name in names)


def _are_person_words(words: list[str]) -> bool:
    others = [word for word in words if not word.isdigit() and word not in _PERSON_WORDS]
    return all(len(word) <= _LONGEST_CODE and word not in _GROUP_WORDS for word in others)


def _why_no_class(name: str) -> str:
    words = words_of(name)
    if split_of(name):
        return f"'{name}' looks like the {split_of(name)} split"
    emotions = [word for word in words if len(word) > 2 and known_emotion(word)]
    if emotions and any(_split_word(word) for word in words):
        return f"'{name}' holds a class and a split in one name"
    plain = [word for word in words if not word.isdigit() and len(word) > 1]
    numbered = any(word.isdigit() for word in words)
    if plain and all(word in _GROUP_WORDS for word in plain) and not (numbered and set(plain) <= _CLASS_WORDS):
        return f"'{name}' is the name of a group of files"
    return ""


def _are_numbered_classes(names: list[str]) -> bool:
    if all({word for word in words_of(name) if not word.isdigit()} <= _CLASS_WORDS for name in names) and not all(
        name.strip().isdigit() for name in names
    ):
        return all(len(words_of(name)) == 2 for name in names)
    if not all(name.isascii() and name.isdigit() and str(int(name)) == name for name in names):
        return False
    numbers = sorted(map(int, names))
    return numbers[0] in (0, 1) and numbers[-1] < _MOST_NUMBERS and numbers == list(range(numbers[0], numbers[-1] + 1))


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown}, ... ({len(names)} folders)" if len(names) > 4 else shown
