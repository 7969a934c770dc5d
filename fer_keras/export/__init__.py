"""Export of trained models to files that run without this package, each proven against Keras.

Importing this folder imports neither TensorFlow nor Keras.
"""

from .run_export import FORMATS, export_run

__all__ = ["FORMATS", "export_run"]
