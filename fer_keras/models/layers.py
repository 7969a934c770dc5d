"""Preprocessing layers that travel inside the models. Backend-neutral, registered, without weights."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fer_keras")
class GrayscaleToRGB(keras.layers.Layer):
    """Repeat the one gray channel three times, for backbones trained on colour.

    ``(B, H, W, 1)`` to ``(B, H, W, 3)``, dtype unchanged. Built from ``ops.concatenate``, which becomes
    one builtin TFLite op; indexing with a new axis would become a Flex op.
    """

    def call(self, images):
        return ops.concatenate([images, images, images], axis=-1)  # (B, H, W, 3)

    def compute_output_shape(self, input_shape):
        if input_shape[-1] != 1:
            raise ValueError(f"GrayscaleToRGB expects one channel. Received: input_shape={input_shape}")
        return (*input_shape[:-1], 3)


@keras.saving.register_keras_serializable(package="fer_keras")
class ResizeImages(keras.layers.Layer):
    """Bilinear resize to ``(size, size)``.

    Not ``keras.layers.Resizing``: that layer leaves ``training=True`` in the call context, so that later
    batch normalisation runs in training mode when the model is called without an explicit ``training=``.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, images):
        return ops.image.resize(images, (self.size, self.size), interpolation="bilinear")  # (B, size, size, C)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="fer_keras")
class Logarithm(keras.layers.Layer):
    """Natural logarithm of probabilities of any shape, from 1e-7 on: logits whose softmax they are."""

    def call(self, probabilities):
        return ops.log(ops.maximum(probabilities, 1e-7))

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="fer_keras")
class SelectOutputs(keras.layers.Layer):
    """Put outputs into another order: ``(B, n)`` to ``(B, len(outputs))``, output ``i`` being input ``outputs[i]``."""

    def __init__(self, outputs: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.outputs = [int(place) for place in outputs]

    def call(self, logits):
        return ops.take(logits, ops.convert_to_tensor(self.outputs, dtype="int32"), axis=-1)  # (B, len(outputs))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.outputs))

    def get_config(self):
        return {**super().get_config(), "outputs": self.outputs}
