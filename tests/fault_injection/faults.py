"""Ends or fails a process at its n-th file operation below a folder.

What changes names, makes or removes files, opens them for writing or brings them to the disk counts. Only this
process's Python is watched, which is where the project writes into runs.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from pathlib import Path

KINDS = ("kill", "full disk", "bad disk")
# A full disk refuses what needs space, from then on; names can still be changed and files removed.
_NEEDS_SPACE = ("mkdir", "open", "os.open", "fsync", "link", "symlink")


class Faults:
    """Counts operations; at the n-th one something happens.

    Args:
        root: only what lies below it counts.
        kind: ``kill`` ends the process there; ``full disk`` fails with ENOSPC from there on; ``bad disk`` fails once
            with EIO.
        at: number of the operation, from 1; 0 only counts.
    """

    def __init__(self, root: Path, kind: str = "kill", at: int = 0):
        self.root, self.kind, self.at, self.count = os.path.realpath(root), kind, at, 0

    def __enter__(self) -> Faults:
        for name in ("replace", "rename", "mkdir", "rmdir", "unlink", "remove", "link", "symlink", "truncate", "chmod"):
            setattr(os, name, self._watched(name, getattr(os, name)))
        os.fsync = self._watched("fsync", os.fsync, lambda file, *_, **__: self._name_of(file))
        os.open = self._watched("os.open", os.open, self._when_written)
        builtins.open = io.open = self._watched("open", io.open, self._when_opened)
        self._watch_exchange()
        return self

    def __exit__(self, *_) -> None:
        """Nothing is put back: the process is a child that ends after the job."""

    def _watch_exchange(self) -> None:
        from fer_keras import atomic_files

        if not hasattr(atomic_files, "exchange"):  # earlier versions
            return
        from fer_keras.runs import switch

        atomic_files.exchange = switch.exchange = self._watched("exchange", atomic_files.exchange)

    def _watched(self, name, function, place=lambda path, *_, **__: path):
        def call(*arguments, **options):
            path = place(*arguments, **options)
            if path is not None and self._is_inside(path, options):
                self._happen(name)
            return function(*arguments, **options)

        return call

    def _happen(self, name: str) -> None:
        self.count += 1
        if not self.at or self.count < self.at:
            return
        if self.kind == "kill":
            os._exit(137)
        if self.kind == "full disk" and name in _NEEDS_SPACE:
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.kind == "bad disk" and self.count == self.at:
            raise OSError(errno.EIO, "Input/output error")

    def _is_inside(self, path, options: dict) -> bool:
        if options.get("dir_fd") is not None:
            path = os.path.join(self._name_of(options["dir_fd"]), os.fspath(path))
        return os.path.realpath(os.fsdecode(path)).startswith(self.root)

    @staticmethod
    def _name_of(file: int) -> str:
        return os.readlink(f"/proc/self/fd/{file}")

    @staticmethod
    def _when_written(path, flags, *_, **__):
        return path if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else None

    @staticmethod
    def _when_opened(file, mode="r", *_, **__):
        return file if isinstance(file, str | bytes | os.PathLike) and set(mode) & set("wax+") else None
