"""Keras models of other programs: read, refuse what cannot become a run, turn their probabilities into logits."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from ...atomic_files import is_device
from ...errors import ModelFileError
from ...runs.manifest import file_sha256

MIN_SIDE, MAX_SIDE = 32, 256  # pixels
_HDF5 = b"\x89HDF\r\n\x1a\n"
_WHY = (
    "a Keras file can hold code (Lambda layers, names of functions to call), and its parsers were not written for "
    "hostile files"
)


@dataclass(frozen=True)
class ForeignModel:
    """A model that was read.

    Attributes:
        model: (B, S, S, 1 or 3) to (B, classes), as it was in the file.
        path: of the file.
        format: ``keras`` or ``hdf5``.
        sha256: of the file.
    """

    model: keras.Model
    path: Path
    format: str
    sha256: str


def read_foreign_model(path: Path | str, *, trust: bool = False) -> ForeignModel:
    """Read a ``.keras`` or ``.h5`` file that this project did not write.

    Keras' safe mode stays on: a model with Lambda layers is refused also when it is trusted, since the run would hold
    their code and execute it wherever the run is opened.

    Args:
        path: the file; its content tells its kind.
        trust: the caller vouches for it.

    Raises:
        ModelFileError: not trusted, missing, neither kind, damaged, weights only, with layers that are not in Keras
            or hold code, or a network that does not map square images of one or three channels to one value per class.
    """
    path = Path(path)
    if not trust:
        hint = "If you know where it comes from, give --trust-model"
        raise ModelFileError(f"{path.name} was not written by this project and is not opened: {_WHY}", hint=hint)
    kind = _kind(path)
    model = _load(path, kind)
    _check_ends(model)
    return ForeignModel(model, path, kind, file_sha256(path))


def _kind(path: Path) -> str:
    if is_device(path):
        raise ModelFileError(f"{path} is not a regular file")
    try:
        with open(path, "rb") as handle:
            start = handle.read(len(_HDF5))
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error
    if start == _HDF5:
        return "hdf5"
    if start[:4] == b"PK\3\4" and zipfile.is_zipfile(path):
        return "keras"
    raise ModelFileError(
        f"{path} is no Keras model, or truncated", allowed="a .keras or .h5 file of a whole model", received=repr(start)
    )


def _load(path: Path, kind: str) -> keras.Model:
    from ...models import layers  # noqa: F401  registers the project's layers with Keras

    suffix = {"keras": (".keras",), "hdf5": (".h5", ".hdf5")}[kind]
    if path.suffix.lower() not in suffix:  # Keras goes by the name
        raise ModelFileError(f"{path.name} is a {kind} file", hint=f"Rename it to end in {suffix[0]}")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of many types, depending on what is wrong with the file
        raise _explain(path, " ".join(str(error).split())) from error


def _explain(path: Path, reason: str) -> ModelFileError:
    if ("ambda" in reason and "safe" in reason.lower()) or "unsafe" in reason.lower():
        hint = "Replace them by layers of Keras (Rescaling, Reshape, ...) in the program that wrote the file"
        return ModelFileError(f"{path.name} holds Lambda layers, that is code, which a run must not", hint=hint)
    if "No model config found" in reason or "model_config" in reason:
        return ModelFileError(f"{path.name} holds weights only", allowed="a whole model, as model.save(...) writes it")
    named = re.search(r"Could not locate (?:class|function) '?(\w+)|Unknown layer: '?(\w+)", reason)
    if named:
        hint = "Only layers that Keras itself defines can be imported"
        return ModelFileError(f"{path.name} uses {named[1] or named[2]!r}, whose code is not in Keras", hint=hint)
    return ModelFileError(f"cannot load {path.name}: {reason[:200]}")


def _check_ends(model: keras.Model) -> None:
    if any(isinstance(layer, keras.layers.Lambda) for layer in leaf_layers(model)):
        raise ModelFileError("the model holds Lambda layers, that is code, which a run must not")
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    fits = (
        isinstance(taken, tuple)
        and isinstance(given, tuple)
        and (len(taken), len(given)) == (4, 2)
        and taken[1] == taken[2]
        and MIN_SIDE <= (taken[1] or 0) <= MAX_SIDE
        and taken[3] in (1, 3)
        and (given[1] or 0) >= 2
    )
    if not fits:
        raise ModelFileError(
            "the model does not classify square images",
            allowed=f"(None, S, S, 1 or 3) with S of {MIN_SIDE} to {MAX_SIDE}, to (None, classes) with 2 or more",
            received=f"{taken} to {given}",
        )


def leaf_layers(model: keras.Model) -> list[keras.Layer]:
    """Every layer, also those of models inside."""
    found = []
    for layer in model.layers:
        found += leaf_layers(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def to_logits(model: keras.Model) -> tuple[keras.Model, bool]:
    """Return the model without a softmax at its end, and whether there was one.

    The last layer may be a ``Softmax``, an ``Activation`` or any layer with ``activation="softmax"``, also in a model
    at the end. A model that ends in a linear layer is returned as it is.

    Raises:
        ModelFileError: it ends in another activation, whose outputs are no probabilities of exclusive classes.
    """
    last = _last_layer(model)
    activation = getattr(last, "activation", keras.activations.linear)
    if isinstance(last, keras.layers.Softmax) or activation is keras.activations.softmax:
        return _without_softmax(model, last), True
    if activation is not keras.activations.linear or isinstance(last, keras.layers.ReLU):
        name = getattr(activation, "__name__", str(activation))
        raise ModelFileError(
            f"the model ends in {last.name!r} with the activation {name}",
            allowed="softmax, or none (logits)",
            hint="Each face belongs to one class here",
        )
    return model, False


def _without_softmax(model: keras.Model, last: keras.Layer) -> keras.Model:
    """A twin with the same weights, in which ``last`` does nothing after its sum."""

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.layers.Activation):
            kwargs.pop("mask", None)  # a Softmax layer takes one, what stands in its place does not
        return layer(*args, **kwargs)

    # Keras' own recursion into models does not go with call_function, which a Sequential does not take.
    options = {} if isinstance(model, keras.Sequential) else {"call_function": call}
    twin = keras.models.clone_model(model, clone_function=lambda layer: _copy(layer, last), **options)
    twin.set_weights(model.get_weights())
    return twin


def _last_layer(model: keras.Model) -> keras.Layer:
    """The layer that puts out the model's result, inside a model at the end too."""
    if isinstance(model, keras.Sequential):
        last = model.layers[-1]
    else:
        last = model.get_layer(model.output_names[0]) if len(model.output_names) == 1 else model.layers[-1]
    return _last_layer(last) if isinstance(last, keras.Model) else last


def _copy(layer: keras.Layer, last: keras.Layer) -> keras.Layer:
    config = layer.get_config()
    if isinstance(layer, keras.Model) and any(leaf is last for leaf in leaf_layers(layer)):
        return _without_softmax(layer, last)
    if layer is not last:
        return type(layer).from_config(config)
    if isinstance(layer, keras.layers.Softmax):
        return keras.layers.Activation("linear", name=layer.name, dtype=config["dtype"])
    return type(layer).from_config(config | {"activation": "linear"})
