"""Models and detectors, loaded once for all visitors. Pictures and results never come here."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass

import streamlit as st

from ..inference.detection.detectors import make_detector
from ..inference.detection.protocol import Detector
from ..inference.model_files import open_model
from ..inference.predictor import Predictor
from .facts import ModelFacts, read_facts
from .settings import DECODERS, VIDEO_JOBS


@dataclass(frozen=True)
class LoadedModel:
    """A model and what its run folder says about it."""

    predictor: Predictor
    facts: ModelFacts


@st.cache_resource(show_spinner="Loading the model …")
def load_model(model: str | None) -> LoadedModel:
    """Load a model once for the whole server; a file that changes is read again when the server is started again.

    Raises:
        FerKerasError: see :class:`fer_keras.inference.Predictor`.
    """
    with open_model(model) as path:
        predictor = Predictor(path, detector=None)
        return LoadedModel(predictor, read_facts(path, predictor))


def configured(predictor: Predictor, *, detector: Detector | None, margin: float, tta: str) -> Predictor:
    """The same loaded file, which takes calls from many threads, with a visitor's settings."""
    other = copy.copy(predictor)
    other.detector, other.margin, other.tta = detector, margin, tta
    return other


@st.cache_resource(show_spinner=False)
def load_detector(name: str) -> Detector | None:
    """Load a face detector once for the whole server, whose predictors share it; None for ``none``.

    Raises:
        InputError: see :func:`fer_keras.inference.detection.detectors.make_detector`.
    """
    return make_detector(name)


@st.cache_resource(show_spinner=False)
def _gates() -> dict[str, threading.Semaphore]:
    return {"picture": threading.Semaphore(DECODERS), "video": threading.Semaphore(VIDEO_JOBS)}


def gate(kind: str) -> threading.Semaphore:
    """What bounds the work that is done at the same time: ``picture`` (decoded pixels in memory) or ``video``."""
    return _gates()[kind]
