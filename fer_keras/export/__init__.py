"""Export of trained models to files that run without this package, each proven against Keras.

Importing this folder imports neither TensorFlow nor Keras.
"""

from .formats import FORMATS
from .run_export import export_run

__all__ = ["FORMATS", "export_run"]
