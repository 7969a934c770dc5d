"""Export to a SavedModel that any TensorFlow program loads without this package.

Format: https://www.tensorflow.org/guide/saved_model
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from ..errors import FerKerasError, ModelFileError, RunFolderError
from ..run_folder import atomic_folder
from .labels import LABELS, check_classes, labels_text
from .native_logs import native_logs_captured


def export_savedmodel(model: keras.Model, classes: Sequence[str], path: Path | str) -> None:
    """Write ``model`` as a SavedModel folder, whole or not at all; an existing one is replaced.

    Signatures, each with one input named ``images`` of shape (B, 48, 48, 1), or the model's side, pixels 0..255:

    - ``serving_default``: float32 in; ``probabilities`` (B, classes) float32 and ``class_names`` (classes,) string out
    - ``serving_uint8``: the same from uint8
    - ``probabilities``: float32 in; ``probabilities`` only

    ``assets/labels.txt`` holds the class names, one a line, in the order of the probabilities.

    Args:
        model: takes (B, 48, 48, 1) pixels 0..255, ends in logits (B, classes); its weights are not changed.
        classes: class names; position = index of the logit.
        path: the folder to write.

    Raises:
        InputError: no class, a name twice or unusable as a line of text, or a count that differs from the logits.
        ModelFileError: another input shape, or the model ends in a softmax instead of logits.
        RunFolderError: the folder cannot be written.
    """
    check_model(model)
    check_classes(classes, model.output_shape[-1])
    # atomic_folder stays outermost: it also explains a temporary folder that cannot be made.
    with atomic_folder(Path(path)) as scratch, tempfile.TemporaryDirectory() as folder, native_logs_captured():
        labels = Path(folder) / LABELS
        labels.write_text(labels_text(classes), encoding="utf-8", newline="\n")
        module = _make_labelled_module(model, labels, len(classes))
        _save(module, scratch)


def check_model(model: keras.Model) -> None:
    """Refuse models that do not map (B, 48, 48, 1), or square gray images of another side, to logits (B, classes).

    Raises:
        FerKerasError: Keras runs on another backend than TensorFlow.
        ModelFileError: another input or output shape, or probabilities instead of logits.
    """
    if keras.backend.backend() != "tensorflow":
        raise FerKerasError(
            "export runs on TensorFlow only",
            received=f"Keras on {keras.backend.backend()}",
            hint="Set KERAS_BACKEND=tensorflow and export again; the .keras file is the same",
        )
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not _takes_gray_squares(taken) or not isinstance(given, tuple) or len(given) != 2 or given[-1] is None:
        raise ModelFileError(
            f"model {model.name!r} cannot be exported",
            allowed="(None, 48, 48, 1), or another side, to (None, classes)",
            received=f"{taken} to {given}",
        )
    if _ends_in_softmax(model):
        raise ModelFileError(
            f"model {model.name!r} ends in a softmax, so the export would apply it twice",
            allowed="a model that ends in logits",
        )


def _takes_gray_squares(shape: object) -> bool:
    fits = isinstance(shape, tuple) and len(shape) == 4 and (shape[0], shape[3]) == (None, 1)
    return fits and shape[1] is not None and shape[1] == shape[2]


def _ends_in_softmax(model: keras.Model) -> bool:
    last = model.layers[-1]
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    return isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax


def make_serving_module(model: keras.Model) -> tf.Module:
    """Return a module whose ``probabilities`` function is the model followed by a softmax.

    The module holds the variables and no Keras object: what is saved from it needs no Keras to load.
    """
    check_model(model)
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    softmax = _softmax_of(model)

    @tf.function(input_signature=[_images(model, tf.float32)])
    def probabilities(images):
        return {"probabilities": softmax(images)}

    module.probabilities = probabilities
    return module


def _softmax_of(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    def softmax(images):
        # Explicit training=False: Keras' resizing, cropping and random layers leave training=True behind them when
        # the call does not say otherwise, and batch normalisation would then be exported in training mode.
        logits = model(images, training=False)
        return tf.nn.softmax(tf.cast(logits, tf.float32), name="probabilities")  # (B, classes)

    return softmax


def _images(model: keras.Model, dtype: tf.DType) -> tf.TensorSpec:
    return tf.TensorSpec(model.input_shape, dtype, name="images")


def _make_labelled_module(model: keras.Model, labels: Path, n_classes: int) -> tf.Module:
    """The serving module with ``labels`` as an asset and the two signatures that return its lines."""
    module = make_serving_module(model)
    # A table reads the asset once, when the SavedModel is loaded, and not in every call.
    module.class_names = tf.lookup.StaticHashTable(_line_reader(labels), default_value="")

    @tf.function(input_signature=[_images(model, tf.float32)])
    def serving_default(images):
        names = module.class_names.lookup(tf.range(n_classes, dtype=tf.int64))  # (classes,)
        return module.probabilities(images) | {"class_names": names}

    @tf.function(input_signature=[_images(model, tf.uint8)])
    def serving_uint8(images):
        return serving_default(tf.cast(images, tf.float32))

    module.serving_default, module.serving_uint8 = serving_default, serving_uint8
    return module


def _line_reader(labels: Path) -> tf.lookup.TextFileInitializer:
    """Line number to line; TensorFlow saves the file with the SavedModel, under ``assets/``."""
    index = tf.lookup.TextFileIndex
    return tf.lookup.TextFileInitializer(str(labels), tf.int64, index.LINE_NUMBER, tf.string, index.WHOLE_LINE)


def _save(module: tf.Module, folder: Path) -> None:
    names = ("serving_default", "serving_uint8", "probabilities")
    try:
        tf.saved_model.save(module, str(folder), signatures={name: getattr(module, name) for name in names})
    except tf.errors.OpError as error:  # TensorFlow's own file system errors are no OSError
        raise RunFolderError(f"cannot write a SavedModel: {error.message}", hint="Free space") from error
