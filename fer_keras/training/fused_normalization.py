"""Batch normalisation in one operation of TensorFlow, while training on a CPU.

Keras computes the mean, the variance, their gradients and the scaling of batch normalisation as a dozen elementwise
operations, each a pass over the whole map. TensorFlow's ``FusedBatchNormV3`` (oneDNN on CPUs) does the same in one pass
forward and one back, together with the ReLU that follows. The function and the weights are the same, so only the
network that is trained has such layers: files and exports have Keras' own.
"""

from __future__ import annotations

import keras
from keras import ops

from ..devices import accelerators


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Normalise maps ``(B, H, W, C)`` over all but the last axis, as ``keras.layers.BatchNormalization`` does.

    Outside training, and for inputs or options that the operation does not have, it is that layer. The moving variance
    is of the biased variance of a batch, as in Keras; the operation's own is the unbiased one.
    """

    def call(self, inputs, training=None, mask=None):
        fusable = len(inputs.shape) == 4 and self.axis in (-1, 3) and self.scale and self.center
        if not (training and self.trainable and fusable) or mask is not None or self.renorm or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        images = ops.cast(inputs, "float32")  # (B, H, W, C)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=ops.convert_to_tensor(self.gamma, "float32"),
            offset=ops.convert_to_tensor(self.beta, "float32"),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(images) / tf.shape(images)[-1], "float32")
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance * ((count - 1) / count))
        return ops.cast(outputs, self.compute_dtype)

    def _move(self, average, value) -> None:
        average.assign(average * self.momentum + ops.cast(value, average.dtype) * (1 - self.momentum))


def gains_from_fusing() -> bool:
    """Whether training runs on TensorFlow's CPU kernels: on a GPU, XLA fuses the plain layer by itself."""
    return keras.backend.backend() == "tensorflow" and not accelerators()


def fuse_batch_norms(model: keras.Model) -> keras.Model:
    """Return a copy with the same weights, in which every batch normalisation is a :class:`FusedBatchNormalization`.

    Args:
        model: built, not compiled; nested networks are copied too.
    """

    def copy(layer):
        kind = FusedBatchNormalization if type(layer) is keras.layers.BatchNormalization else type(layer)
        return kind.from_config(layer.get_config())

    fused = keras.models.clone_model(model, clone_function=copy, recursive=True)
    fused.set_weights(model.get_weights())
    return fused
