"""Read a prepared TFDS split into memory in one go, in the order it was written."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from .faces import Split

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
