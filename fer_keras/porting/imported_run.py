"""What the imports of foreign networks share: sampled faces, the trial of class orders, the run they write."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import keras
import numpy as np

from ..atomic_files import atomic_path, write_json, write_text
from ..datasets.faces import FaceDataset, Split
from ..devices import accelerators
from ..models import count_macs
from ..runs.run_folder import RunFolder
from ..runs.run_record import git_commit, hardware, now, versions
from .class_orders import accuracy_by_order

PROOF_IMAGES = 64  # of each kind; memory for every layer's output grows with it
LABELLED_FACES = 512


def sample_evenly(split: Split, count: int) -> Split:
    """At most ``count`` faces at equal distances, since files are often sorted by class."""
    if len(split) == 0:
        return split
    return split.take(np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int))


def try_orders(
    model: keras.Model, order: tuple[str, ...], classes: tuple[str, ...], faces: Split, dataset: FaceDataset
) -> dict[str, float]:
    """Accuracy by class order; empty where the labels are not those of this network or say nothing."""
    if dataset.is_synthetic or tuple(dataset.classes) != classes or len(faces) == 0:
        return {}
    logits = np.asarray(model.predict(faces.images, batch_size=PROOF_IMAGES, verbose=0))  # (n, classes)
    return accuracy_by_order(logits, order, faces, classes)


def describe_import(model: keras.Model, name: str, classes: tuple[str, ...], origin: dict, command: str) -> dict:
    """Content of ``run.json`` of a network that was not trained here."""
    return {
        "model": name,
        "classes": list(classes),
        "imported_from": origin,
        "parameters": int(model.count_params()),
        "trainable_parameters": int(sum(keras.ops.size(v) for v in model.trainable_variables)),
        "macs": count_macs(model),
        "precision": "float32",
        "backend": keras.backend.backend(),
        "hardware": hardware(accelerators()),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
        "finished": now(),
    }


@contextlib.contextmanager
def removed_on_failure(run: RunFolder) -> Iterator[None]:
    """Remove a new run folder again if what is done with it fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise


def write_import(run: RunFolder, recipe: str, model: keras.Model, proof: tuple[str, dict], record: dict) -> None:
    """Write the files of an imported run: ``proof`` is the name and the content of its own file."""
    write_text(run.recipe, recipe)
    with atomic_path(run.model) as scratch:
        model.save(scratch)
    write_json(run.path / proof[0], proof[1])
    write_json(run.run_json, record)
    run.write_manifest()
