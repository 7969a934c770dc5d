"""From a PyTorch checkpoint to a run folder: match, convert, prove layer by layer, write."""

from __future__ import annotations

import keras

from ...datasets.faces import FaceDataset, Split
from ...errors import ModelFileError
from ...recipe.recipe import Recipe, dump_recipe
from ...runs.run_folder import RunFolder
from ...training.train import build_twin
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
from .checkpoint import Checkpoint, require_torch
from .mapping import KeyMap, match_keys, read_arrays
from .network import BATCH_NORM_EPSILON, TorchLayer, describe
from .parity import TOLERANCE, compare_layers, random_images, require_agreement
from .weights import to_keras

PARITY = "torch_parity.json"
RECIPE_HEADER = (
    "# Imported from PyTorch: only the model section says something about this run, it was not trained here.\n"
)


def port_checkpoint(
    checkpoint: Checkpoint,
    recipe: Recipe,
    dataset: FaceDataset,
    *,
    class_order: str = "fer2013",
    key_order: str | None = None,
) -> ImportedNetwork:
    """Build the recipe's network with the checkpoint's weights and prove it on random images and on faces.

    Args:
        checkpoint: what :func:`fer_keras.porting.torch.checkpoint.read_checkpoint` returned.
        recipe: its model section names the network.
        dataset: its validation faces carry the second half of the proof, and, unless they are synthetic, tell whether
            the class order can be right.
        class_order: of the checkpoint's outputs, see :func:`fer_keras.porting.class_orders.resolve_class_order`.
        key_order: see :func:`fer_keras.porting.torch.mapping.match_keys`.

    Raises:
        InputError: an unknown class or key order.
        ModelFileError: keys that do not fit, values that cannot be weights, a network that is not mapped, or a proof
            that fails.
    """
    order, classes = resolve_class_order(class_order)
    model = build_twin(recipe, len(classes))
    described = describe(model)
    keys = match_keys(described, checkpoint, order=key_order)
    arrays, conversions = read_arrays(keys, checkpoint)
    columns = output_columns(order, classes)
    folded = _set_weights(model, described, arrays, columns)
    faces = sample_evenly(dataset.splits["validation"], LABELLED_FACES)
    parity = _prove(model, described, arrays, columns, faces, dataset, checkpoint)
    accuracies = try_orders(model, order, classes, dataset)
    origin = _origin(checkpoint, keys, order, (*checkpoint.notes, *conversions, *folded), accuracies)
    return ImportedNetwork(model, classes, origin, parity, tuple(order_notices(accuracies, len(faces))))


def write_run(ported: ImportedNetwork, recipe: Recipe, run: RunFolder, *, command: str = "") -> dict:
    """Write the run folder: ``recipe.yaml, run.json, model.keras, torch_parity.json, manifest.json``.

    Args:
        ported: the proven network.
        recipe: its resolved recipe.
        run: a new folder, not there yet or empty; it appears when everything is written.
        command: recorded in ``run.json``.

    Returns:
        The content of ``run.json``.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    record = describe_import(ported, recipe.model.name, command)
    record["versions"]["torch"] = require_torch().__version__
    with run.appear() as draft:
        write_import(draft, RECIPE_HEADER + dump_recipe(recipe), ported, PARITY, record)
    return record


def _set_weights(model: keras.Model, described: tuple[TorchLayer, ...], arrays: dict, columns: list[int]) -> list[str]:
    """Fill the network and return notes; the head's outputs are put into the order of the project's classes."""
    with_weights = [layer for layer in described if layer.shapes]
    head, folded = with_weights[-1], []
    if head.kind != "Linear" or head.shapes["weight"][0] != len(columns):
        raise ModelFileError(f"network {model.name} does not end in a dense layer over the classes")
    for layer in with_weights:
        target = model.get_layer(layer.keras_name)
        epsilon = getattr(target, "epsilon", BATCH_NORM_EPSILON)
        weights = to_keras(layer, arrays[layer.name], epsilon)
        if layer is head:
            weights = [values[..., columns] for values in weights]
        target.set_weights(weights)
        folded += [epsilon] if layer.kind == "BatchNorm2d" and epsilon != BATCH_NORM_EPSILON else []
    if not folded:
        return []
    return [
        f"the scale of {len(folded)} batch normalisations was recomputed for epsilon {folded[0]:g}, which "
        f"{model.name} has here, from PyTorch's {BATCH_NORM_EPSILON:g}: same outputs"
    ]


def _prove(model, described, arrays, columns, faces: Split, dataset: FaceDataset, checkpoint: Checkpoint) -> dict:
    kind = "synthetic faces" if dataset.is_synthetic else "faces"
    images = {"random": random_images(PROOF_IMAGES, tuple(model.input_shape[1:]))}
    images |= {kind: sample_evenly(faces, PROOF_IMAGES).images} if len(faces) else {}
    rows = compare_layers(model, described, arrays, images, columns)
    require_agreement(rows, str(checkpoint.path))
    return {
        "checkpoint_sha256": checkpoint.sha256,
        "images": {name: len(pixels) for name, pixels in images.items()},
        "faces_from": {"name": dataset.name, "sha256": dataset.sha256, "split": "validation"},
        "tolerance": TOLERANCE,
        "torch": require_torch().__version__,
        "layers": rows,
        "max_abs_probability_difference": max(rows[-1]["max_error"].values()),
        "passed": True,
    }


def _origin(checkpoint: Checkpoint, keys: KeyMap, order: tuple[str, ...], notes, accuracies: dict) -> dict:
    return {
        "format": "safetensors" if not checkpoint.ordered else "torch.save",
        "file": checkpoint.path.name,
        "sha256": checkpoint.sha256,
        "bytes": checkpoint.path.stat().st_size,
        "container": checkpoint.container,
        "class_order": list(order),
        "class_order_accuracy": accuracies,
        "key_order": keys.order,
        "keys": keys.keys,
        "counters_left_out": list(keys.counters),
        "notes": list(notes),
    }
