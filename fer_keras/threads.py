"""Work on every core of the machine, in threads: runtimes, codecs and OpenCV leave Python's lock while they compute."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; macOS and Windows do not tell
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, ahead: int | None = None
) -> Iterator[Result]:
    """Yield ``function`` of every item, in order, computed in threads.

    Args:
        function: called in any of the threads; what it raises is raised here, at its place.
        items: taken in this thread, only as far as results are asked for.
        workers: threads.
        ahead: how many items may be taken whose results were not handed on yet, so that they may be large; as many as
            threads when None.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for item in items:
                waiting.append(threads.submit(function, item))
                if len(waiting) > (ahead or workers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


class Pool(Generic[Item]):
    """Things of which each serves one thread at a time, as a runtime with its buffers; made when they are needed."""

    def __init__(self, make: Callable[[], Item], most: int | None = None, first: Item | None = None):
        """Start with at most one.

        Args:
            make: a new one.
            most: how many there may be, and how many threads compute at once; as many as cores when None.
            first: one that is there already.
        """
        self._make = make
        self._free: queue.LifoQueue[Item | None] = queue.LifoQueue()  # the one used last is the warmest
        for item in (*[None] * ((most or usable_cores()) - 1), first):
            self._free.put(item)

    @contextmanager
    def take(self) -> Iterator[Item]:
        """Yield a free one, or wait for it. One that was in use when an error came up is not used again."""
        item, sound = self._free.get(), None
        try:
            item = self._make() if item is None else item
            yield item
            sound = item
        finally:
            self._free.put(sound)
