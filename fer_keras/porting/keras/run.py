"""From a Keras file of another program to a run folder: wrap, prove, write."""

from __future__ import annotations

import keras
import numpy as np

from ...datasets.faces import FaceDataset, Split
from ...emotions import FACE_SIZE, FER7, FERPLUS8
from ...errors import InputError, ModelFileError
from ...metrics.scores import softmax
from ...models.imported import COLOUR_ONLY, RESCALINGS, wrap_imported
from ...recipe.data import DataSection
from ...recipe.model import ImportedModel
from ...recipe.recipe import Recipe, dump_recipe
from ...runs.run_folder import RunFolder
from ..class_orders import order_notices, output_columns, resolve_class_order
from ..imported_run import (
    LABELLED_FACES,
    PROOF_IMAGES,
    ImportedNetwork,
    describe_import,
    sample_evenly,
    try_orders,
    write_import,
)
from .foreign import ForeignModel, to_logits

PARITY = "import_parity.json"
TOLERANCE = 1e-4
RECIPE_HEADER = "# Imported from a Keras file: this run was not trained here, and its recipe cannot train one.\n"
_DOUBT = "known class order: the model may have been trained with another --rescale or on other faces"


def make_import_recipe(classes: tuple[str, ...], side: int) -> Recipe:
    """The recipe of an imported run: which faces it is scored on, nothing to train."""
    if classes == FER7:
        data = DataSection(image_size=side)
    elif classes == FERPLUS8:
        data = DataSection(image_size=side, labels="ferplus", ferplus_classes=8)
    else:
        data = DataSection(image_size=side, classes=classes)
    return Recipe(model=ImportedModel(), data=data)


def import_model(
    foreign: ForeignModel,
    *,
    rescale: str,
    class_order: str = "fer2013",
    image_size: int = FACE_SIZE,
    dataset: FaceDataset | None = None,
) -> ImportedNetwork:
    """Wrap a foreign model and prove that the wrapped one gives the same probabilities.

    Args:
        foreign: what :func:`fer_keras.porting.keras.foreign.read_foreign_model` returned.
        rescale: what it was trained on: ``none`` (pixels 0..255), ``unit`` (0..1), ``symmetric`` (-1..1), and for three
            channels ``imagenet`` (mean and deviation of ImageNet, as in torchvision) or ``caffe`` (blue, green, red
            less their means, as VGG16 and ResNet50 in ``keras.applications``).
        class_order: of its outputs, see :func:`fer_keras.porting.class_orders.resolve_class_order`.
        image_size: side of the faces that the run takes; they are resized inside to the side that the model takes.
        dataset: of that side; its validation faces join the proof, and tell how many the network gets right under
            each class order.

    Raises:
        InputError: another number of classes than outputs, or a rescaling that does not fit the channels.
        ModelFileError: no logits to be had, or the proof fails.
    """
    order, classes = resolve_class_order(class_order)
    _check_choices(foreign.model, rescale, order)
    network, had_softmax = to_logits(foreign.model)
    columns = output_columns(order, classes)
    model = wrap_imported(network, image_size=image_size, rescale=rescale, outputs=columns)
    faces = None if dataset is None else sample_evenly(dataset.splits["validation"], LABELLED_FACES)
    parity = _prove(foreign, model, rescale, had_softmax, columns, faces)
    accuracies = {} if dataset is None else try_orders(model, order, classes, dataset)
    origin = {
        "format": foreign.format,
        "file": foreign.path.name,
        "sha256": foreign.sha256,
        "bytes": foreign.path.stat().st_size,
        "input_shape": list(foreign.model.input_shape),
        "rescale": rescale,
        "softmax_removed": had_softmax,
        "class_order": list(order),
        "class_order_accuracy": accuracies,
    }
    return ImportedNetwork(model, classes, origin, parity, tuple(order_notices(accuracies, "sampled", _DOUBT)))


