"""Label sets and their order, and the side of FER2013's faces. Standard library only."""

from __future__ import annotations

import re
import unicodedata
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

# Words found in public folder layouts and label files, by FER2013's name of the class: English, then German, French,
# Spanish, Portuguese, Italian, Dutch, Russian, Chinese, Japanese and Korean ones, without accents.
_SPELLINGS = {
    "angry": "anger mad furious wut wutend arger colere enfado enojo ira raiva rabbia boos гнев злость "
    "生气 愤怒 怒り 분노",
    "disgust": "disgusted ekel angeekelt degout asco nojo disgusto walging отвращение 厌恶 嫌悪 혐오",
    "fear": "fearful afraid scared angst angstlich furcht peur miedo medo paura bang страх 恐惧 害怕 恐怖 공포",
    "happy": "happiness joy joyful smile freude frohlich glucklich joie heureux alegria feliz felicidad felicita gioia "
    "blij радость счастье 高兴 开心 快乐 喜び 幸せ 행복 기쁨",
    "sad": "sadness trauer traurig tristesse triste tristeza tristezza verdrietig грусть печаль 悲伤 伤心 悲しみ 슬픔",
    "surprise": "surprised suprise uberraschung uberrascht sorpresa surpresa verrast удивление 惊讶 驚き 놀람",
    "neutral": "neutrality neutre neutro neutrale neutraal нейтральное 中性 平静 中立 중립",
    "contempt": "contemptuous contemp verachtung mepris desprecio desprezo disprezzo minachting презрение "
    "轻蔑 軽蔑 경멸",
}
# Two letters in the names of JAFFE and KDEF; only where all names are such.
_CODES = {
    **{"an": "angry", "di": "disgust", "fe": "fear", "af": "fear", "ha": "happy", "sa": "sad"},
    **{"su": "surprise", "ne": "neutral", "co": "contempt"},
}
_NUMBERED = re.compile(r"\d{1,2}[\s._-]*(\D.*)")


def same_name(name: str) -> str:
    """Return what all ways of writing a name have in common: composed, without case and outer spaces."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _folded(name: str) -> str:
    """A word without accents, whatever the Unicode form."""
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


_MEANING = {_folded(word): name for name, others in _SPELLINGS.items() for word in (name, *others.split())}


def known_emotion(name: str) -> str:
    """Return FER2013's (or FER+'s) name of the emotion that a word means, or an empty string.

    Words of several languages, JAFFE's and KDEF's two letters, and numbers in front (``3_happy``) are understood.
    """
    word = _unnumbered(name)
    return _MEANING.get(_folded(word), "") or _CODES.get(word.casefold(), "")


def _unnumbered(name: str) -> str:
    found = _NUMBERED.fullmatch(name.strip())
    return found[1] if found else name


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
    own = {same_name(given): given for given in reversed(classes)}
    if same_name(name) in own:
        return own[same_name(name)]
    meanings = {_MEANING[word]: given for given in classes if (word := _folded(given)) in _MEANING}
    return meanings.get(_MEANING.get(_folded(name), ""))


def order_classes(names: Iterable[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Give names of class folders their place in a label set.

    Names that are all emotions of FER2013, in any spelling that :func:`known_emotion` knows, become FER2013's in its
    order; else, if they are all AffectNet's, those in its order; any other set keeps its names, in alphabetical order,
    where names that differ in case or Unicode form alone are one class.

    Returns:
        The classes that occur, in label order; and, for each given name, its class.
    """
    given = sorted(set(names))
    meant = {name: known_emotion(name) for name in given}
    for known in (FER7, AFFECTNET8):
        found = {name: own for name in given if meant[name] and (own := _find(meant[name], known)) is not None}
        if len(found) == len(given):
            return tuple(name for name in known if name in found.values()), found
    first: dict[str, str] = {}
    for name in given:
        first.setdefault(same_name(name), unicodedata.normalize("NFC", name).strip())
    return tuple(sorted(first.values())), {name: first[same_name(name)] for name in given}
