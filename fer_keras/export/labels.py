"""``labels.txt``: class names beside every export, one a line, in the order of the probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError

LABELS = "labels.txt"


def labels_text(classes: Sequence[str]) -> str:
    """Return the content of ``labels.txt``."""
    return "".join(f"{name}\n" for name in classes)


def check_classes(classes: Sequence[str], n_logits: int) -> None:
    """Refuse class names that do not fit the model or that a file with one name a line cannot hold.

    Raises:
        InputError: no names, a name that is empty, padded, broken over lines or given twice, or another count.
    """
    if isinstance(classes, str) or not classes:
        raise InputError("an export needs class names", allowed="a list such as angry, happy", received=repr(classes))
    for name in classes:
        if not isinstance(name, str) or name != name.strip() or len(name.splitlines()) != 1:
            raise InputError("unusable class name", allowed="one line of text without padding", received=repr(name))
    doubled = sorted({name for name in classes if list(classes).count(name) > 1})
    if doubled:
        raise InputError("a class name stands twice", received=", ".join(doubled))
    if len(classes) != n_logits:
        allowed = f"{n_logits} names, one for each logit"
        received = f"{len(classes)} ({', '.join(classes)})"
        raise InputError("the class names do not fit the model", allowed=allowed, received=received)