def write_imported_run(imported: ImportedNetwork, run: RunFolder, *, command: str = "") -> dict:
    """Write ``recipe.yaml, run.json, model.keras, import_parity.json, manifest.json`` and open the run once.

    Args:
        imported: the proven network.
        run: a new folder, not there yet or empty; it appears when everything is written.
        command: recorded in ``run.json``.

    Returns:
        The content of ``run.json``.

    Raises:
        RunFolderError: the folder cannot be written.
        ModelFileError: the model that was written does not load again.
    """
    from ...evaluation.prediction import load_run_model

    side = imported.model.input_shape[1]
    record = describe_import(imported, "imported", command)
    record["image_size"] = side
    recipe = RECIPE_HEADER + dump_recipe(make_import_recipe(imported.classes, side))
    with run.appear() as draft:
        write_import(draft, recipe, imported, PARITY, record)
        load_run_model(RunFolder.open(draft.path))
    return record


def _check_choices(model: keras.Model, rescale: str, order: tuple[str, ...]) -> None:
    if rescale not in RESCALINGS:
        raise InputError("unknown rescaling", allowed=", ".join(RESCALINGS), received=repr(rescale))
    if rescale in COLOUR_ONLY and model.input_shape[3] != 3:
        raise InputError(
            f"--rescale {rescale} is for three channels", allowed="none, unit, symmetric", received=model.input_shape
        )
    if len(order) != model.output_shape[1]:
        raise InputError(
            f"the model has {model.output_shape[1]} outputs, the class order {len(order)} names",
            received=", ".join(order),
            hint="Give --class-order with one name for each output, such as --class-order angry,happy,sad",
        )


def _prove(foreign: ForeignModel, model, rescale: str, had_softmax: bool, columns: list[int], faces: Split | None):
    side = model.input_shape[1]
    kinds = {"random": np.random.default_rng(0).integers(0, 256, (PROOF_IMAGES, side, side, 1), dtype=np.uint8)}
    if faces is not None and len(faces):
        kinds["faces"] = faces.images[:PROOF_IMAGES]
    errors = {name: _largest_error(foreign, model, rescale, had_softmax, columns, x) for name, x in kinds.items()}
    if not max(errors.values()) <= TOLERANCE:  # a value that is not a number must not pass
        raise ModelFileError(
            f"the wrapped model differs from {foreign.path.name} by {max(errors.values()):.3g} in a probability",
            allowed=f"at most {TOLERANCE:g}",
        )
    return {
        "file_sha256": foreign.sha256,
        "images": {name: len(images) for name, images in kinds.items()},
        "tolerance": TOLERANCE,
        "max_abs_probability_difference": errors,
        "passed": True,
    }


def _largest_error(foreign: ForeignModel, model, rescale: str, had_softmax: bool, columns, images) -> float:
    found = softmax(_run(model, images.astype(np.float32)))  # (n, classes)
    expected = _run(foreign.model, _preprocess(images, rescale, foreign.model.input_shape))
    expected = expected if had_softmax else softmax(expected)
    return float(np.abs(found - expected[:, columns]).max())


def _preprocess(images: np.ndarray, rescale: str, shape: tuple) -> np.ndarray:
    """Apart from the layers that are to be proven: (n, side, side, 1) uint8 to (n, S, S, channels) float32."""
    if images.shape[1] != shape[1]:
        images = keras.ops.image.resize(images.astype(np.float32), shape[1:3], interpolation="bilinear")
        images = keras.ops.convert_to_numpy(images)  # (n, S, S, 1)
    options = {"scale": 1.0, "offset": 0.0} | RESCALINGS[rescale]
    values = np.repeat(images, shape[3], axis=-1) * np.asarray(options["scale"]) + np.asarray(options["offset"])
    return values.astype(np.float32)


def _run(model: keras.Model, images: np.ndarray) -> np.ndarray:
    outputs = keras.ops.cast(model(images, training=False), "float32")
    return np.asarray(keras.ops.convert_to_numpy(outputs), np.float64)  # (n, classes)
