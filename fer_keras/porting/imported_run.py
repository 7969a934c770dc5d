"""What the imports of foreign networks share: the proven network, sampled faces, the trial of class orders, the run."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from ..atomic_files import write_json, write_text
from ..datasets.faces import FaceDataset, Split
from ..devices import accelerators
from ..models import count_macs
from ..models.saving import save_network
from ..runs.run_folder import RunFolder
from ..runs.run_record import git_commit, hardware, now, versions
from .class_orders import accuracy_by_order

PROOF_IMAGES = 64  # of each kind; memory for every layer's output grows with it
LABELLED_FACES = 512


@dataclass(frozen=True)
class ImportedNetwork:
    """A network that was read, converted or wrapped, and proven.

    Attributes:
        model: (B, S, S, 1) pixels 0..255 to logits in the order of ``classes``.
        classes: class names in this project's order.
        origin: where it comes from and what was done to it, for ``run.json``.
        parity: the proof, content of ``torch_parity.json`` or ``import_parity.json``.
        notices: sentences that must be shown.
    """

    model: keras.Model
    classes: tuple[str, ...]
    origin: dict
    parity: dict
    notices: tuple[str, ...]


def sample_evenly(split: Split, count: int) -> Split:
    """At most ``count`` faces at equal distances, since files are often sorted by class."""
    if len(split) == 0:
        return split
    return split.take(np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int))


def try_orders(
    model: keras.Model, order: tuple[str, ...], classes: tuple[str, ...], dataset: FaceDataset
) -> dict[str, float]:
    """Accuracy by class order on validation faces; empty where their labels are not this network's or say nothing."""
    faces = sample_evenly(dataset.splits["validation"], LABELLED_FACES)
    if dataset.is_synthetic or tuple(dataset.classes) != classes or len(faces) == 0:
        return {}
    logits = np.asarray(model.predict(faces.images, batch_size=PROOF_IMAGES, verbose=0))  # (n, classes)
    return accuracy_by_order(logits, order, faces, classes)


def describe_import(imported: ImportedNetwork, name: str, command: str) -> dict:
    """Content of ``run.json`` of a network that was not trained here; ``name`` is that of its recipe's model."""
    return {
        "model": name,
        "classes": list(imported.classes),
        "imported_from": imported.origin,
        "parameters": int(imported.model.count_params()),
        "trainable_parameters": int(sum(keras.ops.size(v) for v in imported.model.trainable_variables)),
        "macs": count_macs(imported.model),
        "precision": "float32",
        "backend": keras.backend.backend(),
        "hardware": hardware(accelerators()),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
        "finished": now(),
    }


def write_import(draft: RunFolder, recipe: str, imported: ImportedNetwork, proof: str, record: dict) -> None:
    """Write the files of an imported run: ``proof`` names the file of its proof, ``record`` is its ``run.json``."""
    write_text(draft.recipe, recipe)
    save_network(imported.model, draft.model)
    write_json(draft.path / proof, imported.parity)
    write_json(draft.run_json, record)
    draft.write_manifest()
