"""Export to ONNX, checked by the format's own checker and run against Keras before it is kept.

Format: https://onnx.ai/onnx/repo-docs/IR.html; converter: https://github.com/onnx/tensorflow-onnx
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import __version__
from ...atomic_files import atomic_path
from ...errors import InputError, ModelFileError
from ...metrics.scores import softmax
from ..formats import check_classes
from ..model import as_float32, check_model
from ..native_logs import native_logs_captured
from ..savedmodel.write import make_serving_module
from ..seals import CONTRACT, seal_onnx
from .load import load_onnx

# The newest that OpenCV's importer and ONNX Runtime from 1.12 on (2022) take as it is written.
OPSET = 17
PREPROCESSING = "gray faces, pixels 0..255, nothing else: rescaling is inside the model"
TOLERANCE = 1e-4
_PROOF_FACES = 5  # beside a single one, since a dynamic batch must work


def write(model: keras.Model, path: Path, contract: Mapping, faces: np.ndarray | None) -> None:
    """Write the format ``onnx``; it has no use for faces."""
    export_onnx(model, contract["classes"], path, temperature=contract["temperature"], contract=contract)


def export_onnx(
    model: keras.Model,
    classes: Sequence[str],
    path: Path | str,
    *,
    temperature: float = 1.0,
    contract: Mapping | None = None,
) -> None:
    """Write an ONNX file, whole or not at all; an existing one is replaced.

    Input ``images`` (batch, S, S, 1) float32, pixels 0..255; output ``probabilities`` (batch, classes) float32, the
    softmax of the logits divided by ``temperature``. The batch is dynamic. ``metadata_props`` hold ``classes`` (a JSON
    list in the order of the probabilities), ``fer_keras.contract`` (JSON) and last ``fer_keras.sha256``, the sha256 of
    all bytes before that entry, see :mod:`fer_keras.export.seals`.

    Before the file takes its place ``onnx.checker`` checks it with ``full_check`` and ONNX Runtime runs it, as written,
    on random pixels: Keras' own ``export(format="onnx")`` can return normally and leave an invalid file.

    Args:
        model: takes (B, S, S, 1) pixels 0..255, ends in logits (B, classes); its weights are not changed.
        classes: class names; position = index of the logit.
        path: the ``.onnx`` file to write.
        temperature: divides the logits (Guo et al. 2017, arXiv:1706.04599).
        contract: JSON object to carry as ``fer_keras.contract``; without one, a short one of this file alone.

    Raises:
        InputError: a package is missing, or class names that do not fit.
        ModelFileError: the model is not exportable, has an operator that ONNX does not know, or the file differs from
            Keras by more than 1e-4 in a probability.
        RunFolderError: the file cannot be written.
    """
    onnx, converter = require_converter()
    check_model(model)
    check_classes(classes, model.output_shape[-1])
    model = as_float32(model)
    proto = _convert(onnx, converter, model, temperature)
    _describe(onnx, proto, model, classes, contract or _short_contract(model, temperature))
    _check(onnx, proto)
    with atomic_path(Path(path)) as scratch:
        scratch.write_bytes(seal_onnx(proto.SerializeToString()))
        _prove(scratch, model, temperature)


def require_converter() -> tuple[ModuleType, ModuleType]:
    """Import ``onnx`` and the converter, ``tf2onnx.convert``.

    Raises:
        InputError: one of the packages of the extra is missing.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401  the proof needs it
        import tf2onnx.convert
    except ImportError as error:
        raise InputError(
            f"the ONNX export needs {error.name or 'packages'} that is not installed",
            hint='Install what is missing: pip install "fer_keras[onnx]"',
        ) from error
    return onnx, tf2onnx.convert


def _convert(onnx: ModuleType, converter: ModuleType, model: keras.Model, temperature: float) -> Any:
    function = make_serving_module(model, temperature).probabilities
    try:
        with native_logs_captured(), _quiet("tf2onnx"):
            proto, _ = converter.from_function(function, input_signature=function.input_signature, opset=OPSET)
    except Exception as error:  # the converter raises whatever its rewriters meet
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelFileError(f"tf2onnx cannot convert model {model.name!r}: {reason[:200]}") from error
    _fill_constants(onnx, proto, function.get_concrete_function())
    return proto


def _fill_constants(onnx: ModuleType, proto: Any, function: Any) -> None:
    """Turn inputs that stand for constants of the graph into constants.

    A layer that computes with a tensor of its own that is no variable, such as Keras' Normalization, hands it to the
    graph as a hidden input, which the converter takes for one of the model's.
    """
    values = {inner.name: outer for outer, inner in function.graph.captures if outer.dtype != tf.resource}
    for end in [end for end in proto.graph.input if end.name in values]:
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values[end.name].numpy(), end.name))
        proto.graph.input.remove(end)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a logger's warnings out of the terminal: what they announce, the checker finds."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _describe(onnx: ModuleType, proto: Any, model: keras.Model, classes: Sequence[str], contract: Mapping) -> None:
    """Name the dynamic axis, and say in the file what it takes and gives."""
    for end in (*proto.graph.input, *proto.graph.output):
        end.type.tensor_type.shape.dim[0].dim_param = "batch"
    proto.producer_name, proto.producer_version = "fer_keras", __version__
    proto.doc_string = f"Facial-expression classifier {model.name}. Input: {PREPROCESSING}."
    entries = {"classes": json.dumps(list(classes)), CONTRACT: json.dumps(contract)}
    onnx.helper.set_model_props(proto, entries)


def _short_contract(model: keras.Model, temperature: float) -> dict:
    shape, count = list(model.input_shape[1:]), model.output_shape[-1]
    return {
        "input": {"name": "images", "shape": ["batch", *shape], "dtype": "float32", "range": [0, 255]},
        "output": {"name": "probabilities", "shape": ["batch", count], "dtype": "float32", "range": [0, 1]},
        "preprocessing": PREPROCESSING,
        "temperature": temperature,
    }


def _check(onnx: ModuleType, proto: Any) -> None:
    """Refuse what the format's checker refuses, and other ends than the documented ones."""
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:  # ValidationError and InferenceError have no common base but Exception
        reason = " ".join(str(error).split())[:300]
        raise ModelFileError(f"the converted model is no valid ONNX: {reason}", hint="Use other layers") from error
    ends = [[end.name for end in side] for side in (proto.graph.input, proto.graph.output)]
    if ends != [["images"], ["probabilities"]]:
        raise ModelFileError("the converted model has other inputs and outputs", received=str(ends))


def _prove(path: Path, model: keras.Model, temperature: float) -> None:
    """Run the written file on random pixels, one face and several, against Keras in inference mode."""
    shape = (_PROOF_FACES, *model.input_shape[1:])
    faces = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    run_batch, expected = load_onnx(path)[0], _keras_probabilities(model, faces, temperature)
    for count in (1, _PROOF_FACES):
        difference = float(np.abs(run_batch(faces[:count].astype(np.float32)) - expected[:count]).max())
        if not difference <= TOLERANCE:  # a NaN is no agreement
            raise ModelFileError(
                f"the ONNX file differs from the Keras model by {difference:.3g} in a probability",
                allowed=f"at most {TOLERANCE:g}",
            )


def _keras_probabilities(model: keras.Model, faces: np.ndarray, temperature: float) -> np.ndarray:
    logits = keras.ops.convert_to_numpy(model(faces.astype(np.float32), training=False)) / temperature
    return softmax(logits)  # (n, classes)
