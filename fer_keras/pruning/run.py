"""Prune a finished run into a new one, and say what it cost and saved."""

from __future__ import annotations

import gzip
import json

import keras
import numpy as np

from ..atomic_files import write_json, write_text
from ..datasets.faces import FaceDataset
from ..errors import InputError, ModelFileError
from ..evaluation.prediction import (
    check_class_names,
    check_outputs,
    load_run_model,
    predict_probabilities,
)
from ..metrics.paired_tests import mcnemar_exact
from ..metrics.scores import wilson_interval
from ..models.transfer import WEIGHTS_LATER
from ..recipe.pruning import PruningSection
from ..recipe.recipe import Recipe, dump_recipe, make_recipe
from ..runs.manifest import file_sha256
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..training.callbacks import Observer
from ..training.checkpoints import Progress, capture, save_checkpoint
from ..training.pruning import describe_sparsity, find_kernels
from ..training.train import TrainingResult, describe_run, prepare_model, train

REPORT = "pruning.json"
# Of the parent's rate. Pruned weights must be made up for, which takes more than the end of a cosine schedule
# (Zhu & Gupta 2017, section 3), but the rate of training from scratch would undo what was learned.
RATE_FRACTION = 0.1


def make_pruning_recipe(parent: Recipe, section: PruningSection, *, epochs: int, learning_rate: float | None) -> Recipe:
    """The parent's recipe with its second phase, warm-up and early stopping left out and pruning put in.

    Args:
        parent: recipe of the finished run; a transfer network's base is open from the first step.
        section: the schedule.
        epochs: of fine-tuning.
        learning_rate: highest one; a tenth of the parent's when None.

    Raises:
        InputError: a sparsity of 0.
    """
    if not section.sparsity:
        raise InputError("nothing to prune", allowed="a sparsity above 0 and below 1", received=section.sparsity)
    data = json.loads(parent.model_dump_json())
    rate = parent.train.learning_rate * RATE_FRACTION if learning_rate is None else learning_rate
    data["train"] |= {"epochs": epochs, "learning_rate": rate, "warmup_epochs": 0.0, "early_stop_patience": 0}
    data["fine_tune"]["epochs"] = 0
    data["start"] = {}
    data["pruning"] = section.model_dump(mode="json")
    if "fine_tune_from" in data["model"]:
        data["model"]["fine_tune_from"] = "all"
    return make_recipe(data, where="pruning recipe")


def prune_run(
    parent: RunFolder,
    recipe: Recipe,
    dataset: FaceDataset,
    run: RunFolder,
    *,
    command: str = "",
    observer: Observer | None = None,
) -> TrainingResult:
    """Fine-tune the model of a finished run while pruning it, into a new run folder; resumable as every training.

    Args:
        parent: finished run, opened and verified by the caller.
        recipe: of :func:`make_pruning_recipe`; for a resumed run the one in its folder.
        dataset: faces, with the classes and the size of the parent's.
        run: an empty new folder, or one that was interrupted.
        command: recorded in ``run.json``.
        observer: told how the run goes on.

    Raises:
        DataError: other classes or image size than the parent's.
        ModelFileError: the parent's model cannot be loaded or is not of its recipe.
        TrainingError: no kernel to prune, or see :func:`fer_keras.training.train.train`.
    """
    if not run.run_json.exists():
        _begin(parent, recipe, dataset, run, command)
    return train(recipe, dataset, run, command=command, observer=observer)


def _begin(parent: RunFolder, recipe: Recipe, dataset: FaceDataset, run: RunFolder, command: str) -> None:
    """Write a checkpoint before the first step that holds the parent's weights; the training then resumes it."""
    check_class_names(read_run_json(parent).get("classes"), dataset)
    source = load_run_model(parent)
    check_outputs(source, dataset)
    model, text = prepare_model(_without_download(recipe), dataset), dump_recipe(recipe)
    _take_weights(model, source, parent)
    find_kernels(model, recipe.pruning)  # refuses a network without any
    origin = {"run": parent.path.resolve().name, "model_sha256": file_sha256(parent.model)}
    record = describe_run(recipe, dataset, model, command) | {"pruned_from": origin}
    with run.begin() as draft:
        save_checkpoint(draft.scratch, capture(model), Progress(), text)
        write_json(draft.run_json, record)
        write_text(draft.recipe, text)


