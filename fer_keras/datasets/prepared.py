"""The prepared copy: a TFDS data set in the cache, complete and checked, or not there at all.

TFDS writes into a folder of its own and renames it. That is not enough here: it draws the folder's name from
Python's global generator, so two seeded processes collide, and it does not notice damage later. So each copy is
written into a folder that only this process has, read back, sealed with counts and a fingerprint, then renamed.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from ..errors import DataError
from .faces import SPLITS, Split, fingerprint

SEAL = "prepared.json"

_BATCH = 256
_FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "id": tf.io.FixedLenFeature([], tf.string),
}

_LOG = logging.getLogger("fer_keras")

MakeBuilder = Callable[[Path], tfds.core.GeneratorBasedBuilder]


class _UnusableCopyError(Exception):
    """The prepared copy is absent or damaged; the text says which."""


def load_prepared(folder: Path, make_builder: MakeBuilder) -> tuple[dict[str, Split], str]:
    """Return the faces of a prepared copy and their fingerprint, after preparing it if it is absent or damaged.

    Args:
        folder: the copy's own folder in the cache; its name is the key.
        make_builder: makes the TFDS builder for a ``data_dir``.

    Raises:
        DataError: the source is wrong, or the cache cannot be written.
    """
    try:
        return _read_sealed(folder, make_builder)
    except _UnusableCopyError:
        pass  # perhaps another process is at it: look again under the lock
    try:
        with _lock(folder):
            try:
                return _read_sealed(folder, make_builder)
            except _UnusableCopyError as error:
                if folder.exists():
                    _LOG.warning("prepared copy %s is damaged (%s); making it again", folder, error)
            return _prepare(folder, make_builder)
    except OSError as error:
        raise _cache_error(folder.parent, error.strerror or str(error)) from error


def _read_sealed(folder: Path, make_builder: MakeBuilder) -> tuple[dict[str, Split], str]:
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _UnusableCopyError("no readable seal") from error
    splits, classes = _read_splits(folder, make_builder)
    expected = _make_seal(splits, classes)
    # Seals of older copies do not repeat the classes and the size, which the fingerprint covers.
    known = {key: expected[key] for key in ("classes", "image_size")}
    if not isinstance(seal, dict) or {**known, **seal} != expected:
        raise _UnusableCopyError("counts, classes, size or pixels differ from the seal")
    return splits, seal["sha256"]


def _read_splits(folder: Path, make_builder: MakeBuilder) -> tuple[dict[str, Split], tuple[str, ...]]:
    try:
        builder = make_builder(folder)
        splits = {name: _read_split(builder, name) for name in SPLITS}
        return splits, tuple(builder.info.features["label"].names)
    except Exception as error:  # damage shows as TensorFlow, protobuf, JSON, key and other errors
        raise _UnusableCopyError(f"{type(error).__name__}: {error}".splitlines()[0][:200]) from error


def _read_split(builder: tfds.core.GeneratorBasedBuilder, name: str) -> Split:
    """Read one split in one go, in the order it was written; the features are image (png), label and id.

    ``builder.as_dataset`` parses one example at a time and is several times slower.

    Raises:
        tf.errors.OpError: a file is missing, truncated or fails its checksum.
        ValueError: fewer or more examples than the builder's own record says.
    """
    info, shape = builder.info.splits[name], builder.info.features["image"].shape  # (H, W, 1)
    records = tf.data.TFRecordDataset([str(path) for path in info.filepaths])
    batches = records.batch(_BATCH).map(_parser(shape), tf.data.AUTOTUNE, deterministic=True).prefetch(1)
    images = np.empty((info.num_examples, *shape), np.uint8)  # filled in place: large faces fit into memory once
    labels, ids, found = [], [], 0
    for faces, some_labels, some_ids in batches.as_numpy_iterator():
        if found + len(faces) > len(images):
            raise ValueError(f"more examples in split {name} than the {len(images)} recorded")
        images[found : found + len(faces)] = faces
        labels.append(some_labels)
        ids.append(some_ids)
        found += len(faces)
    if found != len(images):
        raise ValueError(f"{found} examples in split {name}, {len(images)} recorded")
    return Split(images, np.concatenate(labels), np.concatenate(ids).astype(str))


def _parser(shape: tuple[int, int, int]):
    """Return the function from records (B,) to images (B, H, W, 1), labels (B,) and ids (B,)."""

    def decode(png: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.io.decode_png(png, channels=1), shape)

    def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_example(records, _FEATURES)  # each (B,)
        images = tf.map_fn(decode, parsed["image"], fn_output_signature=tf.TensorSpec(shape, tf.uint8))
        return images, parsed["label"], parsed["id"]

    return parse


def _make_seal(splits: dict[str, Split], classes: tuple[str, ...]) -> dict:
    return {
        "faces": {name: len(splits[name]) for name in SPLITS},
        "classes": list(classes),
        "image_size": splits["train"].images.shape[1],
        "sha256": fingerprint(splits, classes),
    }


def _prepare(folder: Path, make_builder: MakeBuilder) -> tuple[dict[str, Split], str]:
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _run_tfds(make_builder(scratch), folder.parent)
        splits, classes = _read_back(scratch, make_builder)
        seal = _make_seal(splits, classes)
        (scratch / SEAL).write_text(json.dumps(seal, indent=2) + "\n", encoding="utf-8")
        _take_place(scratch, folder)
        return splits, seal["sha256"]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _read_back(scratch: Path, make_builder: MakeBuilder) -> tuple[dict[str, Split], tuple[str, ...]]:
    try:
        return _read_splits(scratch, make_builder)
    except _UnusableCopyError as error:
        raise _cache_error(scratch.parent, f"what was written cannot be read back, {error}") from error


def _run_tfds(builder: tfds.core.GeneratorBasedBuilder, cache: Path) -> None:
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    _LOG.info("preparing %s under %s", builder.name, cache)
    state = random.getstate()  # TFDS draws from it, and a seeded training must not depend on a warm cache
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints there, but stdout belongs to --json
            builder.download_and_prepare()
    except (tf.errors.OpError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) else error  # TFDS wraps what a writer raises
        if not isinstance(cause, tf.errors.OpError):
            raise
        raise _cache_error(cache, cause.message.rpartition(";")[2].strip()) from error
    finally:
        random.setstate(state)


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
