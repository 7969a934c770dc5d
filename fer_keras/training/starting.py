"""Begin with what another network has learned: its body, and its last layer where that knows the classes.

The usual two steps of transfer learning (https://keras.io/guides/transfer_learning/) for the project's own networks:
``start.freeze`` trains the new last layer on a fixed body first, ``fine_tune`` then opens the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from ..datasets.copies.duplicates import face_digests
from ..datasets.faces import FaceDataset
from ..errors import InputError, ModelFileError, TrainingError
from ..evaluation.seen_faces import read_digests
from ..models.transfer import last_layer
from ..recipe.recipe import Recipe
from ..runs.manifest import file_sha256
from ..runs.model_file import load_model_file
from ..runs.named_runs import find_run, no_such_run
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..runs.run_record import describe_source

# Splits that scores are of.
SCORED = ("validation", "test")
# Of the optimizer that a network comes with.
_RATE = 1e-3
# Classes that nobody has named, so that nothing knows them.
_UNNAMED = ("",)
# What becomes of the last layer.
KEPT, CHOSEN, NEW = "kept", "rows of the same classes", "new"


@dataclass(frozen=True)
class Start:
    """A network to begin with.

    Attributes:
        file: ``model.keras`` of a run, or a file of its own.
        run: the run; None for a file of its own.
        record: content of its ``run.json``.
    """

    file: Path
    run: RunFolder | None
    record: dict

    @property
    def name(self) -> str:
        """Of the run's folder, or of the file."""
        return self.file.name if self.run is None else self.run.path.resolve().name

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of its outputs; empty where they are not known."""
        return tuple(self.record.get("classes") or ())

    def describe(self) -> dict:
        """What ``run.json`` of the new run says of it."""
        if self.run is None:
            return {"run": self.name, "model_sha256": file_sha256(self.file)}
        return describe_source(self.run, self.record) | {"classes": list(self.classes)}


def find_start(source: str, beside: Path | None = None) -> Start:
    """Find the network that ``start.source`` means.

    Args:
        source: a run folder, its name in ``saved_models``, beside the new run or in the package, or a ``.keras`` file.
        beside: folder that the new run lies in.

    Raises:
        RunFolderError, ModelFileError: no such run, not finished, or changed.
    """
    path = find_run(source, *([] if beside is None else [beside]))
    if path.is_file():
        own = RunFolder(path.parent)
        if path == own.model and own.manifest.is_file():
            path = path.parent
        else:
            return Start(path, None, {})
    if not path.is_dir():
        raise no_such_run(source)
    run = RunFolder.open(path)
    return Start(run.model, run, read_run_json(run))


def take_over(model: keras.Model, source: keras.Model, known: tuple[str, ...], classes: tuple[str, ...]) -> str:
    """Give a network the weights of another of the same architecture; the last layer only where it knows the classes.

    Args:
        model: built; changed.
        source: trained.
        known: classes of ``source``, in the order of its outputs; empty where nobody knows.
        classes: of ``model``.

    Returns:
        What became of the last layer: ``kept``; where all classes are among the known ones, their rows of it; else
        ``new``, as ``model`` came with it.

    Raises:
        ModelFileError: another architecture, or faces of a side that a dense layer does not take.
    """
    head = {id(variable) for variable in last_layer(model).variables}
    if len(model.weights) != len(source.weights):
        raise _another_network(model, source)
    rows = [known.index(name) for name in classes] if set(classes) <= set(known) else None
    values = source.get_weights()
    for variable, value in zip(model.weights, values, strict=True):
        if id(variable) in head:
            value = None if rows is None else value[..., rows]
        if value is not None and tuple(variable.shape) != value.shape:
            raise _another_network(model, source, f"{variable.path}: {value.shape}, not {tuple(variable.shape)}")
        if value is not None:
            variable.assign(value)
    return NEW if rows is None else KEPT if classes == known else CHOSEN


def load(
    source: str | Path | RunFolder, *, classes: int | Sequence[str] | None = None, compile: bool = True
) -> keras.Model:
    """Return a trained network, ready for ``fit``: pixels 0..255 ``(B, S, S, 1)`` to logits ``(B, classes)``.

    Args:
        source: a run (path, name or ``last``), the name of a run in the package, such as ``cnn_small-fer2013``, or a
            ``.keras`` file.
        classes: None keeps the last layer; a number gives a new one of as many outputs; names do too, or take their
            rows of the last layer where the run knows all of them.
        compile: with AdamW and cross-entropy on the integer labels that ``FaceDataset.as_dataset`` gives.

    Raises:
        RunFolderError, ModelFileError: no such run or file, or one that was changed.
        InputError: fewer than two classes, or a network that is no chain of layers.

    Example:
        network = fer_keras.load("cnn_small-fer2013", classes=7)
        faces = dataset.as_dataset("train", batch_size=32)
        network.fit(faces, validation_data=dataset.as_dataset("validation"), epochs=1, verbose=0)
    """
    start = find_start(str(Path(source)))
    model = load_model_file(start.file)
    if classes is not None:
        names = () if isinstance(classes, int) else tuple(classes)
        fresh = with_outputs(model, len(names) or int(classes))  # type: ignore[arg-type]
        take_over(fresh, model, start.classes, names or _UNNAMED)
        model = fresh
    if compile:
        model.compile(
            optimizer=keras.optimizers.AdamW(_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    return model


def with_outputs(model: keras.Model, classes: int) -> keras.Sequential:
    """Return a chain of the same layers, all weights fresh, whose last layer has another number of outputs.

    Raises:
        InputError: fewer than two, or a network that is no chain of layers.
    """
    if classes < 2:
        raise InputError("a network needs two classes or more", received=classes)
    if not isinstance(model, keras.Sequential):
        raise InputError(f"{model.name} is no chain of layers, whose last one could be another", allowed="classes=None")
    config, last = model.get_config(), last_layer(model).name
    for layer in config["layers"]:
        if layer["config"].get("name") == last:
            key = "units" if "units" in layer["config"] else "filters"
            layer["config"][key] = classes
    return keras.Sequential.from_config(config)


def begin(recipe: Recipe, dataset: FaceDataset, run: RunFolder, model: keras.Model) -> dict | None:
    """Put the weights of ``start.source`` into the network of a run without a checkpoint.

    Returns:
        What ``run.json`` says of it, ``started_from``; None for a recipe that starts with random weights.

    Raises:
        RunFolderError, ModelFileError: no such run, or another network.
        TrainingError: the run was begun with other weights.
    """
    if recipe.start.source is None:
        return None
    start = find_start(recipe.start.source, run.path.parent)
    described = start.describe()
    known = read_run_json(run).get("started_from", described)
    if known["model_sha256"] != described["model_sha256"]:
        raise TrainingError(
            f"{start.file} is not the network that this run began with",
            allowed=f"sha256 {known['model_sha256'][:12]}",
            received=described["model_sha256"][:12],
            hint="Restore it, or start a new run",
        )
    head = take_over(model, load_model_file(start.file), start.classes, dataset.classes)
    return described | {"head": head, "notices": _leaks(start, dataset)}


def learned_faces(start: Start) -> np.ndarray | None:
    """Digests of the faces that a network to begin with was trained on; None where nobody knows.

    Raises:
        ModelFileError: the run's digests were changed or damaged.
    """
    if start.run is None or not start.run.training_faces.is_file():
        return None
    return read_digests(start.run)


def _leaks(start: Start, dataset: FaceDataset) -> list[str]:
    """Sentences on faces of the new run's validation and test splits that the network has learned before."""
    digests = learned_faces(start)
    if digests is None:
        return [f"nobody knows which faces {start.name} was trained on: it may know validation and test faces"]
    own = np.unique(face_digests(dataset.splits["train"].images))
    known = np.setdiff1d(digests, own)
    counts = {name: int(np.isin(face_digests(dataset.splits[name].images), known).sum()) for name in SCORED}
    found = ", ".join(f"{count:,} {name} faces" for name, count in counts.items() if count)
    if not found:
        return []
    return [f"{start.name}, which this run started from, was trained on {found}: scores on them are too high"]


def _another_network(model: keras.Model, source: keras.Model, detail: str = "") -> ModelFileError:
    return ModelFileError(
        f"the weights of {source.name} do not fit the recipe's network {model.name}",
        received=detail or f"{len(source.weights)} arrays of weights, not {len(model.weights)}",
        hint="Leave out --model and --recipe, so that the network of the run is taken; data.image_size must be its too",
    )
