"""Models and detectors, loaded once for all visitors. Pictures and results never come here."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ..inference.boxes import Box
from ..inference.detection.detectors import make_detector
from ..inference.detection.protocol import Detector
from ..inference.model_files import open_model
from ..inference.predictor import Predictor
from .limits import DECODERS, VIDEO_JOBS
from .model_facts import ModelFacts, read_facts


class SharedPredictor(Predictor):
    """A predictor for many threads: LiteRT's interpreter holds the inputs and outputs of one call."""

    def __init__(self, model):
        """Load a model without a detector; see :class:`fer_keras.inference.Predictor`."""
        self._lock = threading.Lock()
        super().__init__(model, detector=None)

    def classify(self, crops: np.ndarray) -> np.ndarray:
        """See :meth:`fer_keras.inference.Predictor.classify`; one call at a time."""
        with self._lock:
            return super().classify(crops)

    def configured(self, *, detector: Detector | None, margin: float, tta: str) -> SharedPredictor:
        """The same model, interpreter and lock with a visitor's settings."""
        other = copy.copy(self)
        other.detector, other.margin, other.tta = detector, margin, tta
        return other


class SharedDetector:
    """A detector for many threads: OpenCV's keeps its buffers between calls."""

    def __init__(self, detector: Detector):
        self.name, self._detector, self._lock = detector.name, detector, threading.Lock()

    def detect(self, image: np.ndarray) -> list[Box]:
        """See :class:`fer_keras.inference.detection.protocol.Detector`."""
        with self._lock:
            return self._detector.detect(image)


@dataclass(frozen=True)
class LoadedModel:
    """A model and what its run folder says about it."""

    predictor: SharedPredictor
    facts: ModelFacts


@st.cache_resource(show_spinner="Loading the model …")
def load_model(model: str | None) -> LoadedModel:
    """Load a model once for the whole server; a file that changes is read again when the server is started again.

    Raises:
        FerKerasError: see :class:`fer_keras.inference.Predictor`.
    """
    with open_model(model) as path:
        predictor = SharedPredictor(path)
        return LoadedModel(predictor, read_facts(path, predictor))


@st.cache_resource(show_spinner=False)
def load_detector(name: str) -> SharedDetector | None:
    """Load a face detector once for the whole server; None for ``none``.

    Raises:
        InputError: see :func:`fer_keras.inference.detection.detectors.make_detector`.
    """
    detector = make_detector(name)
    return None if detector is None else SharedDetector(detector)


@st.cache_resource(show_spinner=False)
def _gates() -> dict[str, threading.Semaphore]:
    return {"picture": threading.Semaphore(DECODERS), "video": threading.Semaphore(VIDEO_JOBS)}


def gate(kind: str) -> threading.Semaphore:
    """What bounds the work that is done at the same time: ``picture`` (decoded pixels in memory) or ``video``."""
    return _gates()[kind]
