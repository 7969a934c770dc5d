"""Faces to batches with tf.data: one pipeline that augments, one that does not.

Order and augmentation are pure functions of (seed, epoch, index), so a resumed run sees the same batches.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import tensorflow as tf

from ..augmentation.batch import augment_batch, is_mirrored
from ..augmentation.stateless_random import random_words
from ..datasets.chosen_faces import LARGE_BYTES
from ..datasets.faces import Split
from ..errors import DataError
from ..recipe.augmentation import AugmentationSection
from .balance import Selection
from .distillation import VIEW_SEED


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


def _hashed_words(seed: int, epochs: tf.Tensor, stream: int) -> tuple[tf.Tensor, int]:
    """Key words (B, 3) int32 of the cipher and its rounds.

    The cipher keeps the low byte only of each word below 65,536 faces, and four rounds of it leave consecutive epochs
    alike (rank correlation 0.38). Hashed words and eight rounds are as good as independent permutations. The third
    part of the key is negative, so that no order shares its words with the augmentation of a face.
    """
    keys = tf.stack(
        [
            tf.fill(tf.shape(epochs), tf.constant(seed, tf.int64)),
            epochs,
            tf.fill(tf.shape(epochs), tf.constant(-1 - stream, tf.int64)),
        ],
        axis=1,
    )  # (B, 3)
    return tf.cast(tf.bitwise.right_shift(random_words(keys, 3), tf.constant(33, tf.uint64)), tf.int32), 8


def _unhashed_words(seed: int, epochs: tf.Tensor, stream: int) -> tuple[tf.Tensor, int]:
    """The same for runs that began with the earlier order: they end in it."""
    seeds = tf.fill(tf.shape(epochs), tf.constant(seed + 7919 * stream, tf.int64))
    return tf.cast(tf.stack([seeds, epochs, tf.zeros_like(epochs)], axis=1) % 2**31, tf.int32), 4


SHUFFLES = {"hashed": _hashed_words, "unhashed": _unhashed_words}


def _shuffled(positions: tf.Tensor, faces: int, seed: int, stream: int, shuffle: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Map running positions (B,) to face indices (B,) and epochs (B,): a permutation for each epoch and stream."""
    epochs = positions // faces
    words, rounds = SHUFFLES[shuffle](seed, epochs, stream)
    # The raw op: its wrapper, tf.random.experimental.index_shuffle, pads a batch of seeds on the wrong axis.
    indices = tf.raw_ops.RandomIndexShuffle(
        index=positions % faces, seed=words, max_index=tf.constant(faces - 1, tf.int64), rounds=rounds
    )
    return indices, epochs


