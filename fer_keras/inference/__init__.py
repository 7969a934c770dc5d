"""From pictures and videos to expressions: faces found, cut out, classified. No TensorFlow."""

from .boxes import Box
from .predictor import Predictor
from .results import Prediction

__all__ = ["Box", "Prediction", "Predictor"]
