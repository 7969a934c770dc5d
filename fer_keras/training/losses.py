"""Losses on logits. Backend-neutral."""

from __future__ import annotations

import keras

from ..recipe.train import TrainSection


class FocalCrossentropy(keras.losses.Loss):
    """Focal loss over softmax classes: the mean of -sum_c y_c (1 - p_c)^gamma log p_c.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv:1708.02002, eq. 4, without its class weight alpha:
    class weights come as sample weights. Well classified faces count less; at gamma 0 it is cross-entropy. Logits of
    any size give finite values and gradients (log-softmax; probabilities are not clipped).

    Args:
        gamma: focusing parameter, 0 or more; the paper's choice is 2.
        label_smoothing: share of each label that is spread over all classes (Szegedy et al. 2016), 0 to below 1.
        name: of the loss.
        **kwargs: of ``keras.losses.Loss``.

    Called with ``y_true`` (B, classes), one-hot or soft rows that sum to 1, and ``y_pred`` (B, classes) logits.
    """

    def __init__(self, gamma: float = 2.0, label_smoothing: float = 0.0, name: str = "focal_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma, self.label_smoothing = gamma, label_smoothing

    def call(self, y_true, y_pred):
        y_true = y_true * (1 - self.label_smoothing) + self.label_smoothing / y_pred.shape[-1]
        log_p = keras.ops.log_softmax(y_pred, axis=-1)  # (B, classes)
        # 1 - p through expm1: exact where p is near 1. The floor keeps the gradient of a power below 1 finite.
        rest = keras.ops.maximum(-keras.ops.expm1(log_p), keras.config.epsilon())
        return -keras.ops.sum(y_true * rest**self.gamma * log_p, axis=-1)  # (B,)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "label_smoothing": self.label_smoothing}


def make_loss(train: TrainSection) -> keras.losses.Loss:
    """The loss of a recipe: softmax cross-entropy on logits, or its focal form; both with label smoothing."""
    if train.loss == "focal":
        return FocalCrossentropy(gamma=train.focal_gamma, label_smoothing=train.label_smoothing)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=train.label_smoothing)
