"""The moving average of the weights, over fewer steps at the beginning of a run than later. Backend-neutral."""

from __future__ import annotations

from keras import ops

# The average spans about a ninth of the steps done, until that is as many as the momentum says.
_WARMTH = 9.0


class WarmedAverage:
    """Mixin of an optimizer: its average begins with the first step's weights and forgets them.

    At the momentum of a long run, Keras' own average of 70 steps is nearly what the first step left (0.998 keeps 87 %
    of it). Here the momentum at step t, from 0, is at most t / (t + 9), as in TensorFlow's
    ``ExponentialMovingAverage(num_updates=...)``; 0.998 is reached after 4,491 steps.

    Attributes:
        warms_up: False for a run that was begun without, which ends as it began.
    """

    warms_up = True

    def _update_model_variables_moving_average(self, trainable_variables):
        if not self.warms_up:
            super()._update_model_variables_moving_average(trainable_variables)
            return
        done = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(done / (done + _WARMTH), self.ema_momentum)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            if average is not None:
                kept = ops.cast(momentum, variable.dtype)
                average.assign(kept * average + (1 - kept) * variable)
