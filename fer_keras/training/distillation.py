"""What a finished run answers on the pictures that another learns from (Hinton et al. 2015, arXiv:1503.02531).

Teacher and student see the same augmented picture (Beyer et al. 2022, arXiv:2106.05237). Augmentation is a pure
function of (seed, epoch, index), so the teacher answers a number of augmented epochs, its views, once; they are kept
in the cache and cycled, every other time in the mirror, and a step costs what it costs without a teacher.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..atomic_files import atomic_path
from ..augmentation.batch import augment_batch
from ..datasets.copies.duplicates import face_digests
from ..datasets.faces import FaceDataset
from ..datasets.loading import default_cache_dir
from ..errors import ConfigError, InputError
from ..evaluation.origin import trained_sha256
from ..evaluation.prediction import check_class_names, check_outputs, load_run_model, predict_views
from ..evaluation.seen_faces import read_digests
from ..metrics.scores import softmax
from ..recipe.augmentation import AugmentationSection
from ..recipe.recipe import Recipe
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from ..runs.run_record import describe_source
from .balance import Selection, select_faces

# Raised whenever an augmented picture changes for the same options: answers in caches are of the pictures before.
PICTURES = 1
# Views are those of this seed whatever the seed of the run, so that runs of several seeds share them.
VIEW_SEED = 0
# What the teacher does not see. Mixup mixes answers as it mixes labels; a picture that a camera has damaged means what
# the undamaged one meant, and that one the teacher knows.
UNSEEN = {"mixup": 0.0, "blur": 0.0, "low_resolution": 0.0, "noise": 0.0}
_BATCH = 256


@dataclass(frozen=True)
class Teacher:
    """A finished run and its answers.

    Attributes:
        description: what ``run.json`` of the student says of it.
        logits: (views, m, classes) float16, of the m faces of an epoch.
        validation: (n, classes) float16, of the validation faces as they are.
    """

    description: dict
    logits: np.ndarray
    validation: np.ndarray

    def softened(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities (..., classes) float32 at the temperature of the recipe."""
        return softmax(logits.astype(np.float64) / self.description["temperature"]).astype(np.float32)


def find_teacher(name: str, beside: RunFolder) -> RunFolder:
    """Open the run that a recipe names: a path, or the name of a folder beside the student's.

    Raises:
        ConfigError: there is none.
        RunFolderError, ModelFileError: it is not finished, or was changed.
    """
    for place in (Path(name), beside.path.parent / name):
        if place.is_dir():
            return RunFolder.open(place)
    raise ConfigError(
        f"distill.teacher={name}: there is no such run folder",
        allowed=f"the path of a finished run, or its name in {beside.path.parent}",
    )


def ask_teacher(
    recipe: Recipe,
    dataset: FaceDataset,
    run: RunFolder,
    on_view: Callable[[str, int, int], None],
    check: Callable[[], None] = lambda: None,
) -> Teacher | None:
    """Return the teacher's answers, computed or from the cache; None for a recipe without a teacher.

    Args:
        recipe: with its ``distill`` section.
        dataset: that the student learns from.
        run: of the student.
        on_view: told the teacher's name and how many views of how many it has answered.
        check: called after each batch; what it raises ends the answering.

    Raises:
        ConfigError: no such run.
        InputError: a teacher of other classes or another side, or one that has learned from faces which the student
            is to be scored on.
        RunFolderError, ModelFileError: its folder cannot be used.
    """
    if recipe.distill.teacher is None:
        return None
    teacher = find_teacher(recipe.distill.teacher, run)
    record = read_run_json(teacher)
    check_class_names(record.get("classes"), dataset)
    notices = _refuse_one_that_knows_the_answers(teacher, record, dataset)
    description = {
        **describe_source(teacher, record),
        "trained_on_sha256": trained_sha256(record),
        **recipe.distill.model_dump(exclude={"teacher"}),
        "notices": notices,
    }
    logits, validation = _answers(recipe, dataset, teacher, description, on_view, check)
    return Teacher(description, logits, validation)


