"""A tree of pictures whose labels stand in a list beside them: lines joined to pictures. No TensorFlow."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from ...emotions import canonical_emotion, order_classes
from ...errors import DataError, readable_name
from ..faces import SPLITS
from .folder_names import split_of
from .folder_tree import FolderTree, TreeFile
from .label_lists import Entry, LabelList, code_words
from .rows import SPLIT_OF_USAGE, BadRows
from .tree_layout import is_image

NUMBERS_NOTICE = "the classes are numbers, and nothing says what they mean: data.merge gives them names"

_Joined = list[tuple[Entry, str, LabelList]]


def arrange_by_lists(names: Sequence[str], lists: Sequence[LabelList], where: str, bad: BadRows) -> FolderTree | None:
    """Find splits, classes and pictures by lists of labels.

    The split of a picture is that of its line, else of the list's name, else of the folders above the picture, else of
    its own name (``train_00001.jpg``).

    Args:
        names: every file and folder of the tree.
        lists: what :func:`.label_lists.find_lists` found.
        where: name of the folder or zip for messages.
        bad: what happens to a line that is wrong, or whose picture is missing.

    Returns:
        None where no list names any of the pictures.

    Raises:
        DataError: the first line that is refused, or fewer than two classes.
    """
    pictures = _Pictures([name for name in names if is_image(name)])
    used = [one for one in lists if pictures.hold_any_of(one)]
    if not used:
        return None
    joined, unlabelled = _join(used, pictures, where, bad)
    splits = _splits_of_all(joined)
    classes, labels = _classes_of(joined)
    if len(classes) < 2:
        raise DataError(f"{where} has one class only", allowed="2 or more", received=", ".join(classes))
    files = []
    for (entry, picture, _), split, label in zip(joined, splits, labels, strict=True):
        if split is None:
            bad.handle(f"{where}, {entry.place}", DataError("nothing tells the split of its picture", received=picture))
        else:
            files.append(TreeFile(picture, split, label, box=entry.box))
    present = tuple(name for name in SPLITS if any(file.split == name for file in files))
    left = len(pictures) - len({picture for _, picture, _ in joined}) - unlabelled
    notices = tuple(_notices(used, classes, unlabelled, left, joined))
    return FolderTree(classes, tuple(sorted(files)), present, notices, listed=True)


class _Pictures:
    """The pictures of a tree, found by what a list calls them: path, end of a path, name, or name without suffix."""

    def __init__(self, names: list[str]):
        self._names = names
        self._by_name: dict[str, list[str]] = {}
        for name in names:
            path = PurePosixPath(_composed(name))
            plain = path.stem.removesuffix("_aligned")
            for key in {path.name, path.stem, plain, plain + path.suffix}:
                self._by_name.setdefault(key, []).append(name)

    def __len__(self) -> int:
        return len(self._names)

    def hold_any_of(self, one: LabelList) -> bool:
        """Whether a line of a list has its picture here."""
        names = (PurePosixPath(_composed(entry.picture)) for entry in one.entries() if isinstance(entry, Entry))
        return any(name.name in self._by_name or name.stem in self._by_name for name in names)

    def find(self, entry: Entry, one: LabelList) -> str:
        """Return the picture of a line; of several that nearest to the list, then an aligned one; empty for none.

        Raises:
            DataError: several are equally near.
        """
        wanted = PurePosixPath(_composed(entry.picture))
        found = self._by_name.get(wanted.name) or self._by_name.get(wanted.stem, [])
        if len(found) < 2:
            return "".join(found)
        folders = wanted.parts[:-1]
        from_top = folders[1:] if wanted.is_absolute() else (*PurePosixPath(_composed(one.name)).parts[:-1], *folders)
        above = [PurePosixPath(_composed(name)).parts[:-1] for name in found]
        ends = [_shared(reversed(parts), reversed(folders)) for parts in above]
        near = [_shared(parts, from_top) for parts in above]
        rank = [(end, close, "aligned" in name) for end, close, name in zip(ends, near, found, strict=True)]
        if rank.count(best := max(rank)) > 1:
            raise DataError("several pictures have its name", received=", ".join(found[:3]))
        return found[rank.index(best)]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _shared(first: Iterable[str], second: Iterable[str]) -> int:
    """How many parts two paths begin with alike."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _join(lists: Sequence[LabelList], pictures: _Pictures, where: str, bad: BadRows) -> tuple[_Joined, int]:
    """Return the lines with a label and their pictures, and how many pictures have a line without an expression."""
    joined: _Joined = []
    seen: dict[str, Entry] = {}
    for entry, one in _all_entries(lists, where, bad):
        try:
            picture = pictures.find(entry, one)
            if not picture:
                raise DataError("its picture is not there", received=repr(entry.picture[-80:]))
            if seen.setdefault(picture, entry).label != entry.label:
                raise DataError(f"{picture} has another label in {seen[picture].place}", received=repr(entry.label))
        except DataError as error:
            bad.handle(f"{where}, {entry.place}", error)
            continue
        if entry.label and seen[picture] is entry:
            joined.append((entry, picture, one))
    return joined, sum(not entry.label for entry in seen.values())


def _all_entries(lists: Sequence[LabelList], where: str, bad: BadRows) -> Iterator[tuple[Entry, LabelList]]:
    for one in lists:
        for entry in one.entries():
            if isinstance(entry, DataError):
                bad.handle(where, entry)
            else:
                yield entry, one


def _splits_of_all(joined: _Joined) -> list[str | None]:
    """The split of each picture; empty ones where there is no train split, None where only this one has none."""
    lists = {one.name: split_of(PurePosixPath(one.name).stem) for *_, one in joined}
    found = [_split_of(entry, picture, lists[one.name]) for entry, picture, one in joined]
    free = "test" if "validation" in found and "test" not in found else "validation"
    found = [free if split == "eval" else split for split in found]
    return [split or None for split in found] if "train" in found else [""] * len(found)


def _split_of(entry: Entry, picture: str, of_list: str) -> str:
    own = SPLIT_OF_USAGE.get(entry.split) or split_of(entry.split)
    folders = (split_of(folder) for folder in reversed(PurePosixPath(picture).parts[:-1]))
    return own or of_list or next(filter(None, folders), "") or split_of(PurePosixPath(picture).stem)


def _classes_of(joined: _Joined) -> tuple[tuple[str, ...], list[int]]:
    """Return the classes that occur, and the label of each picture."""
    words = code_words([entry for entry, *_ in joined])
    order = joined[0][2].order if joined else ()
    if order:
        meant = {word: canonical_emotion(word, order) for word in set(words)}
        classes = tuple(name for name in order if name in meant.values())
    else:
        classes, meant = order_classes(words)
    index = {word: classes.index(name) for word, name in meant.items()}
    return classes, [index[word] for word in words]


def _notices(lists, classes, unlabelled: int, left: int, joined: _Joined) -> Iterator[str]:
    of = ", ".join(dict.fromkeys(f"{one.kind}'s {one.name}" if one.kind else one.name for one in lists))
    yield readable_name(f"labels are those of {of[:200]}, not of folders")
    if all(name.isdigit() for name in classes):
        yield NUMBERS_NOTICE
    if unlabelled:
        yield f"{unlabelled:,} pictures have no expression in the list (unknown, uncertain, no face) and were left out"
    if left:
        yield f"{left:,} pictures are in no list, or are other versions of listed ones, and were left out"
    if any(entry.box and entry.box[:2] != (0, 0) for entry, *_ in joined):
        yield "faces were cut out by the boxes of the list"
