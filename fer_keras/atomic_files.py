"""Files and folders written whole or not at all. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from .errors import RunFolderError

# What a cell begins with that spreadsheets compute.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")

# Of linux/fcntl.h and linux/fs.h: paths count from the working folder; two names change places.
_HERE, _EXCHANGE = -100, 2
# The longest name of a file on Linux, macOS and Windows, and what is kept of a suffix.
_NAME_BYTES, _SUFFIX_BYTES = 255, 32


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path``; on success it is flushed and takes the place of ``path``.

    A reader sees the old file or the new one, never a part. The suffix is kept, since savers look at it. A link keeps
    its place and its target is replaced. What is no regular file - a device, a pipe - is yielded itself: nothing may
    take its place.

    Raises:
        RunFolderError: no permission, disk full or another failure of the file system.
    """
    path = Path(path)
    scratch = None
    try:
        if is_device(path):
            yield path
            return
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        stem, suffix = _stem_and_suffix(path)
        handle, name = tempfile.mkstemp(prefix=_prefix(stem), suffix=suffix, dir=path.parent)
        os.close(handle)
        scratch = Path(name)
        yield scratch
        with open(scratch, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BrokenPipeError:  # of another output: the reader of stdout went away, and no disk did
        raise
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        if scratch is not None:
            with contextlib.suppress(OSError):
                scratch.unlink()


@contextlib.contextmanager
def _hidden_sibling(path: Path) -> Iterator[Path]:
    """Yield an empty hidden folder beside ``path``, which is removed when the block ends and has not renamed it.

    Raises:
        RunFolderError: the file system refuses.
    """
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_prefix(path.name), dir=path.parent))
        os.chmod(scratch, 0o755)
        yield scratch
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling folder; on success it takes the place of ``path`` (an old one is dropped).

    Raises:
        RunFolderError: the file system refuses.
    """
    path = Path(path)
    with _hidden_sibling(path) as scratch:
        yield scratch
        _take_place(scratch, path)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a hidden sibling folder that becomes ``path`` when the block ends; until then the name is free.

    Raises:
        RunFolderError: something other than an empty folder is there by then, or the file system refuses.
    """
    path = Path(path)
    with _hidden_sibling(path) as scratch:
        yield scratch
        with contextlib.suppress(OSError):
            path.rmdir()  # an empty one; systems differ in whether a folder may be renamed to it
        if path.exists():
            raise RunFolderError(f"{path} exists already", hint="Give another name")
        os.rename(scratch, path)
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder; a crash meanwhile leaves parts of it under a hidden name only.

    Raises:
        OSError: it cannot be moved aside.
    """
    aside = Path(tempfile.mkdtemp(prefix=_prefix(path.name), dir=path.parent))
    try:
        os.replace(path, aside / path.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def path_for_libraries(path: Path) -> Iterator[Path]:
    """Yield a path of the same file in UTF-8: OpenCV ends the whole process where a name is none.

    Args:
        path: of a file that exists.
    """
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="fer-keras-") as folder:
            link = Path(folder) / f"link{path.suffix.encode('ascii', 'ignore').decode()}"
            link.symlink_to(path.resolve())
            yield link
    else:
        yield path


def is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe or a socket: it is written into, and nothing takes its place."""
    return path.exists() and not path.is_file() and not path.is_dir()


def fitting_name(path: Path, addition: str = "") -> Path:
    """Return the path with ``addition`` before its suffix, its stem cut where the name would be too long for a disk.

    Args:
        path: of a file.
        addition: such as ``-2``.
    """
    stem, suffix = _stem_and_suffix(path)
    room = _NAME_BYTES - len(os.fsencode(addition + suffix))
    return path.with_name(_cut_to(stem, room) + addition + suffix)


def _stem_and_suffix(path: Path) -> tuple[str, str]:
    """What follows a point in a sentence is no suffix."""
    is_suffix = len(os.fsencode(path.suffix)) <= _SUFFIX_BYTES
    return (path.stem, path.suffix) if is_suffix else (path.name, "")


def _prefix(name: str) -> str:
    """Of a temporary sibling: room is left for what ``tempfile`` and the suffix add."""
    plain = name.encode("utf-8", "ignore").decode()  # savers cannot all write to a name that is no text
    return f".{_cut_to(plain, _NAME_BYTES - _SUFFIX_BYTES - 16)}-"


def _cut_to(name: str, size: int) -> str:
    """At most that many bytes of a name, whole letters."""
    data = os.fsencode(name)
    return name if len(data) <= size else data[:size].decode(sys.getfilesystemencoding(), "ignore")


def refusal(path: Path, error: OSError) -> RunFolderError:
    """The error for a file system that refuses."""
    problem = f"cannot write {path}: {error.strerror or error}"
    return RunFolderError(problem, hint="Free space or choose a writable folder")


def _take_place(scratch: Path, path: Path) -> None:
    """Rename ``scratch`` to ``path``; folders do not replace each other, so an old one is moved aside first."""
    if not path.exists():
        os.replace(scratch, path)
        return
    if not path.is_dir():  # somebody's file, which is not ours to move away
        raise NotADirectoryError(errno.ENOTDIR, "a file of that name is in the way", str(path))
    if exchange(scratch, path):
        return
    aside = Path(tempfile.mkdtemp(prefix=_prefix(path.name), dir=path.parent))
    try:
        os.replace(path, aside / path.name)
        os.replace(scratch, path)
    except BaseException:  # Ctrl-C too
        if not path.exists():
            os.replace(aside / path.name, path)
        raise
    finally:
        if path.exists():  # the old one is never removed before something stands in its place
            shutil.rmtree(aside, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change names in one step, so that neither is ever missing; False where the system cannot.

    Linux has it since 3.15 (``renameat2``, ``RENAME_EXCHANGE``), on most of its file systems.
    """
    try:
        rename = ctypes.CDLL(None).renameat2 if sys.platform == "linux" else None
    except (AttributeError, OSError):  # a C library without it
        rename = None
    if rename is None:
        return False
    return rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the system does that for folders."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def check_output_folder(folder: Path, names: Collection[str], *, force: bool, kind: str) -> None:
    """Refuse a folder with something in it, before any work is done for it.

    Args:
        folder: that will be written.
        names: of the files that may be replaced.
        force: let an earlier result go, and never anything else.
        kind: of result, with its article, as the error names it.

    Raises:
        RunFolderError: something is there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not force:
        raise RunFolderError(f"{folder} exists already", hint="Give another --output, or --force to replace it")
    present = [path.name for path in folder.iterdir()] if folder.is_dir() else ["a file"]
    foreign = sorted(set(present) - set(names))
    if foreign:
        raise RunFolderError(
            f"{folder} is not replaced, since it holds more than {kind}",
            received=", ".join(foreign[:3]),
            hint="Give another --output",
        )


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(path) as scratch:
        # A name that is no text is shown, and does not cost the whole report.
        scratch.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(path: Path, data: object) -> None:
    """Write JSON atomically; NaN is refused rather than written as non-standard JSON."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def as_cell(name: str) -> str:
    """A file's name as a cell of a table: ``./=x.jpg`` for ``=x.jpg``, which a spreadsheet takes for a formula."""
    return f"./{name}" if name.startswith(FORMULAS) else name
