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

from ...atomic_files import FORMULAS
from ...emotions import order_classes
from ...errors import DataError
from .rows import BadRows
from .tree_layout import (
    LAYOUT,
    Layout,
    NoClassesError,
    as_splits,
    find_layout,
    is_image,
    layout_of_named,
    looks_like_a_tree,
)

__all__ = ["FolderTree", "TreeFile", "arrange", "looks_like_a_tree"]


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
    layout = layout_of_named(images, named) or find_layout(images, where)
    if layout.tops and "train" not in layout.tops.values():
        raise NoClassesError(f"{where} has no folder 'train'", allowed=LAYOUT, received=as_splits(layout.tops))
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


def _class_folders(names: Sequence[str], layout: Layout) -> set[tuple[str, str]]:
    """Return (split, name) of every class folder, empty ones included."""
    found = set()
    for name in names:
        parts = name.split("/")
        if len(parts) > layout.classes + 1 and (split := layout.split_name(parts)) is not None:
            found.add((split, parts[layout.classes]))
    return found


def _place_files(names: Sequence[str], layout: Layout, where: str, bad: BadRows):
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
        if name.startswith(FORMULAS) and not name.lstrip("+-").isdigit():
            raise DataError(
                f"{where}: the class folder {name} would be a formula in tables of results",
                allowed="names that do not begin with = + - or @",
                hint="Rename it",
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
