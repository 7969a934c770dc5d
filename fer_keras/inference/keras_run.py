"""A run without exports, run by Keras itself: slower to start than a file, and the same answers. Imports TensorFlow."""

from __future__ import annotations

import numpy as np

from ..evaluation.calibration.record import read_calibration
from ..export.exported_model import ExportedModel
from ..metrics.scores import softmax
from ..runs.manifest import file_sha256
from ..runs.run_folder import RunFolder
from .model_files import ModelCard


def load_keras_run(path) -> tuple[ExportedModel, ModelCard]:
    """Load a finished run's ``model.keras``, with its temperature and threshold where it is calibrated.

    Raises:
        RunFolderError: not finished, or without class names.
        ModelFileError: it was changed or damaged.
    """
    import keras

    from ..export.run_export import read_classes

    run = RunFolder.open(path)
    model, calibration = run.load_model(), read_calibration(run)
    temperature = 1.0 if calibration is None else calibration.temperature

    def predict_batch(images: np.ndarray) -> np.ndarray:
        logits = model.predict_on_batch(images)  # (n, classes)
        return softmax(logits / temperature).astype(np.float32)

    notice = (
        f"run {run.path} has no exports, so that Keras runs it, which starts slowly: "
        f"fer-keras export {run.path} writes files that need no TensorFlow"
    )
    card = ModelCard(
        read_classes(run),
        None if calibration is None else calibration.threshold,
        run.path.resolve().name,
        file_sha256(run.model),
        notice,
    )
    return ExportedModel(predict_batch, f"keras {keras.__version__}", model.input_shape[1]), card
