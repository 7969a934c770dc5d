"""Results take their place in a run so that no crash leaves it between the old and the new. No TensorFlow.

New files are written aside, a journal says what they will replace, they are renamed, the manifest is renewed, the
journal goes. Before the journal nothing has happened; from it on whoever opens the run next finishes the switch, and
until then :mod:`fer_keras.runs.manifest` takes the old files and the new ones. The caller holds the run's lock.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from ..atomic_files import exchange, refusal, sync_folder, write_json
from ..errors import RunFolderError
from .lock import held_here, locked
from .manifest import (
    JOURNAL,
    MANIFEST,
    SWITCH,
    Listing,
    file_sha256,
    lies_in,
    list_files,
    make_manifest,
    read_listing,
    write_journal,
)

_NEW, _OLD = f"{SWITCH}/new", f"{SWITCH}/old"
# What is removed gets such a name first, and is no part of the run from then on.
DROPPED = ".dropped-"
WORK = ".work-"


@contextlib.contextmanager
def staged(folder: Path, replaced: Collection[str]) -> Iterator[Path]:
    """Yield an empty folder; when the block ends its files are put in place in the run.

    Args:
        folder: of the run.
        replaced: folders below it that are replaced as a whole; other files that the block writes replace those of
            their names.

    Raises:
        RunFolderError: the file system refuses. Before the journal nothing has changed; after it the next command
            finishes what was begun.
        ModelFileError: the manifest cannot be read.
    """
    if is_staging(folder):
        raise RuntimeError(f"{folder}: what is published is written in one block, not in one within another")
    key = folder.resolve()
    try:
        recover(folder)
        _staging.add(key)
        for name in ("", *replaced):
            (folder / _NEW / name).mkdir(parents=True)
        yield folder / _NEW
        _switch(folder, replaced)
    except OSError as error:
        raise refusal(folder, error) from error
    finally:
        _staging.discard(key)
        if not (folder / JOURNAL).exists():
            shutil.rmtree(folder / SWITCH, ignore_errors=True)


# Runs that this process is writing results for.
_staging: set[Path] = set()


def is_staging(folder: Path) -> bool:
    """Whether this process is in the middle of a block of :func:`staged`, whose files are nobody's leftovers."""
    return folder.resolve() in _staging


def _switch(folder: Path, replaced: Collection[str]) -> None:
    new = folder / _NEW
    coming = make_manifest(new)["sha256"]
    places = [*replaced, *(name for name in coming if not lies_in(name, replaced))]
    for name in places:
        _check_place(folder / name, is_folder=name in replaced)
    entries = read_listing(folder).entries if (folder / MANIFEST).exists() else make_manifest(folder)["sha256"]
    _sync_all(new)
    write_journal(folder, entries, places, coming)
    sync_folder(folder / SWITCH)
    _finish(folder, Listing(entries, tuple(places), coming))


def _check_place(path: Path, *, is_folder: bool) -> None:
    """Somebody's file in place of a folder, or the other way round, is not ours to move away."""
    if path.is_symlink() or (path.exists() and path.is_dir() != is_folder):
        kind = NotADirectoryError if is_folder else IsADirectoryError
        raise kind(0, f"something else of the name {path.name} is in the way")


def recover(folder: Path) -> None:
    """Finish the switch that a crash has interrupted, if there is one, and remove what is left of others.

    Raises:
        OSError: the file system refuses.
        ModelFileError: manifest or journal cannot be read.
    """
    if (folder / SWITCH).is_symlink():  # nobody's but an attacker's; what it leads to stays as it is
        (folder / SWITCH).unlink()
    if (folder / JOURNAL).is_file():
        _finish(folder, read_listing(folder))
    if (folder / SWITCH).exists():
        shutil.rmtree(folder / SWITCH)
    for path in folder.glob(f"{DROPPED}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f".{Path(MANIFEST).stem}-*.json"):  # a manifest that was not written to its end
        path.unlink(missing_ok=True)
    for path in folder.glob(f"{WORK}*"):
        _remove_abandoned(path)


def _finish(folder: Path, listing: Listing) -> None:
    for name in listing.replaced:
        if (folder / _NEW / name).exists() and not _is_in_place(folder, name, listing):
            _put_in_place(folder, name)
    write_json(folder / MANIFEST, {"sha256": listing.after})
    sync_folder(folder)
    (folder / JOURNAL).unlink()


def _is_in_place(folder: Path, name: str, listing: Listing) -> bool:
    """Whether a name has changed sides already: the bytes tell, whatever the crash left undone."""
    place = folder / name
    if not place.exists():
        return False
    files = list_files(place) if place.is_dir() else [place]
    found = {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
    return found == {file: sha256 for file, sha256 in listing.coming.items() if lies_in(file, [name])}


def _put_in_place(folder: Path, name: str) -> None:
    """Rename one file or folder; folders do not replace each other where the system cannot exchange them."""
    new, place = folder / _NEW / name, folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not exchange(new, place):
        aside = folder / _OLD / name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.replace(place, aside)
        os.replace(new, place)
    elif not place.is_dir():
        os.replace(new, place)
    sync_folder(place.parent)


def _sync_all(folder: Path) -> None:
    """Bring files and folders to the disk, so that a journal never speaks of bytes that a power cut takes."""
    for place, _, files in os.walk(folder):
        for name in files:
            with open(Path(place) / name, "rb") as handle:
                os.fsync(handle.fileno())
        sync_folder(Path(place))


def _remove_abandoned(path: Path) -> None:
    """Remove the workspace of a process that has ended; that of one that lives is locked."""
    if not path.is_symlink() and not held_here(path):
        with contextlib.suppress(RunFolderError, FileNotFoundError), locked(path, patience=0):
            shutil.rmtree(path, ignore_errors=True)


def drop(folder: Path, name: str) -> None:
    """Remove a folder of the run so that no crash leaves a part of it."""
    aside = folder / f"{DROPPED}{name.replace('/', '-')}"
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(folder / name, aside)
    shutil.rmtree(aside, ignore_errors=True)
