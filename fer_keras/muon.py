"""Muon for convolutional networks. Backend-neutral."""

from __future__ import annotations

import keras
from keras import ops


class ConvMuon(keras.optimizers.Muon):
    """Muon on kernels of convolutions, AdamW on the rest.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.
    Keras' own class gives every variable that is not a matrix to AdamW, which in a convolutional network is nearly
    every weight. Here a kernel (h, w, in, out) counts as the matrix (h * w * in, out): its momentum is orthogonalised
    by Newton-Schulz iterations and scaled to the size of an AdamW step (Liu et al. 2025, arXiv:2502.16982), so that
    learning rates and weight decays carry over. Dense layers, biases and normalisation are AdamW's.
    """

    def __init__(self, learning_rate, *, weight_decay: float, **options):
        """Take the arguments of ``keras.optimizers.Muon``; ``weight_decay`` holds for both kinds of variables."""
        super().__init__(learning_rate, weight_decay=weight_decay, adam_weight_decay=weight_decay, **options)

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) != 4

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        update = ops.add(gradient, self.momentum * m) if self.nesterov else m
        matrix = ops.reshape(update, (-1, variable.shape[-1]))  # (h * w * in, out)
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))
