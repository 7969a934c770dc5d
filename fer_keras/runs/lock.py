"""One lock for each run folder: held by a process, freed by its end however it ends. No TensorFlow.

The system keeps it, not the file: a file that a killed process left behind locks nobody out. ``flock`` on Linux and
macOS, which NFS passes on to its server; a locked byte on Windows.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import RunFolderError

LOCK = ".lock"
# Seconds that a command which has computed its result waits for another that is writing its own.
PATIENCE = 600.0
_POLL = 0.1
_SAID_AFTER = 1.0
# Disks without locks: of some network and FUSE file systems.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
# Windows keeps others from reading a locked byte, so it stands far behind the text that says who holds the lock.
_BYTE = 2**30
_logger = logging.getLogger(__name__)


@dataclass
class _Held:
    file: int
    thread: int
    depth: int = 1


_held: dict[str, _Held] = {}
_guard = threading.Lock()


@contextlib.contextmanager
def locked(folder: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of a folder within the block; the same thread may take it again inside.

    Args:
        folder: exists.
        patience: seconds to wait for another holder; said on the log after the first.

    Raises:
        RunFolderError: another process or thread holds it, which is named; or the folder cannot be written.
    """
    key = str(folder.resolve())
    with _guard:
        known = _held.get(key)
        inside = known is not None and known.thread == threading.get_ident()
        if known is not None and inside:
            known.depth += 1
    if not inside:
        file = _wait(folder, patience)
        with _guard:
            _held[key] = _Held(file, threading.get_ident())
    try:
        yield
    finally:
        with _guard:
            _held[key].depth -= 1
            free = None if _held[key].depth else _held.pop(key)
        if free is not None:
            _release(folder, free.file)


def held_here(folder: Path) -> bool:
    """Whether this process holds the lock of a folder."""
    with _guard:
        return str(folder.resolve()) in _held


def _wait(folder: Path, patience: float) -> int:
    """Return the open, locked file."""
    begin, said = time.monotonic(), False
    while (file := _take(folder)) is None:
        waited = time.monotonic() - begin
        if waited >= patience:
            raise RunFolderError(
                f"{folder} is in use by {_holder(folder)}", hint="Wait until it has ended, or end it, and try again"
            )
        if waited >= _SAID_AFTER and not said:
            said = True
            _logger.warning("waiting for %s, which is in use by %s", folder, _holder(folder))
        time.sleep(_POLL)
    return file


def _take(folder: Path) -> int | None:
    """The file of the lock, open and locked; None where another holds it."""
    path = folder / LOCK
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o644)
    except PermissionError as error:
        if sys.platform == "win32" and path.exists():  # its holder is about to remove it
            return None
        raise _refusal(folder, error) from error
    except OSError as error:
        raise _refusal(folder, error) from error
    try:
        if _try_lock(folder, file) and _is_the_file_of(path, file):
            _sign(file)
            return file
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def _try_lock(folder: Path, file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, _BYTE, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        if error.errno not in _NO_LOCKS:
            raise _refusal(folder, error) from error
        _logger.warning("the disk of %s knows no locks: let one command at a time write into it", folder)
    return True


def _is_the_file_of(path: Path, file: int) -> bool:
    """Whether the locked file still has its name: an earlier holder removes the file before it lets go."""
    try:
        return sys.platform == "win32" or os.path.samestat(os.stat(path), os.fstat(file))
    except OSError:
        return False


def _sign(file: int) -> None:
    """Write down who holds the lock; where the disk is full it counts without that."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else "python"
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, f"process {os.getpid()} on {socket.gethostname()} since {since}: {command}"[:500].encode())


def _holder(folder: Path) -> str:
    try:
        with open(folder / LOCK, encoding="utf-8", errors="replace") as handle:
            text = "".join(character for character in handle.read(500) if character.isprintable())
    except OSError:
        text = ""
    return text or "another process"


def _release(folder: Path, file: int) -> None:
    """Remove the file while it is locked, so that a run holds no file that says nothing; then let go."""
    if sys.platform == "win32":  # an open file cannot be removed there, nor one that the next holder has opened
        os.close(file)
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
        return
    try:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
    finally:
        os.close(file)


def _refusal(folder: Path, error: OSError) -> RunFolderError:
    return RunFolderError(
        f"cannot write into {folder}: {error.strerror or error}", hint="Make it writable, or free space on its disk"
    )
