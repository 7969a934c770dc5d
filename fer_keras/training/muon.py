"""Muon for convolutional networks. Backend-neutral."""

from __future__ import annotations

import keras
from keras import ops

from ..devices import accelerators


class ConvMuon(keras.optimizers.Muon):
    """Muon on kernels of convolutions, AdamW on the rest.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon.
    Keras' own class gives every variable that is not a matrix to AdamW, which in a convolutional network is nearly
    every weight. Here a kernel (h, w, in, out) counts as the matrix (h * w * in, out): its momentum is orthogonalised
    by Newton-Schulz iterations and scaled to the size of an AdamW step (Liu et al. 2025, arXiv:2502.16982), so that
    learning rates and weight decays carry over. Dense layers, biases and normalisation are AdamW's. The first
    convolution and depthwise kernels, which others leave out, are Muon's too: docs/recipes.md has the arms.

    On a CPU the iterations run on the small Gram matrix, see :func:`orthogonalize`. On accelerators, whose matrix
    products are of reduced precision (TF32), that would not be stable, and costs nothing worth saving.
    """

    def __init__(self, learning_rate, *, weight_decay: float, **options):
        """Take the arguments of ``keras.optimizers.Muon``; ``weight_decay`` holds for both kinds of variables."""
        super().__init__(learning_rate, weight_decay=weight_decay, adam_weight_decay=weight_decay, **options)

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) != 4

    def zeropower_via_newtonschulz5(self, x, steps: int):
        if accelerators():
            return super().zeropower_via_newtonschulz5(x, steps)
        return orthogonalize(x, (self.muon_a, self.muon_b, self.muon_c), steps)

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        update = ops.add(gradient, self.momentum * m) if self.nesterov else m
        matrix = ops.reshape(update, (-1, variable.shape[-1]))  # (h * w * in, out)
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))


def orthogonalize(matrix, coefficients: tuple[float, float, float], steps: int):
    """Return what ``steps`` quintic Newton-Schulz iterations make of a matrix, in fewer products of its full size.

    An iteration multiplies X by the polynomial a + b G + c G^2 of its Gram matrix G. These all commute, so that their
    product can be gathered from the Gram matrices alone, which follow from each other.

    Args:
        matrix: (m, n) float32.
        coefficients: a, b and c.
        steps: number of iterations.
    """
    a, b, c = coefficients
    wide = matrix.shape[0] < matrix.shape[1]
    gram = ops.matmul(matrix, ops.transpose(matrix)) if wide else ops.matmul(ops.transpose(matrix), matrix)
    norm = ops.sqrt(ops.trace(gram)) + 1e-7  # Frobenius, as in Keras: the spectral norm is at most 1 then
    gram = gram / norm**2
    identity = ops.eye(gram.shape[0], dtype=gram.dtype)
    product = identity / norm
    for _ in range(steps):
        factor = a * identity + b * gram + c * ops.matmul(gram, gram)
        product = ops.matmul(product, factor)
        gram = ops.matmul(ops.matmul(factor, gram), factor)
    return ops.matmul(product, matrix) if wide else ops.matmul(matrix, product)
