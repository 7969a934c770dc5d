"""From pictures and videos to expressions: faces found, cut out, classified. No TensorFlow."""

from .boxes import Box
from .prediction import Prediction
from .predictor import Predictor

__all__ = ["Box", "Prediction", "Predictor"]
