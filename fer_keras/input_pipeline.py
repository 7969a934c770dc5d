"""Faces to batches with tf.data: one pipeline that augments, one that does not.

Order and augmentation are pure functions of (seed, epoch, index), so a resumed run sees the same batches.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .augmentation import augment_batch
from .config import AugmentationSection
from .datasets.faces import Split
from .errors import DataError


def steps_per_epoch(faces: int, batch_size: int) -> int:
    """Whole batches per epoch; the stream of faces runs on across epochs, so none is left out for good."""
    return max(1, faces // batch_size)


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights (classes,) float32 inverse to frequency, mean 1 over the faces (scikit-learn's "balanced").

    Raises:
        DataError: a class has no face.
    """
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any():
        raise DataError(
            f"classes without a training face: {np.flatnonzero(counts == 0).tolist()}",
            hint="Class weights and balanced sampling need every class; set train.imbalance=none",
        )
    return (len(labels) / (classes * counts)).astype(np.float32)


def _shuffled(positions: tf.Tensor, faces: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Map running positions (B,) to face indices (B,) and epochs (B,): another permutation in every epoch."""
    epochs = positions // faces
    keys = tf.stack([tf.broadcast_to(seed, tf.shape(epochs)), epochs, tf.zeros_like(epochs)], axis=1)  # (B, 3)
    # The raw op: its wrapper, tf.random.experimental.index_shuffle, pads a batch of seeds on the wrong axis.
    indices = tf.raw_ops.RandomIndexShuffle(
        index=positions % faces, seed=tf.cast(keys % 2**31, tf.int32), max_index=tf.constant(faces - 1, tf.int64)
    )
    return indices, epochs


def _natural_order(split: Split, seed: int):
    """Every face once per epoch."""
    faces = len(split)

    def draw(positions):
        return _shuffled(positions, faces, tf.constant(seed, tf.int64))

    return draw


def _balanced_order(split: Split, seed: int, classes: int):
    """Classes in turn, each with its own permutations, so that every batch holds them equally."""
    class_weights(split.labels, classes)  # refuses absent classes
    members = [np.flatnonzero(split.labels == label) for label in range(classes)]

    def draw(positions):
        picked, rounds = [], []
        for label, rows in enumerate(members):
            chosen, epochs = _shuffled(
                positions // classes, len(rows), tf.constant(seed + 7919 * (label + 1), tf.int64)
            )
            picked.append(tf.gather(tf.constant(rows, tf.int64), chosen))
            rounds.append(epochs)
        turn = tf.stack([positions % classes, tf.range(tf.size(positions), dtype=tf.int64)], axis=1)  # (B, 2)
        return tf.gather_nd(tf.stack(picked), turn), tf.gather_nd(tf.stack(rounds), turn)

    return draw


def make_train_dataset(
    split: Split,
    *,
    classes: int,
    augmentation: AugmentationSection,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
    imbalance: str = "none",
) -> tf.data.Dataset:
    """Batches of steps ``start_step`` to ``stop_step`` of the run, counted over all epochs.

    Args:
        split: the training faces.
        classes: number of classes.
        augmentation: options of the recipe.
        batch_size: faces per step, at most the number of faces.
        seed: with epoch and face index it decides order and augmentation.
        start_step: first step, 0 for a fresh run.
        stop_step: one past the last step.
        imbalance: ``none``, ``class_weights`` (third element of each batch) or ``balanced_sampling``.

    Returns:
        Dataset of known length: images (B, 48, 48, 1) float32 0..255, labels (B, classes) float32 and, with
        class weights, weights (B,) float32.
    """
    images, labels = tf.constant(split.images), tf.one_hot(split.labels, classes)
    balanced = imbalance == "balanced_sampling"
    draw = _balanced_order(split, seed, classes) if balanced else _natural_order(split, seed)
    weights = class_weights(split.labels, classes) if imbalance == "class_weights" else None

    def load(step):
        positions = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        indices, epochs = draw(positions)
        keys = tf.stack([tf.fill([batch_size], tf.constant(seed, tf.int64)), epochs, indices], axis=1)  # (B, 3)
        faces, targets = tf.gather(images, indices), tf.gather(labels, indices)
        faces, targets = augment_batch(faces, targets, keys, augmentation)
        return (faces, targets) if weights is None else (faces, targets, tf.linalg.matvec(targets, weights))

    steps = tf.data.Dataset.range(start_step, stop_step)
    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def make_eval_dataset(split: Split, *, classes: int, batch_size: int) -> tf.data.Dataset:
    """Every face once, in order: images (B, 48, 48, 1) float32 0..255 and labels (B, classes) float32."""
    faces = tf.data.Dataset.from_tensor_slices((split.images, tf.one_hot(split.labels, classes)))
    return faces.batch(batch_size).map(lambda x, y: (tf.cast(x, tf.float32), y)).prefetch(2)
