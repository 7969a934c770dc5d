"""Export to a SavedModel that any TensorFlow program loads without this package.

Format: https://www.tensorflow.org/guide/saved_model
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ...atomic_files import atomic_folder
from ...errors import InputError, RunFolderError
from ..formats import LABELS, check_classes, labels_text
from ..model import check_model
from ..native_logs import native_logs_captured
from ..seals import write_checksums
from .signatures import add_signatures, images_spec


def write(model: keras.Model, path: Path, contract: Mapping, faces: np.ndarray | None) -> None:
    """Write the format ``savedmodel``; it has no use for faces."""
    export_savedmodel(model, contract["classes"], path, temperature=contract["temperature"])


def export_savedmodel(
    model: keras.Model, classes: Sequence[str], path: Path | str, *, temperature: float = 1.0
) -> None:
    """Write ``model`` as a SavedModel folder, whole or not at all; an existing one is replaced.

    Signatures; images are (B, 48, 48, 1), or of the model's side, pixels 0..255, and B may be any, 0 too:

    - ``serving_default``: ``images`` float32 to ``probabilities`` (B, classes) float32 and ``class_names`` (classes,)
      string
    - ``serving_uint8``: the same from uint8
    - ``serve_bytes``: ``image_bytes`` (B,) string, whole JPEG or PNG files, each one face, to ``probabilities``,
      ``class_names`` (B, classes) string (a row each, as row-wise REST answers need), ``expression`` (B,) string and
      ``confidence`` (B,) float32; decoding as :func:`fer_keras.export.savedmodel.image_graph.decode_faces`
    - ``features``: ``images`` float32 to ``features`` (B, F) float32, see
      :func:`fer_keras.export.model.make_embedding`; left out for a network in which that finds no embedding
    - ``probabilities``: ``images`` float32, B of at least 1, to ``probabilities``: the bare network, for converters

    ``assets/labels.txt`` holds the class names, one a line, in the order of the probabilities;
    ``assets.extra/sha256sums.txt`` the checksums of all files.

    Args:
        model: takes (B, 48, 48, 1) pixels 0..255, ends in logits (B, classes); its weights are not changed.
        classes: class names; position = index of the logit.
        path: the folder to write.
        temperature: probabilities are softmax(logits / temperature); 1 leaves them as trained.

    Raises:
        InputError: no class, a name twice or unusable as a line of text, or a count that differs from the logits; a
            temperature that is not above 0.
        ModelFileError: another input shape, or the model ends in a softmax instead of logits.
        RunFolderError: the folder cannot be written.
    """
    check_model(model)
    check_classes(classes, model.output_shape[-1])
    _check_temperature(temperature)
    # atomic_folder stays outermost: it also explains a temporary folder that cannot be made.
    with atomic_folder(Path(path)) as scratch, tempfile.TemporaryDirectory() as folder, native_logs_captured():
        labels = Path(folder) / LABELS
        labels.write_text(labels_text(classes), encoding="utf-8", newline="\n")
        module = make_serving_module(model, temperature)
        _save(module, add_signatures(module, model, labels, len(classes)), scratch)
        write_checksums(scratch)


def make_serving_module(model: keras.Model, temperature: float = 1.0) -> tf.Module:
    """Return a module whose ``probabilities`` function is softmax(logits / temperature) of the model.

    The module holds the variables and no Keras object: what is saved from it needs no Keras to load.

    Args:
        model: ends in logits.
        temperature: divides the logits, see :mod:`fer_keras.evaluation.calibration.calibrate`; 1 leaves them.

    Raises:
        InputError: a temperature that is not above 0.
        FerKerasError, ModelFileError: see :func:`fer_keras.export.model.check_model`.
    """
    check_model(model)
    _check_temperature(temperature)
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    softmax = _softmax_of(model, temperature)

    @tf.function(input_signature=[images_spec(model, tf.float32)])
    def probabilities(images):
        return {"probabilities": softmax(images)}

    module.probabilities = probabilities
    return module


def _softmax_of(model: keras.Model, temperature: float) -> Callable[[tf.Tensor], tf.Tensor]:
    def softmax(images):
        # Explicit training=False: Keras' resizing, cropping and random layers leave training=True behind them when
        # the call does not say otherwise, and batch normalisation would then be exported in training mode.
        logits = model(images, training=False)
        logits = tf.cast(logits, tf.float32)
        logits = logits if temperature == 1 else logits / temperature  # Guo et al. 2017, arXiv:1706.04599
        return tf.nn.softmax(logits, name="probabilities")  # (B, classes)

    return softmax


def _check_temperature(temperature: float) -> None:
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError("unusable temperature", allowed="a finite number above 0", received=temperature)


def _save(module: tf.Module, signatures: dict[str, tf.types.experimental.PolymorphicFunction], folder: Path) -> None:
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures)
    except tf.errors.OpError as error:  # TensorFlow's own file system errors are no OSError
        raise RunFolderError(f"cannot write a SavedModel: {error.message}", hint="Free space") from error
