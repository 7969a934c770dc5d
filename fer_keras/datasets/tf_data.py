"""A split as a ``tf.data.Dataset``, for loops of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, nearest_hint

if TYPE_CHECKING:
    import tensorflow as tf

LABEL_MODES = ("int", "categorical")


def make_dataset(
    dataset: Any, split: str, *, batch_size: int, shuffle: bool, seed: int, label_mode: str = "int"
) -> tf.data.Dataset:
    """Batches of images (B, S, S, 1) float32, pixels 0..255, and their labels, fetched from the arrays as they come.

    Args:
        dataset: a ``FaceDataset``.
        split: ``train``, ``validation`` or ``test``.
        batch_size: faces of a batch; the last one may have fewer.
        shuffle: in another order each time it is gone through.
        seed: of these orders.
        label_mode: ``int`` for labels (B,) int64, as ``SparseCategoricalCrossentropy`` takes them; ``categorical`` for
            (B, classes) float32, soft ones where the split has them.

    Raises:
        InputError: no such split, batch size or label mode.
    """
    import tensorflow as tf

    for name, value, allowed in (("split", split, tuple(dataset.splits)), ("label_mode", label_mode, LABEL_MODES)):
        if value not in allowed:
            hint = nearest_hint(str(value), allowed)
            raise InputError(f"unknown {name}", allowed=", ".join(allowed), received=repr(value), hint=hint)
    if batch_size < 1:
        raise InputError("batch size is too small", allowed="1 or more", received=batch_size)
    rows = dataset.splits[split]
    shape, classes = rows.images.shape[1:], len(dataset.classes)
    labels = rows.labels if label_mode == "int" else _categorical(rows, classes)

    def fetch(chosen):
        images = tf.numpy_function(lambda at: rows.images[at], [chosen], tf.uint8, stateful=False)
        return tf.cast(tf.ensure_shape(images, (None, *shape)), tf.float32), tf.gather(labels, chosen)

    order = tf.data.Dataset.range(len(rows))
    if shuffle:
        order = order.shuffle(max(1, len(rows)), seed=seed)
    return order.batch(batch_size).map(tf.autograph.experimental.do_not_convert(fetch)).prefetch(2)


def _categorical(rows: Any, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[rows.labels] if rows.soft_labels is None else rows.soft_labels
