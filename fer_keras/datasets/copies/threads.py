"""A function over many items on every core. No TensorFlow."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from threadpoolctl import threadpool_limits

from ...threads import map_in_order, usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_LINE_EVERY = 15.0  # seconds
_LOG = logging.getLogger("fer_keras")

_MOST_THREADS = 4  # each holds a block, up to 60 MB


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function`` of every item, in order; few items are taken ahead, so that they may be large.

    Matrix products get one thread each meanwhile: theirs would wait for each other at every small product.
    """
    n = min(_MOST_THREADS, usable_cores())
    with threadpool_limits(1, "blas"):
        yield from map_in_order(function, items, n, ahead=2 * n)


def with_lines(results: Iterable[Result], done: Callable[[Result], float], what: str) -> Iterator[Result]:
    """Hand on results; where that takes long, say how far it is.

    Args:
        results: in order.
        done: the share of the work that is done with one of them.
        what: is being done, for people.
    """
    begin = last = time.monotonic()
    for result in results:
        yield result
        if time.monotonic() - last > _LINE_EVERY:
            last = time.monotonic()
            _LOG.warning("%s: %.0f %% after %.0f s", what, 100 * done(result), last - begin)
