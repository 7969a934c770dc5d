"""Runs that a signal stops, as Ctrl-C would, and what is compared of them."""

import signal

import keras

from fer_keras.training.callbacks import Observer


class StopAt(Observer):
    """Sends this process a signal after a step, as Ctrl-C would."""

    def __init__(self, epoch, step, number=signal.SIGINT):
        self.at, self.number = (epoch, step), number

    def on_step(self, epoch, step, steps, logs):
        if (epoch, step) == self.at:
            signal.raise_signal(self.number)


def weights(run):
    return keras.models.load_model(run.model, compile=False).get_weights()
