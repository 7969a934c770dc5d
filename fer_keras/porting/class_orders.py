"""The order of a foreign network's outputs, which its file does not record. No Keras."""

from __future__ import annotations

import numpy as np

from ..datasets.faces import Split
from ..emotions import FER7, FERPLUS8, canonical_emotion
from ..errors import InputError

# ImageFolder of torchvision numbers the class folders in alphabetical order.
# AffectNet numbers its labels in an order of its own (Mollahosseini et al. 2017, arXiv:1708.03985).
NAMED_ORDERS = {
    "fer2013": FER7,
    "alphabetical": tuple(sorted(FER7)),
    "affectnet": ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"),
}
# The share of the largest class of FER2013 is 0.25: a network below this has learnt nothing that shows here.
CHANCE = 0.3
# Why no order may fit, as the end of a sentence; a caller whose files hide something else says so itself.
STATE_DICT_DOUBT = (
    "class order: the module that wrote the file may normalise its input or order its layers in another way, which a "
    "state dict does not say"
)


def resolve_class_order(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (classes by output of the checkpoint, the same classes in this project's order).

    Args:
        text: ``fer2013``, ``alphabetical`` (both of the seven classes), ``affectnet`` (eight), or the names, separated
            by commas.

    Raises:
        InputError: fewer than two names, one given twice, or an unknown one.
    """
    if text in NAMED_ORDERS:
        order = NAMED_ORDERS[text]
        return order, FERPLUS8 if "contempt" in order else FER7
    names = [part for part in text.split(",") if part.strip()]
    if len(names) < 2:
        allowed = f"{', '.join(NAMED_ORDERS)}, or the class names separated by commas"
        raise InputError("unknown class order", allowed=allowed, received=repr(text))
    order = tuple(canonical_emotion(name, FERPLUS8) for name in names)
    if len(set(order)) < len(order):
        raise InputError("a class stands twice in --class-order", received=text)
    return order, tuple(name for name in FERPLUS8 if name in order)


def output_columns(order: tuple[str, ...], classes: tuple[str, ...]) -> list[int]:
    """For each class of the project, the output of the checkpoint that it is."""
    return [order.index(name) for name in classes]


def accuracy_by_order(logits: np.ndarray, order: tuple[str, ...], faces: Split, classes: tuple[str, ...]) -> dict:
    """Accuracy on labelled faces if the outputs were in this order, or in one of the named ones.

    Args:
        logits: (n, classes) in the project's order, as computed under the assumption ``order``.
        order: assumed classes by output of the checkpoint.
        faces: the same n faces.
        classes: the project's order; labels are indices into it.

    Returns:
        ``assumed`` and every named order of the same classes, to a fraction.
    """
    outputs = logits[:, [classes.index(name) for name in order]].argmax(axis=1)  # (n,) output of the checkpoint
    orders = {"assumed": order} | {name: o for name, o in NAMED_ORDERS.items() if set(o) == set(order) and o != order}
    lookup = {name: np.array([classes.index(c) for c in o]) for name, o in orders.items()}
    return {name: float((table[outputs] == faces.labels).mean()) for name, table in lookup.items()}


def order_notices(accuracies: dict[str, float], count: int | str, doubt: str = STATE_DICT_DOUBT) -> list[str]:
    """Sentences to show when another order, or none, fits the labels.

    Args:
        accuracies: what :func:`accuracy_by_order` returned; nothing is said where it is empty.
        count: how many faces they are of, or ``sampled``.
        doubt: end of the sentence for networks that no order fits, from ``class order`` on.
    """
    if not accuracies:
        return []
    assumed, best = accuracies["assumed"], max(accuracies, key=accuracies.__getitem__)
    notices = []
    if best != "assumed":
        notices.append(
            f"under the assumed class order {assumed:.1%} of {count} validation faces are right, "
            f"under --class-order {best} {accuracies[best]:.1%} would be"
        )
    if accuracies[best] < CHANCE:
        notices.append(f"at most {accuracies[best]:.1%} of {count} validation faces are right under any {doubt}")
    return notices
