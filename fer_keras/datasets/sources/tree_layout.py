"""Which level of a tree's folders is splits, classes, persons - or nothing that can be learned. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...emotions import known_emotion, same_name
from ...errors import DataError
from .folder_names import are_like_persons, splits_of, why_no_classes
from .image_tree import IMAGE_SUFFIXES

LAYOUT = "CLASS/FILE, or SPLIT/CLASS/FILE with train and perhaps validation and test"
NAMED_CLASSES = "If they are your classes, name them: --set data.classes=[a,b] (data check: --classes a,b)"
_PLAIN_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))


class NoClassesError(DataError):
    """The folders of a tree are no classes, as far as their names tell."""


@dataclass(frozen=True)
class Layout:
    """Which part of a name is what: indices among its parts, -1 for what there is not; ``above`` is the way there."""

    split: int
    classes: int
    group: int
    depth: int
    tops: dict[str, str]
    above: tuple[str, ...] = ()

    def split_name(self, parts: list[str]) -> str | None:
        """Of a name; empty without splits, None outside of the split folders and of the folders above the tree."""
        if tuple(parts[: len(self.above)]) != self.above:
            return None
        return self.tops.get(parts[self.split]) if self.tops else ""


def is_image(name: str) -> bool:
    """Whether a file is an image by its name."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def looks_like_a_tree(names: Sequence[str]) -> bool:
    """Whether there are images in two or more folders side by side, or below folders named like splits."""
    images = [name for name in names if is_image(name)]
    if not images:
        return False
    start, tops = _find_root(images)
    folders = {parts[start] for name in images if len(parts := name.split("/")) > start + 1}
    return bool(tops) or len(folders) > 1


def _find_root(images: list[str]) -> tuple[int, dict[str, str]]:
    """Return how many leading folders all images share, and folder name to split for the level below."""
    paths = [name.split("/")[:-1] for name in images]  # the folders of each image
    start, shallowest = 0, min(map(len, paths))
    while start < shallowest - 1 and len({path[start] for path in paths}) == 1 and not _is_plain_split(paths[0][start]):
        start += 1
    return start, splits_of({path[start] for path in paths if len(path) > start})


def _is_plain_split(folder: str) -> bool:
    """A lone folder ``test_pictures`` stands above a tree; a lone ``train`` is a split without the others."""
    return same_name(folder) in _PLAIN_SPLITS


def find_layout(images: list[str], where: str) -> Layout:
    """Return which part of the images' names is split, class and person.

    Raises:
        NoClassesError: there are no folders, or none that are classes.
    """
    start, tops = _find_root(images)
    level = start + bool(tops)  # of the class folder among the parts of a name
    own = [parts for name in images if len(parts := name.split("/")) > start and (not tops or parts[start] in tops)]
    folders = _names_at(own, level)
    above = "" if all(map(known_emotion, folders)) else _groups_above(own, level, where)
    why = "" if above else why_no_classes(folders)
    if not folders:
        raise NoClassesError(
            f"{where}: the pictures lie side by side, without folders that tell their classes",
            allowed=LAYOUT,
            received=as_splits(tops) if tops else "",
            hint="A list of labels beside them is read too: see docs/data.md",
        )
    if why:
        received = f"{as_splits(tops)}, and in them {', '.join(sorted(folders)[:6])}" if tops else ""
        hint = f"{NAMED_CLASSES}. A list of labels is read too: see docs/data.md"
        raise NoClassesError(f"{where}: these folders are no classes: {why}", received=received, hint=hint)
    if not above and not tops and (inner := _splits_below(own, level)):
        return Layout(level + 1, level, -1, level + 3, inner, tuple(images[0].split("/")[:start]))
    level += bool(above)
    below = not above and _are_groups_below(own, level)
    group = level - 1 if above else level + 1 if below else -1
    above_all = tuple(images[0].split("/")[:start])
    return Layout(start if tops else -1, level, group, level + 2 + below, tops, above_all)


def layout_of_named(images: list[str], named: Sequence[str]) -> Layout | None:
    """The layout in which the class folders bear the names that the user gave."""
    wanted, paths = set(map(same_name, named)), [name.split("/") for name in images]
    for level in range(max(map(len, paths)) - 1) if wanted else ():
        found = {same_name(folder) for folder in _names_at(paths, level)}
        meant = {known_emotion(folder) for folder in found}
        if all(name in found or known_emotion(name) in meant - {""} for name in wanted):
            tops = splits_of(_names_at(paths, level - 1)) if level else {}
            return Layout(level - 1 if tops else -1, level, -1, level + 2, tops)
    return None


def _names_at(paths: list[list[str]], level: int) -> set[str]:
    """Names of the folders at a level, those with pictures in or below them."""
    return {parts[level] for parts in paths if len(parts) > level + 1}


def _groups_above(paths: list[list[str]], level: int, where: str) -> str:
    """``groups`` where folders of persons stand above those of classes.

    Raises:
        NoClassesError: other folders do; nobody knows what they are.
    """
    deep = [parts for parts in paths if len(parts) > level + 2]
    below = _names_at(deep, level + 1)
    if len(deep) < len(paths) or not below or not all(map(known_emotion, below)):
        return ""
    groups = sorted(_names_at(paths, level))
    if are_like_persons(groups):
        return "groups"
    raise NoClassesError(
        f"{where}: {', '.join(groups[:4])} each hold the class folders {', '.join(sorted(below)[:4])}, so they are no "
        "classes; whether they hold the same faces is not known",
        hint=f"Give one of them ({where}/{groups[0]}). If they are splits, call them train, validation and test; "
        "if they are persons, person_1, person_2 and so on",
    )


def _are_groups_below(paths: list[list[str]], level: int) -> bool:
    """Whether every picture lies in a numbered folder of a person or sequence below its class."""
    return all(len(parts) == level + 3 for parts in paths) and are_like_persons({parts[level + 1] for parts in paths})


def _splits_below(paths: list[list[str]], level: int) -> dict[str, str]:
    """The split of each folder below the classes, if all of them are splits: ``CLASS/SPLIT/FILE``."""
    folders = _names_at(paths, level + 1)
    found = splits_of(folders)
    return found if len(found) == len(folders) and all(len(parts) == level + 3 for parts in paths) else {}


def as_splits(tops: dict[str, str]) -> str:
    """Folders and what they were understood as, for messages."""
    return ", ".join(f"{top} (understood as {split})" for top, split in sorted(tops.items()))
