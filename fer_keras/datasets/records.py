"""The TFDS records of a prepared copy, written and read in order, a batch at a time."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from .arrays import Batch
from .faces import SPLITS

T = TypeVar("T")
MakeBuilder = Callable[[Path], tfds.core.GeneratorBasedBuilder]

_BATCH_BYTES = 8 * 2**20
_SHARD_BYTES = 2**30  # of pixels; the records of a photograph are about two thirds of it
_FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "id": tf.io.FixedLenFeature([], tf.string),
}


def write_records(builder: tfds.core.GeneratorBasedBuilder) -> None:
    """Write the records of a builder and its info, in the order of its examples.

    ``builder.download_and_prepare`` holds up to 1 GB of examples in memory, and beyond that all of a split: examples
    in order of their keys all go to the first of its thousand buckets.

    Raises:
        DataError: the source is wrong.
        tf.errors.OpError, OSError: the disk is full.
    """
    state = random.getstate()  # a seeded training must not depend on a warm cache, whatever TFDS draws
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # stdout belongs to --json
            _write(builder)
    finally:
        random.setstate(state)


def _write(builder: tfds.core.GeneratorBasedBuilder) -> None:
    side = image_side(builder)
    Path(builder.data_dir).mkdir(parents=True)
    generators = builder._split_generators(None)
    writer = tfds.core.SequentialWriter(builder.info, max_examples_per_shard=max(1, _SHARD_BYTES // side**2))
    writer.initialize_splits(list(SPLITS))
    for name in SPLITS:
        examples = (example for _, example in generators[name])
        bar = progress(examples, f"writing {name}")
        while batch := list(itertools.islice(bar, batch_size(side))):
            writer.add_examples({name: batch})
    writer.close_all()


def image_side(builder: tfds.core.GeneratorBasedBuilder) -> int:
    """Side of a builder's images in pixels."""
    return builder.info.features["image"].shape[0]


def batch_size(side: int) -> int:
    """How many faces of so many pixels a side are read or written at once."""
    return max(1, _BATCH_BYTES // side**2)


def read_records(builder: tfds.core.GeneratorBasedBuilder, name: str) -> Iterator[Batch]:
    """Read one split in the order it was written: images (B, H, W, 1) uint8, labels (B,) int64 and ids (B,) str.

    ``builder.as_dataset`` parses one example at a time and is several times slower.

    Raises:
        tf.errors.OpError: a file is missing, truncated or fails its checksum.
    """
    shape = builder.info.features["image"].shape  # (H, W, 1)
    records = tf.data.TFRecordDataset([str(path) for path in builder.info.splits[name].filepaths])
    batches = records.batch(batch_size(shape[0])).map(_parser(shape), tf.data.AUTOTUNE, deterministic=True).prefetch(1)
    for images, labels, ids in progress(batches.as_numpy_iterator(), f"unpacking {name}"):
        yield images, labels, np.array([identity.decode() for identity in ids])


def progress(items: Iterable[T], what: str) -> Iterator[T]:
    """The items, counted on a terminal's stderr by TFDS's bar."""
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    return iter(tfds.core.utils.tqdm(items, desc=what, unit="", leave=False, mininterval=1.0))


def _parser(shape: tuple[int, int, int]):
    """Return the function from records (B,) to images (B, H, W, 1), labels (B,) and ids (B,)."""

    def decode(png: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.io.decode_png(png, channels=1), shape)

    def parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_example(records, _FEATURES)  # each (B,)
        images = tf.map_fn(decode, parsed["image"], fn_output_signature=tf.TensorSpec(shape, tf.uint8))
        return images, parsed["label"], parsed["id"]

    return tf.autograph.experimental.do_not_convert(parse)
