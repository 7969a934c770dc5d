"""The prepared copy: a TFDS data set in the cache and its faces as arrays, complete and checked, or not there at all.

TFDS writes into a folder of its own and renames it. That is not enough here: it draws the folder's name from
Python's global generator, so two seeded processes collide, and it does not notice damage later. So each copy is
written into a folder that only this process has, read back, sealed with counts and a fingerprint, then renamed.

A start maps the arrays and leaves TFDS and TensorFlow alone. Arrays that are damaged, or missing as in copies of
earlier versions, are unpacked from the records again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from .arrays import Batch, DamagedCopyError, open_arrays, seal_arrays, write_split
from .faces import SPLITS, Split, fingerprint

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

    from .records import MakeBuilder

SEAL = "prepared.json"
ARRAYS = "arrays"

_LOG = logging.getLogger("fer_keras")


def load_prepared(folder: Path, make_builder: MakeBuilder, *, verify: bool = False) -> tuple[dict[str, Split], str]:
    """Return the faces of a prepared copy and their fingerprint, after preparing it if it is absent or damaged.

    Args:
        folder: the copy's own folder in the cache; its name is the key.
        make_builder: makes the TFDS builder for a ``data_dir``.
        verify: read all of it and compare it with its checksums, see :mod:`.arrays`.

    Raises:
        DataError: the source is wrong, or the cache cannot be written.
    """
    try:
        return _open(folder, verify=verify)
    except DamagedCopyError:
        pass  # perhaps another process is at it: look again under the lock
    try:
        with _lock(folder):
            return _open_or_make(folder, make_builder, verify)
    except OSError as error:
        raise _cache_error(folder.parent, error.strerror or str(error)) from error


def _open(folder: Path, *, verify: bool = False) -> tuple[dict[str, Split], str]:
    seal = _read_seal(folder)
    if not (folder / ARRAYS).exists():
        raise DamagedCopyError("it is of an earlier version, without arrays")
    splits, facts = open_arrays(folder / ARRAYS, verify=verify)
    _compare(seal, facts)
    return splits, seal["sha256"]


def _open_or_make(folder: Path, make_builder: MakeBuilder, verify: bool) -> tuple[dict[str, Split], str]:
    try:
        return _open(folder, verify=verify)
    except DamagedCopyError as error:
        reason = error
    if folder.exists():
        try:
            return _unpack_again(folder, make_builder, reason)
        except DamagedCopyError as error:
            _LOG.warning("prepared copy %s is damaged (%s); making it again", folder, error)
    return _prepare(folder, make_builder)


def _unpack_again(folder: Path, make_builder: MakeBuilder, reason: Exception) -> tuple[dict[str, Split], str]:
    seal = _read_seal(folder)
    _LOG.warning("prepared copy %s: %s; its records are unpacked once", folder, reason)
    for leftover in folder.glob(f".{ARRAYS}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{ARRAYS}-", dir=folder))
    try:
        _compare(seal, _unpack(folder, make_builder, scratch))
        _take_place(scratch, folder / ARRAYS)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _open(folder)


def _read_seal(folder: Path) -> dict:
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedCopyError("no readable seal") from error
    if not isinstance(seal, dict) or not {"faces", "sha256"} <= seal.keys():
        raise DamagedCopyError("no readable seal")
    return seal


def _compare(seal: dict, found: dict) -> None:
    # Seals of older copies do not repeat the classes and the size, which the fingerprint covers.
    if {**found, **seal} != found:
        raise DamagedCopyError("counts, classes, size or pixels differ from the seal")


def _unpack(folder: Path, make_builder: MakeBuilder, target: Path) -> dict:
    """Write the faces of the records in ``folder`` as arrays into ``target``; return what a seal says of them."""
    with _damage_noticed():
        from .records import image_side, read_records

        builder = make_builder(folder)
        counts, side = {name: builder.info.splits[name].num_examples for name in SPLITS}, image_side(builder)
        classes = tuple(builder.info.features["label"].names)
    splits = {}
    for name in SPLITS:
        batches = _noticing_damage(read_records(builder, name))
        splits[name] = write_split(target, name, counts[name], side, batches)
    sha256 = fingerprint(splits, classes)
    facts = {"faces": counts, "classes": list(classes), "image_size": side, "sha256": sha256}
    seal_arrays(target, facts)
    return facts


@contextlib.contextmanager
def _damage_noticed() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # damage shows as TensorFlow, protobuf, JSON, key and other errors
        raise DamagedCopyError(f"{type(error).__name__}: {error}".splitlines()[0][:200]) from error


def _noticing_damage(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The batches; what goes wrong while they are read is damage, and what goes wrong while they are written is not."""
    while True:
        with _damage_noticed():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _prepare(folder: Path, make_builder: MakeBuilder) -> tuple[dict[str, Split], str]:
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_records(make_builder(scratch), folder.parent)
        (scratch / ARRAYS).mkdir()
        seal = _read_back(scratch, make_builder)
        (scratch / SEAL).write_text(json.dumps(seal, indent=2) + "\n", encoding="utf-8")
        _take_place(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _open(folder)


def _read_back(scratch: Path, make_builder: MakeBuilder) -> dict:
    try:
        return _unpack(scratch, make_builder, scratch / ARRAYS)
    except DamagedCopyError as error:
        raise _cache_error(scratch.parent, f"what was written cannot be read back, {error}") from error


def _write_records(builder: tfds.core.GeneratorBasedBuilder, cache: Path) -> None:
    import tensorflow as tf

    from .records import write_records

    _LOG.info("preparing %s under %s", builder.name, cache)
    try:
        write_records(builder)
    except tf.errors.OpError as error:
        raise _cache_error(cache, error.message.rpartition(";")[2].strip()) from error


def _take_place(scratch: Path, folder: Path) -> None:
    """Rename ``scratch`` to ``folder``; a damaged copy there is moved aside first, since folders do not replace."""
    os.chmod(scratch, 0o755)
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        os.rename(folder, aside / "damaged")
        shutil.rmtree(aside, ignore_errors=True)
    os.rename(scratch, folder)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one process prepare a copy while others wait; what killed processes left behind is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "ab") as handle:
        if _lock_file(handle.fileno()):
            for leftover in folder.parent.glob(f".{folder.name}-*"):
                shutil.rmtree(leftover, ignore_errors=True)
        yield  # closing the file releases the lock


def _lock_file(descriptor: int) -> bool:
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except (ImportError, OSError):  # no such lock on this system or file system: the rename still keeps copies whole
        return False
    return True


def _cache_error(cache: Path, reason: str) -> DataError:
    return DataError(
        f"cannot write the prepared copy under {cache}: {reason}",
        hint="Free space, or set FER_KERAS_CACHE to a writable folder",
    )
