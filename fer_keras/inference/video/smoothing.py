"""Smooth the probabilities of one face over time."""

from __future__ import annotations

import math

import numpy as np

# Seconds. A new expression has half of its weight after 0.21 s, 90 % after 0.69 s.
DEFAULT_SMOOTHING = 0.3


def smoothing_lag(time_constant: float) -> float:
    """Seconds after a sudden change until half of it shows: ``time_constant * ln 2``; 0 without smoothing."""
    return time_constant * math.log(2)


class ExponentialSmoother:
    """First-order low pass with a time constant in seconds, so that frame rate and gaps do not change the lag.

    With the time ``dt`` since the face's last value, ``y += (1 - exp(-dt / time_constant)) * (x - y)``: the exact
    response of the first-order system to an input held for ``dt``. Rows that sum to 1 keep that sum. The first value of
    a face is taken as it is.
    """

    def __init__(self, time_constant: float = DEFAULT_SMOOTHING):
        """Start without faces.

        Args:
            time_constant: seconds; 0 switches smoothing off.

        Raises:
            ValueError: below 0 or not finite.
        """
        if not math.isfinite(time_constant) or time_constant < 0:
            raise ValueError(f"the time constant is a number of seconds of at least 0, not {time_constant}")
        self.time_constant = time_constant
        self._states: dict[int, tuple[float, np.ndarray]] = {}

    def update(self, face: int, timestamp: float, probabilities: np.ndarray) -> np.ndarray:
        """Return the smoothed probabilities of a face.

        Args:
            face: number of the track.
            timestamp: seconds; must not go back.
            probabilities: (classes,) float32.

        Returns:
            (classes,) float32.
        """
        if self.time_constant == 0:
            return probabilities
        before, state = self._states.get(face, (timestamp, probabilities))
        weight = -math.expm1((before - timestamp) / self.time_constant)
        smoothed = (state + weight * (probabilities - state)).astype(np.float32)
        self._states[face] = (timestamp, smoothed)
        return smoothed

    def forget(self, faces: set[int]) -> None:
        """Drop faces that are gone, so that a long video needs no more memory than a short one."""
        for face in faces:
            self._states.pop(face, None)