def _refuse_one_that_knows_the_answers(teacher: RunFolder, record: dict, dataset: FaceDataset) -> list[str]:
    """Refuse a teacher whose training held validation or test faces that the student's own training does not hold."""
    if trained_sha256(record) == dataset.sha256:
        return []
    name = teacher.path.resolve().name
    if not teacher.training_faces.is_file():
        teacher.check(teacher.training_faces)
        return [f"nobody knows which faces the teacher {name} was trained on: it may know validation and test faces"]
    known = np.setdiff1d(read_digests(teacher), face_digests(dataset.splits["train"].images))
    for split in ("validation", "test"):
        seen = int(np.isin(face_digests(dataset.splits[split].images), known).sum())
        if seen:
            raise InputError(
                f"the teacher {name} was trained on {seen:,} faces of the {split} split, and on other data than these",
                hint="Train a teacher on the same data; scores of its student would be of faces that it was told about",
            )
    return []


def _answers(recipe, dataset, teacher: RunFolder, description: dict, on_view, check) -> tuple[np.ndarray, np.ndarray]:
    """Answers of all views and of the validation faces; what the cache lacks is computed, view by view."""
    selection = select_faces(dataset.splits["train"].labels, recipe)
    folder = default_cache_dir() / "teachers" / _key(recipe, dataset, selection, description["model_sha256"])

    @cache
    def model() -> keras.Model:
        opened = load_run_model(teacher)
        check_outputs(opened, dataset)
        return opened

    validation = _cached(folder / "validation.npy", partial(_validation_logits, model, dataset))
    views = []
    for view in range(recipe.distill.views):
        on_view(description["run"], view, recipe.distill.views)
        answer = partial(_view_logits, model, dataset, recipe.augmentation, selection, view, check)
        views.append(_cached(folder / f"view-{view:04d}.npy", answer))
    on_view(description["run"], recipe.distill.views, recipe.distill.views)
    return np.stack(views), validation


def _key(recipe: Recipe, dataset: FaceDataset, selection: Selection, teacher_sha256: str) -> str:
    """Name of the folder in the cache: everything that the answers follow from, but not how many there are."""
    faces = hashlib.sha256(selection.rows.tobytes() + selection.indices.tobytes()).hexdigest()
    options = recipe.augmentation.model_dump(mode="json", exclude=set(UNSEEN))
    facts = [PICTURES, VIEW_SEED, teacher_sha256, dataset.sha256, faces, options]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _cached(path: Path, compute: Callable[[], np.ndarray]) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there, or damaged: computed again
        logits = compute().astype(np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as scratch, open(scratch, "wb") as handle:
        np.save(handle, logits)
    return logits


def _validation_logits(model: Callable[[], keras.Model], dataset: FaceDataset) -> np.ndarray:
    return predict_views(model(), dataset.splits["validation"].images, batch_size=_BATCH)[0]


def _view_logits(
    model: Callable[[], keras.Model],
    dataset: FaceDataset,
    options: AugmentationSection,
    selection: Selection,
    view: int,
    check: Callable[[], None],
) -> np.ndarray:
    """Logits (m, classes) of the faces of an epoch as they are augmented in epoch ``view``."""
    network, images, size = model(), dataset.splits["train"].images, min(_BATCH, len(selection))

    def answer(start: int) -> np.ndarray:
        check()
        rows, indices = (part[start : start + size] for part in (selection.rows, selection.indices))
        count = len(rows)
        rows, indices = np.resize(rows, size), np.resize(indices, size)  # one graph serves all batches
        keys = np.stack([np.full(size, VIEW_SEED), np.full(size, view), indices], axis=1)
        pictures = teacher_pictures(tf.constant(images[rows]), tf.constant(keys), options)
        return np.asarray(network.predict_on_batch(pictures.numpy()))[:count]

    return np.concatenate([answer(start) for start in range(0, len(selection), size)])


def teacher_pictures(images: tf.Tensor, keys: tf.Tensor, options: AugmentationSection) -> tf.Tensor:
    """Augment a batch as the student sees it, undamaged, at the side that the teacher takes: (B, S, S, C) float32.

    Where the student sees a crop, the teacher sees the same pixels and the part of the face around them.
    """
    nothing = tf.zeros([tf.shape(images)[0], 1])
    options = options.model_copy(update=UNSEEN)
    seen, _ = augment_batch(images, nothing, keys, options)
    if not options.crop:
        return seen
    whole, _ = augment_batch(images, nothing, keys, options.model_copy(update={"crop": 0}))
    rest = images.shape[1] - seen.shape[1]
    border = [[0, 0], [rest // 2, rest - rest // 2], [rest // 2, rest - rest // 2], [0, 0]]
    return tf.where(tf.pad(tf.ones_like(seen), border) > 0, tf.pad(seen, border), whole)