def _without_download(recipe: Recipe) -> Recipe:
    """Pretrained weights are about to be replaced by the parent's."""
    if not hasattr(recipe.model, "weights"):
        return recipe
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": WEIGHTS_LATER})})


def _take_weights(model: keras.Model, source: keras.Model, parent: RunFolder) -> None:
    weights, expected = source.get_weights(), [tuple(variable.shape) for variable in model.weights]
    if [values.shape for values in weights] != expected:
        raise ModelFileError(f"{parent.model} is not the network of {parent.recipe}", hint="Restore the run")
    model.set_weights(weights)


def report_pruning(parent: RunFolder, run: RunFolder, dataset: FaceDataset, recipe: Recipe) -> dict:
    """Compare a pruned run with its parent on the validation split; writes ``pruning.json`` and renews the manifest.

    Args:
        parent: the run that was pruned.
        run: the finished pruned run.
        dataset: faces that both are scored on; training faces calibrate the int8 files.
        recipe: of the pruned run.

    Returns:
        ``pruned_from``, ``pruning`` (the schedule), ``n``, ``before`` and ``after`` with ``accuracy``,
        ``accuracy_ci95`` (Wilson), ``sparsity`` (:func:`fer_keras.training.pruning.describe_sparsity`) and ``bytes``
        (file name to ``raw`` and ``gzip``, level 9), and ``p_value`` of McNemar's exact test between the two.

    Raises:
        InputError: the run was not pruned from this parent.
        ModelFileError: a model cannot be loaded or converted.
    """
    origin = read_run_json(run).get("pruned_from") or {}
    if origin.get("model_sha256") != file_sha256(parent.model):
        raise InputError(
            f"{run.path} was not pruned from {parent.path}", received=str(origin.get("run")), hint="Name its parent"
        )
    split = dataset.splits["validation"]
    scored = [_score(folder, dataset, recipe.evaluate.batch_size) for folder in (parent, run)]
    before, after = (predicted == split.labels for _, predicted in scored)  # (n,) each
    report = {
        "pruned_from": origin,
        "pruning": recipe.pruning.model_dump(mode="json"),
        "split": "validation",
        "n": len(split),
        "before": scored[0][0],
        "after": scored[1][0],
        "p_value": mcnemar_exact(int((before & ~after).sum()), int((after & ~before).sum())),
        "notices": list(dataset.notices),
    }
    with run.publish() as stage:
        write_json(stage.path / REPORT, report)
    return report


def _score(run: RunFolder, dataset: FaceDataset, batch_size: int) -> tuple[dict, np.ndarray]:
    """One side of the report, and the predicted classes (n,)."""
    model, split = load_run_model(run), dataset.splits["validation"]
    predicted = predict_probabilities(model, split.images, batch_size=batch_size).argmax(axis=1)  # (n,)
    correct = int((predicted == split.labels).sum())
    entry = {
        "accuracy": correct / len(split),
        "accuracy_ci95": list(wilson_interval(correct, len(split))),
        "sparsity": describe_sparsity(model),
        "bytes": compressed_sizes(model, dataset),
    }
    return entry, predicted


def compressed_sizes(model: keras.Model, dataset: FaceDataset) -> dict[str, dict[str, int]]:
    """Bytes of the weights and of two TFLite files, as they are (``raw``) and packed with gzip, level 9.

    Zeros take no less room in a file as it is; they save where it is stored or sent packed, as apps and web pages are.

    Args:
        model: ends in logits.
        dataset: its training faces calibrate the int8 file.
    """
    from ..export.model import as_float32
    from ..export.tflite.calibration import select_calibration_faces
    from ..export.tflite.convert import convert_tflite

    model, train = as_float32(model), dataset.splits["train"]
    faces = select_calibration_faces(train.images, train.labels)
    return {
        "weights_float32": _packed(b"".join(values.tobytes() for values in model.get_weights())),
        "model_float32.tflite": _packed(convert_tflite(model, "float32")),
        "model_int8.tflite": _packed(convert_tflite(model, "int8", calibration_faces=faces)),
    }


def _packed(content: bytes) -> dict[str, int]:
    return {"raw": len(content), "gzip": len(gzip.compress(content, 9, mtime=0))}
