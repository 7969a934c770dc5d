"""What may be asked of :mod:`.time_to_accuracy`; apart from it, so that asking needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import InputError


def check_request(
    recipes: Collection,
    target: float,
    seeds: Sequence[int],
    max_epochs: int | None = None,
    max_seconds: float | None = None,
) -> None:
    """Refuse what makes no sense before anything is loaded or trained.

    Raises:
        InputError: naming the first wrong value.
    """
    if not recipes:
        raise InputError("no recipe to train", hint="Give recipes by name, such as cnn")
    if not 0 < target < 1:
        raise InputError("the target makes no sense", allowed="an accuracy above 0 and below 1", received=target)
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**31:
        raise InputError("the seeds make no sense", allowed="different numbers from 0", received=list(seeds))
    if max_epochs is not None and max_epochs < 1:
        raise InputError("the limit of epochs makes no sense", allowed="1 or more", received=max_epochs)
    if max_seconds is not None and not max_seconds > 0:
        raise InputError("the limit of seconds makes no sense", allowed="above 0", received=max_seconds)
