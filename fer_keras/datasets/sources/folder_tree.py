"""What the names in a folder-per-class tree say: splits, classes, files. No TensorFlow, and no file is opened.

    SPLIT/CLASS/FILE   train, and validation or test where there is a folder for them
    CLASS/FILE         no splits yet

Folders of persons or sequences may stand above or below the classes. Folders that are no classes - ``set_a``,
``aligned``, ``001`` - are refused rather than learned. The same rules serve a folder on disk and the members of a zip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...emotions import known_emotion, order_classes, same_name
from ...errors import DataError
from .folder_names import are_like_persons, splits_of, why_no_classes
from .image_tree import IMAGE_SUFFIXES
from .rows import BadRows

LAYOUT = "CLASS/FILE, or SPLIT/CLASS/FILE with train and perhaps validation and test"
NAMED_CLASSES = "If they are your classes, name them: --set data.classes=[a,b] (data check: --classes a,b)"
_PLAIN_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))


class NoClassesError(DataError):
    """The folders of a tree are no classes, as far as their names tell."""


@dataclass(frozen=True, order=True, slots=True)
class TreeFile:
    """One image of the tree.

    Attributes:
        name: path with ``/``, relative to the folder or zip that was given.
        split: ``train``, ``validation``, ``test``, or empty in a tree without splits.
        label: index into the classes of the tree.
        group: person or sequence that a folder names; empty where none does.
        box: left, top, width, height of the face in pixels, where a list of labels gives it.
    """

    name: str
    split: str
    label: int
    group: str = ""
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class FolderTree:
    """A whole tree.

    Attributes:
        classes: in label order, see :func:`fer_keras.emotions.order_classes`.
        files: sorted by name.
        splits: that have a folder; empty for a tree without splits.
        notices: what must be said of labels and of pictures left out.
        listed: whether the labels are those of a list and not of folders.
    """

    classes: tuple[str, ...]
    files: tuple[TreeFile, ...]
    splits: tuple[str, ...]
    notices: tuple[str, ...] = ()
    listed: bool = False


@dataclass(frozen=True)
class _Layout:
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


def arrange(names: Sequence[str], where: str, bad: BadRows | None = None, named: Sequence[str] = ()) -> FolderTree:
    """Find the splits, classes and images of a tree.

    Folders above the splits or classes are allowed when they hold nothing else. Files that are no images may lie
    anywhere but in a class folder.

    Args:
        names: every file, and every folder with a ``/`` at its end; junk of operating systems is left out already.
        where: name of the folder or zip for messages.
        bad: what happens to a file that is wrong; by default it is refused.
        named: classes that the user has named: folders with these names are classes, whatever they look like.

    Raises:
        NoClassesError: the folders are no classes as far as their names tell.
        DataError: no such tree, a class without an image, two folders for one class or split, or the first file that
            is refused.
    """
    bad = bad or BadRows()
    images = [name for name in names if is_image(name)]
    if not images:
        raise DataError(f"{where} holds no images", allowed=LAYOUT)
    layout = _layout_of_named(images, named) or _find_layout(images, where)
    if layout.tops and "train" not in layout.tops.values():
        raise NoClassesError(f"{where} has no folder 'train'", allowed=LAYOUT, received=_as_splits(layout.tops))
    folders = _class_folders(names, layout)
    _refuse_doubled_splits(layout.tops, where)
    _refuse_unreadable(folders, where)
    classes, class_of = order_classes({folder for _, folder in folders})
    _refuse_doubled_classes(folders, class_of, where)
    index = {folder: classes.index(name) for folder, name in class_of.items()}
    files = _place_files(names, layout, where, bad)
    placed = sorted(TreeFile(name, split, index[folder], group) for name, split, folder, group in files)
    _refuse_empty_classes(classes, placed, where)
    return FolderTree(classes, tuple(placed), tuple(dict.fromkeys(layout.tops.values())))


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


def _find_layout(images: list[str], where: str) -> _Layout:
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
            received=_as_splits(tops) if tops else "",
            hint="A list of labels beside them is read too: see docs/data.md",
        )
    if why:
        received = f"{_as_splits(tops)}, and in them {', '.join(sorted(folders)[:6])}" if tops else ""
        hint = f"{NAMED_CLASSES}. A list of labels is read too: see docs/data.md"
        raise NoClassesError(f"{where}: these folders are no classes: {why}", received=received, hint=hint)
    level += bool(above)
    below = not above and _are_groups_below(own, level)
    group = level - 1 if above else level + 1 if below else -1
    above_all = tuple(images[0].split("/")[:start])
    return _Layout(start if tops else -1, level, group, level + 2 + below, tops, above_all)


def _layout_of_named(images: list[str], named: Sequence[str]) -> _Layout | None:
    """The layout in which the class folders bear the names that the user gave."""
    wanted, paths = set(map(same_name, named)), [name.split("/") for name in images]
    for level in range(max(map(len, paths)) - 1) if wanted else ():
        found = {same_name(folder) for folder in _names_at(paths, level)}
        meant = {known_emotion(folder) for folder in found}
        if all(name in found or known_emotion(name) in meant - {""} for name in wanted):
            tops = splits_of(_names_at(paths, level - 1)) if level else {}
            return _Layout(level - 1 if tops else -1, level, -1, level + 2, tops)
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
        hint=f"Give one of them ({where}/{groups[0]}), or rename them to train, validation and test",
    )


def _are_groups_below(paths: list[list[str]], level: int) -> bool:
    """Whether every picture lies in a numbered folder of a person or sequence below its class."""
    return all(len(parts) == level + 3 for parts in paths) and are_like_persons({parts[level + 1] for parts in paths})


def _as_splits(tops: dict[str, str]) -> str:
    return ", ".join(f"{top} (understood as {split})" for top, split in sorted(tops.items()))


def _class_folders(names: Sequence[str], layout: _Layout) -> set[tuple[str, str]]:
    """Return (split, name) of every class folder, empty ones included."""
    found = set()
    for name in names:
        parts = name.split("/")
        if len(parts) > layout.classes + 1 and (split := layout.split_name(parts)) is not None:
            found.add((split, parts[layout.classes]))
    return found


def _place_files(names: Sequence[str], layout: _Layout, where: str, bad: BadRows):
    """Yield (name, split, class folder, group) of the images that lie in a class folder."""
    for name in names:
        parts = name.split("/")
        if not parts[-1]:
            continue
        split = layout.split_name(parts) if len(parts) > layout.split + 1 else None
        inside = len(parts) == layout.depth and split is not None
        try:
            if is_image(name) and not inside:
                raise DataError("it is at the wrong place", allowed="SPLIT/CLASS/FILE" if layout.tops else "CLASS/FILE")
            if not is_image(name) and inside:
                raise DataError("it is not an image", hint="Remove it from the class folder")
        except DataError as error:
            bad.handle(f"{where}, {name}", error)
        else:
            if is_image(name):
                yield name, split, parts[layout.classes], parts[layout.group] if layout.group >= 0 else ""


def _refuse_doubled_splits(tops: dict[str, str], where: str) -> None:
    for split, count in Counter(tops.values()).items():
        if count > 1:
            found = ", ".join(top for top in tops if tops[top] == split)
            raise DataError(f"{where} has {count} folders for the {split} split", received=found, hint="Keep one")


def _refuse_unreadable(folders: set[tuple[str, str]], where: str) -> None:
    for _, name in folders:
        if not name.isprintable():
            raise DataError(
                f"{where}: the name of a class folder cannot be read as text",
                received=ascii(name),
                hint="Rename it in UTF-8, without control characters",
            )


def _refuse_doubled_classes(folders: set[tuple[str, str]], class_of: dict[str, str], where: str) -> None:
    for (split, name), count in Counter((split, class_of[folder]) for split, folder in folders).items():
        if count > 1:
            found = ", ".join(sorted(f for s, f in folders if s == split and class_of[f] == name))
            raise DataError(f"{where} has {count} folders for the class {name}", received=found, hint="Join them")


def _refuse_empty_classes(classes: tuple[str, ...], files: list[TreeFile], where: str) -> None:
    if len(classes) < 2:
        raise NoClassesError(f"{where} has one class only", allowed="2 or more", received=", ".join(classes))
    trained = {file.label for file in files if file.split in ("", "train")}
    empty = [name for label, name in enumerate(classes) if label not in trained]
    if empty:
        raise DataError(
            f"{where} has no training image of the class {empty[0]}", hint="Remove its folder, or put images into it"
        )
