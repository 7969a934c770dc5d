"""Which faces are of one person or one sequence, as far as names tell. No TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import InputError
from .folder_tree import TreeFile

# Of file names without suffix; group 1 is the person or the sequence. Names of public data sets first.
_PATTERNS = (
    ("person", "CK+", r"(S\d{3})_\d{3}_\d{8}.*"),
    ("person", "KDEF", r"[AB]([FM]\d{2})(?:AF|AN|DI|HA|NE|SA|SU)[A-Z]{1,2}.*"),
    ("person", "JAFFE", r"([A-Z]{2})\.(?:AN|DI|FE|HA|NE|SA|SU)\d\.\d+"),
    ("person", "RaFD", r"Rafd\d{3}_(\d{2})_.*"),
    (
        "person",
        "",
        r"(?:.*[\W_])?((?:subject|subj|sub|person|participant|actor|patient|speaker|user)[\W_]?\d+)(?:\D.*)?",
    ),
    ("sequence", "", r"(.+?)[\W_]*(?:frame|frm)[\W_]?\d+"),
)


@dataclass(frozen=True)
class Groups:
    """What is kept together.

    Attributes:
        keys: one for each face, empty where nothing is known of it.
        notice: for people, what was understood of the names.
    """

    keys: tuple[str, ...]
    notice: str


def find_groups(files: Sequence[TreeFile], pattern: str | None) -> Groups:
    """Return which faces belong together.

    Args:
        files: of a tree.
        pattern: a regular expression, searched in each path; its first group, or all of it, names person or sequence.
            None takes folders of persons where there are some, or names as public data sets have them.

    Raises:
        InputError: no regular expression, or it is found in no path.
    """
    if pattern is not None:
        return _by_pattern(files, pattern)
    if all(file.group for file in files):
        keys = tuple(file.group for file in files)
        return Groups(keys, f"faces of one folder below or above the classes ({len(set(keys)):,}) stay together")
    stems = [PurePosixPath(file.name).stem for file in files]
    for kind, origin, text in _PATTERNS:
        found = [re.fullmatch(text, stem, re.IGNORECASE) for stem in stems]
        keys = tuple(match[1] if match else "" for match in found)
        if all(keys) and 1 < len(set(keys)) < len(keys):
            as_in = f", named as in {origin}" if origin else ""
            return Groups(keys, f"faces of one {kind} ({len(set(keys)):,}{as_in}) stay together")
    return Groups(("",) * len(files), "")


def _by_pattern(files: Sequence[TreeFile], pattern: str) -> Groups:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(f"data.group_by is no regular expression: {error}", received=repr(pattern)) from error
    found = [compiled.search(file.name) for file in files]
    keys = tuple((match[1] if compiled.groups else match[0]) or "" if match else "" for match in found)
    missing = keys.count("")
    if missing == len(keys):
        raise InputError(
            "data.group_by is found in no path of a picture", received=f"{pattern!r}, in names such as {files[0].name}"
        )
    rest = f"; {missing:,} pictures have none" if missing else ""
    return Groups(keys, f"faces with one '{pattern}' ({len(set(keys) - {''}):,} of them{rest}) stay together")
