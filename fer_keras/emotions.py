"""Label sets and their order, and the side of FER2013's faces. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import DataError, nearest_hint

# Order of the FER2013 challenge file (Goodfellow et al. 2013, arXiv:1307.0414): label = index.
FER7: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# Side of its faces in pixels.
FACE_SIZE = 48

# FER+ (Barsoum et al. 2016, arXiv:1608.01041) adds contempt.
FERPLUS8: tuple[str, ...] = (*FER7, "contempt")

# AffectNet (Mollahosseini et al. 2017, arXiv:1708.03985), in alphabetical order, as its class folders sort.
AFFECTNET8: tuple[str, ...] = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sad", "surprise")

# Spellings found in public folder layouts and label files, by FER2013's name of the class.
_SPELLINGS = {
    "angry": ("anger",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"),
    "sad": ("sadness",),
    "surprise": ("surprised", "suprise"),
    "neutral": ("neutrality",),
    "contempt": ("contemptuous",),
}
_MEANING = {word: name for name, others in _SPELLINGS.items() for word in (name, *others)}


def canonical_emotion(name: str, classes: tuple[str, ...] = FER7) -> str:
    """Map a folder name or label text to the class of ``classes`` that it means.

    A class is found by its own name first, whatever the case, then by the known spellings of the same emotion.

    Raises:
        DataError: the name is no class of ``classes`` in any known spelling.
    """
    found = _find(name, classes)
    if found is None:
        raise DataError(
            f"unknown emotion {name!r}",
            allowed=", ".join(classes),
            received=repr(name),
            hint=nearest_hint(name.strip().lower(), classes),
        )
    return found


def _find(name: str, classes: tuple[str, ...]) -> str | None:
    if name in classes:
        return name
    word = name.strip().lower()
    own = {given.lower(): given for given in classes}
    if word in own:
        return own[word]
    meanings = {_MEANING[lower]: given for lower, given in own.items() if lower in _MEANING}
    return meanings.get(_MEANING.get(word, ""))


def order_classes(names: Iterable[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Give names of class folders their place in a label set.

    Names that are all emotions of FER2013, in any spelling, become FER2013's in its order; else, if they are all
    AffectNet's, those in its order; any other set keeps its names, in alphabetical order.

    Returns:
        The classes that occur, in label order; and, for each given name, its class.
    """
    given = sorted(set(names))
    for known in (FER7, AFFECTNET8):
        found = {name: meant for name in given if (meant := _find(name, known)) is not None}
        if len(found) == len(given):
            return tuple(name for name in known if name in found.values()), found
    return tuple(given), {name: name for name in given}
