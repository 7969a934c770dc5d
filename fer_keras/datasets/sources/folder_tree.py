"""What the names in a folder-per-class tree say: splits, classes, files. No TensorFlow, and no file is opened.

    SPLIT/CLASS/FILE   train, and validation or test where there is a folder for them
    CLASS/FILE         no splits yet

The same rules serve a folder on disk and the members of a zip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...emotions import order_classes
from ...errors import DataError
from .image_tree import IMAGE_SUFFIXES
from .rows import BadRows

SPLIT_OF_FOLDER = {
    **dict.fromkeys(("train", "training", "train_set"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "val_set", "validation_set"), "validation"),
    **dict.fromkeys(("test", "testing", "test_set"), "test"),
}
LAYOUT = "CLASS/FILE, or SPLIT/CLASS/FILE with train and perhaps validation and test"


@dataclass(frozen=True, order=True, slots=True)
class TreeFile:
    """One image of the tree.

    Attributes:
        name: path with ``/``, relative to the folder or zip that was given.
        split: ``train``, ``validation``, ``test``, or empty in a tree without splits.
        label: index into the classes of the tree.
    """

    name: str
    split: str
    label: int


@dataclass(frozen=True)
class FolderTree:
    """A whole tree.

    Attributes:
        classes: in label order, see :func:`fer_keras.emotions.order_classes`.
        files: sorted by name.
        splits: that have a folder; empty for a tree without splits.
    """

    classes: tuple[str, ...]
    files: tuple[TreeFile, ...]
    splits: tuple[str, ...]


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


def arrange(names: Sequence[str], where: str, bad: BadRows | None = None) -> FolderTree:
    """Find the splits, classes and images of a tree.

    Folders above the splits or classes are allowed when they hold nothing else. Files that are no images may lie
    anywhere but in a class folder.

    Args:
        names: every file, and every folder with a ``/`` at its end; junk of operating systems is left out already.
        where: name of the folder or zip for messages.
        bad: what happens to a file that is wrong; by default it is refused.

    Raises:
        DataError: no such tree, a class without an image, two folders for one class or split, or the first file that
            is refused.
    """
    bad = bad or BadRows()
    images = [name for name in names if is_image(name)]
    if not images:
        raise DataError(f"{where} holds no images", allowed=LAYOUT)
    start, tops = _find_root(images)
    if tops and "train" not in tops.values():
        raise DataError(f"{where} has no folder 'train'", allowed=LAYOUT, received=", ".join(sorted(tops)))
    level = start + bool(tops)  # of the class folder among the parts of a name
    folders = _class_folders(names, level, tops, start)
    _refuse_doubled_splits(tops, where)
    classes, class_of = order_classes({folder for _, folder in folders})
    _refuse_doubled_classes(folders, class_of, where)
    files = _place_files(names, level, tops, where, bad)
    placed = sorted(TreeFile(name, split, classes.index(class_of[folder])) for name, split, folder in files)
    _refuse_empty_classes(classes, placed, where)
    return FolderTree(classes, tuple(placed), tuple(dict.fromkeys(tops.values())))


def _find_root(images: list[str]) -> tuple[int, dict[str, str]]:
    """Return how many leading folders all images share, and folder name to split for the level below."""
    paths = [name.split("/")[:-1] for name in images]  # the folders of each image
    start, shallowest = 0, min(map(len, paths))
    while start < shallowest - 1 and len({path[start] for path in paths}) == 1 and not _split_name(paths[0][start]):
        start += 1
    tops = {path[start] for path in paths if len(path) > start}
    splits = {top: _split_name(top) for top in sorted(tops)}
    return start, {top: split for top, split in splits.items() if split}


def _split_name(folder: str) -> str:
    return SPLIT_OF_FOLDER.get(folder.lower().replace("-", "_").replace(" ", "_"), "")


def _class_folders(names: Sequence[str], level: int, tops: dict[str, str], start: int) -> set[tuple[str, str]]:
    """Return (split, name) of every class folder, empty ones included."""
    found = set()
    for name in names:
        parts = name.split("/")
        if len(parts) > level + 1 and (not tops or parts[start] in tops):
            found.add((tops.get(parts[start], ""), parts[level]))
    return found


def _place_files(names: Sequence[str], level: int, tops: dict[str, str], where: str, bad: BadRows):
    """Yield (name, split, class folder) of the images that lie in a class folder."""
    for name in names:
        parts = name.split("/")
        if not parts[-1]:
            continue
        try:
            if is_image(name) and (len(parts) != level + 2 or (tops and parts[level - 1] not in tops)):
                raise DataError("it is at the wrong place", allowed="SPLIT/CLASS/FILE" if tops else "CLASS/FILE")
            if not is_image(name) and len(parts) == level + 2 and (not tops or parts[level - 1] in tops):
                raise DataError("it is not an image", hint="Remove it from the class folder")
        except DataError as error:
            bad.handle(f"{where}, {name}", error)
        else:
            if is_image(name):
                yield name, tops[parts[level - 1]] if tops else "", parts[level]


def _refuse_doubled_splits(tops: dict[str, str], where: str) -> None:
    for split, count in Counter(tops.values()).items():
        if count > 1:
            found = ", ".join(top for top in tops if tops[top] == split)
            raise DataError(f"{where} has {count} folders for the {split} split", received=found, hint="Keep one")


def _refuse_doubled_classes(folders: set[tuple[str, str]], class_of: dict[str, str], where: str) -> None:
    for (split, name), count in Counter((split, class_of[folder]) for split, folder in folders).items():
        if count > 1:
            found = ", ".join(sorted(f for s, f in folders if s == split and class_of[f] == name))
            raise DataError(f"{where} has {count} folders for the class {name}", received=found, hint="Join them")


def _refuse_empty_classes(classes: tuple[str, ...], files: list[TreeFile], where: str) -> None:
    if len(classes) < 2:
        raise DataError(f"{where} has one class only", allowed="2 or more", received=", ".join(classes))
    trained = {file.label for file in files if file.split in ("", "train")}
    empty = [name for label, name in enumerate(classes) if label not in trained]
    if empty:
        raise DataError(
            f"{where} has no training image of the class {empty[0]}", hint="Remove its folder, or put images into it"
        )
