"""Label sets and their order. Standard library only."""

from __future__ import annotations

from .errors import DataError, nearest_hint

# Order of the FER2013 challenge file (Goodfellow et al. 2013, arXiv:1307.0414): label = index.
FER7: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

# Spellings found in public folder layouts of the same classes.
_SPELLINGS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def canonical_emotion(name: str, classes: tuple[str, ...] = FER7) -> str:
    """Map a folder name or label text to its lower-case class name.

    Raises:
        DataError: the name is no class of ``classes`` in any known spelling.
    """
    word = name.strip().lower()
    word = word if word in classes else _SPELLINGS.get(word, word)
    if word not in classes:
        raise DataError(
            f"unknown emotion {name!r}",
            allowed=", ".join(classes),
            received=repr(name),
            hint=nearest_hint(word, classes),
        )
    return word