def _balanced_order(labels: np.ndarray, seed: int, shuffle: str, classes: int):
    """Classes in turn, each with its own permutations, so that every batch holds them equally."""
    class_weights(labels, classes)  # refuses absent classes
    members = [np.flatnonzero(labels == label) for label in range(classes)]

    def draw(positions):
        picked, rounds = [], []
        for label, rows in enumerate(members):
            chosen, epochs = _shuffled(positions // classes, len(rows), seed, label + 1, shuffle)
            picked.append(tf.gather(tf.constant(rows, tf.int64), chosen))
            rounds.append(epochs)
        turn = tf.stack([positions % classes, tf.range(tf.size(positions), dtype=tf.int64)], axis=1)  # (B, 2)
        return tf.gather_nd(tf.stack(picked), turn), tf.gather_nd(tf.stack(rounds), turn)

    return draw


def _fetcher(images: np.ndarray):
    """Return the function from indices (B,) to images (B, H, W, C); large ones are fetched batch by batch."""
    if images.nbytes < LARGE_BYTES:
        tensor = tf.constant(images)
        return lambda chosen: tf.gather(tensor, chosen)

    def fetch(chosen):
        faces = tf.numpy_function(images.__getitem__, [chosen], images.dtype, stateful=False)
        return tf.ensure_shape(faces, (chosen.shape[0], *images.shape[1:]))

    return fetch


def _targets(split: Split, classes: int) -> tf.Tensor:
    """What is learned: (n, classes) float32."""
    if split.soft_labels is None:
        return tf.one_hot(split.labels, classes)
    return tf.constant(split.soft_labels, tf.float32)


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
    selection: Selection | None = None,
    mirrored: np.ndarray | None = None,
    shuffle: str = "hashed",
    answers: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of steps ``start_step`` to ``stop_step`` of the run, counted over all epochs.

    Args:
        split: the training faces; soft labels, where it has them, are what is learned.
        classes: number of classes.
        augmentation: options of the recipe.
        batch_size: faces per step, at most the number of faces of an epoch.
        seed: with epoch and face index it decides order and augmentation.
        start_step: first step, 0 for a fresh run.
        stop_step: one past the last step.
        imbalance: ``class_weights`` (third element of each batch), ``balanced_sampling``, or anything else for none;
            ``oversample`` is up to ``selection``.
        selection: the faces of an epoch, see :func:`fer_keras.training.balance.select_faces`; None is every face once.
        mirrored: features of the mirror images, where ``split.images`` are features: those of the faces that
            ``horizontal_flip`` would mirror are taken from here, and nothing else is augmented.
        shuffle: how orders are drawn: ``hashed``, or ``unhashed`` for a run that began in the earlier, weaker order.
        answers: probabilities (views, m, classes) float32 of a teacher for the m faces of an epoch; augmentation then
            cycles through the views, every other cycle in the mirror where the recipe mirrors, and each row of labels has
            the answer behind it.

    Returns:
        Dataset of known length: images (B, 48, 48, 1) float32 0..255, labels (B, classes) float32, or (B, 2 classes)
        with answers, and, with class weights, weights (B,) float32.
    """
    selection = Selection(np.arange(len(split)), np.arange(len(split))) if selection is None else selection
    fetch, labels = _fetcher(split.images), _targets(split, classes)
    fetch_mirrored = None if mirrored is None else _fetcher(mirrored)
    rows, augmented_as = tf.constant(selection.rows), tf.constant(selection.indices)  # (m,), (m,)
    drawn = split.labels[selection.rows]  # (m,)
    if imbalance == "balanced_sampling":
        draw = _balanced_order(drawn, seed, shuffle, classes)
    else:
        draw = partial(_shuffled, faces=len(drawn), seed=seed, stream=0, shuffle=shuffle)
    weights = class_weights(drawn, classes) if imbalance == "class_weights" else None
    fetch_answer = None if answers is None else _fetcher(answers.reshape(-1, classes))

    def load(step):
        positions = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        places, epochs = draw(positions)
        indices, chosen = tf.gather(augmented_as, places), tf.gather(rows, places)
        faces, targets, key_seed = fetch(chosen), tf.gather(labels, chosen), seed
        if fetch_answer is not None:
            cycles, epochs, key_seed = epochs // len(answers), epochs % len(answers), VIEW_SEED
            targets = tf.concat([targets, fetch_answer(epochs * len(drawn) + places)], axis=1)
        keys = tf.stack([tf.fill([batch_size], tf.constant(key_seed, tf.int64)), epochs, indices], axis=1)  # (B, 3)
        if mirrored is None:
            faces, targets = augment_batch(faces, targets, keys, augmentation)
            if fetch_answer is not None and augmentation.horizontal_flip:
                # Every other cycle in the mirror: twice as many pictures for the answers that there are.
                faces = tf.where((cycles % 2 == 1)[:, None, None, None], tf.reverse(faces, [2]), faces)
        else:
            faces = tf.where(is_mirrored(keys)[:, None, None, None], fetch_mirrored(chosen), faces)
        if weights is None:
            return faces, targets
        return faces, targets, tf.linalg.matvec(targets[:, :classes], weights)

    steps = tf.data.Dataset.range(start_step, stop_step)
    # AutoGraph would rewrite every function below this one, for seconds; none of them branches in Python on tensors.
    load = tf.autograph.experimental.do_not_convert(load)
    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)


def make_eval_dataset(
    split: Split, *, classes: int, batch_size: int, soft: bool = False, answers: np.ndarray | None = None
) -> tf.data.Dataset:
    """Every face once, in order: images (B, 48, 48, 1) float32 0..255 and labels (B, classes) float32.

    Labels are hard; ``soft`` takes what training learns, so that the losses of both are of one kind, and ``answers``
    (n, classes) of a teacher stand behind them.
    """
    targets = _targets(split, classes) if soft else tf.one_hot(split.labels, classes)
    targets = targets if answers is None else tf.concat([targets, answers], axis=1)
    fetch, faces = _fetcher(split.images), len(split)

    def load(start):
        chosen = tf.range(start, tf.minimum(start + batch_size, faces))
        return tf.cast(fetch(chosen), tf.float32), tf.gather(targets, chosen)

    starts = tf.data.Dataset.range(0, faces, batch_size)
    return starts.map(tf.autograph.experimental.do_not_convert(load)).prefetch(2)
