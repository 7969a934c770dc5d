"""Read a prepared TFDS split into memory in one go, in the order it was written."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from .faces import FACE_SIZE, Split

_BATCH = 256
_FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "id": tf.io.FixedLenFeature([], tf.string),
}


def read_split(builder: tfds.core.GeneratorBasedBuilder, name: str) -> Split:
    """Read one split of a builder with the features image (png), label and id.

    ``builder.as_dataset`` parses one example at a time and is several times slower.

    Raises:
        tf.errors.OpError: a file is missing, truncated or fails its checksum.
        ValueError: fewer or more examples than the builder's own record says.
    """
    info = builder.info.splits[name]
    records = tf.data.TFRecordDataset([str(path) for path in info.filepaths])
    batches = records.batch(_BATCH).map(_parse, tf.data.AUTOTUNE, deterministic=True).prefetch(1)
    images, labels, ids = zip(*batches.as_numpy_iterator(), strict=True)
    split = Split(np.concatenate(images), np.concatenate(labels), np.concatenate(ids).astype(str))
    if len(split) != info.num_examples:
        raise ValueError(f"{len(split)} examples in split {name}, {info.num_examples} recorded")
    return split


def _parse(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    parsed = tf.io.parse_example(records, _FEATURES)  # each (B,)
    images = tf.map_fn(_decode, parsed["image"], fn_output_signature=tf.TensorSpec((FACE_SIZE, FACE_SIZE, 1), tf.uint8))
    return images, parsed["label"], parsed["id"]  # (B, 48, 48, 1), (B,), (B,)


def _decode(png: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.io.decode_png(png, channels=1), (FACE_SIZE, FACE_SIZE, 1))
