"""Originals beside their augmented copies, for people to look at."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..datasets.faces import FaceDataset
from ..recipe.recipe import Recipe
from .batch import augment_batch


def preview_grid(dataset: FaceDataset, recipe: Recipe, faces: int, copies: int) -> tuple[np.ndarray, list[str]]:
    """Augment the first training faces as epochs 0, 1, ... of the recipe's seed would.

    Returns:
        images (faces * (copies + 1), H, W, 1) uint8, row by row, and a title for each. Crops stand in a white frame, so
        that all are drawn at one scale.
    """
    split = dataset.splits["train"]
    faces = min(faces, len(split))
    labels = tf.one_hot(split.labels[:faces], len(dataset.classes))
    columns, seed = [split.images[:faces]], recipe.train.seed
    for epoch in range(copies):
        keys = [(seed, epoch, index) for index in range(faces)]
        augmented, _ = augment_batch(tf.constant(split.images[:faces]), labels, tf.constant(keys), recipe.augmentation)
        columns.append(_framed(np.rint(augmented.numpy()).astype(np.uint8), split.images.shape[1]))
    grid = np.stack(columns, axis=1)  # (faces, copies + 1, H, W, 1)
    names = [dataset.classes[label] for label in split.labels[:faces]]
    titles = [text for name in names for text in (name, *[""] * copies)]
    return grid.reshape(-1, *grid.shape[2:]), titles


def _framed(images: np.ndarray, side: int) -> np.ndarray:
    """Pad (B, s, s, 1) to (B, side, side, 1) with white on all sides."""
    before = (side - images.shape[1]) // 2
    after = side - images.shape[1] - before
    return np.pad(images, ((0, 0), (before, after), (before, after), (0, 0)), constant_values=255)
