"""The user's own labelled pictures, scored by every network. TensorFlow only where a run has no usable TFLite file."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..emotions import FACE_SIZE, canonical_emotion
from ..errors import DataError
from ..export.exported_model import load_exported
from ..export.run_export import read_classes
from ..imaging import decode_gray, read_image_file, resize_gray
from ..metrics.scores import wilson_interval
from .run_summary import RunSummary

MAX_PICTURES = 200
FEW = 400  # below it the 95 % interval of an accuracy is wider than some ten points
HOW_SCORED = (
    "No face detection: each whole picture is turned gray and resized to what a network takes (48 x 48 for most), "
    "whatever its shape. Crop to the face first, as in the training data."
)


@dataclass(frozen=True)
class Picture:
    """One readable picture.

    Attributes:
        file: path below the folder.
        label: class name.
        sides: by side S in pixels, (S, S, 1) uint8: what a network for faces of that side sees.
    """

    file: str
    label: str
    sides: Mapping[int, np.ndarray]

    @property
    def pixels(self) -> np.ndarray:
        """The smallest of them, for people."""
        return self.sides[min(self.sides)]


def read_pictures(
    folder: Path | str, classes: Sequence[str], sides: Collection[int] = (FACE_SIZE,)
) -> tuple[list[Picture], list[dict]]:
    """Read pictures whose class is the name of their sub-folder, or the beginning of their file name.

    Args:
        folder: holds ``happy/a.jpg`` or ``happy_01.jpg``; at most 200 pictures.
        classes: names that a label may have.
        sides: of the faces that the networks take, in pixels.

    Returns:
        The readable pictures in the order of their paths, and ``file`` and ``reason`` of each other file.

    Raises:
        DataError: no such folder, nothing in it, too much in it, or not one usable picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder of pictures", allowed="one sub-folder per class, or class_name.jpg")
    files = sorted(path for path in (*folder.glob("*"), *folder.glob("*/*")) if _counts(path, folder))
    if not 1 <= len(files) <= MAX_PICTURES:
        raise DataError(f"cannot score {folder}", allowed=f"1 to {MAX_PICTURES} pictures", received=f"{len(files)}")
    pictures, unusable = [], []
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            pictures.append(Picture(name, _label(path, folder, classes), _read_pixels(path, sides)))
        except DataError as error:
            unusable.append({"file": name, "reason": str(error)})
    if not pictures:
        first = unusable[0]
        raise DataError(f"no usable picture in {folder}", received=f"{first['file']}: {first['reason']}")
    return pictures, unusable


def _counts(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _label(path: Path, folder: Path, classes: Sequence[str]) -> str:
    if path.parent != folder:
        return canonical_emotion(path.parent.name, tuple(classes))
    found = re.match(r"[A-Za-z]+", path.stem)
    if found is None:
        raise DataError("its name does not begin with a class", allowed=", ".join(classes))
    return canonical_emotion(found[0], tuple(classes))


def _read_pixels(path: Path, sides: Collection[int]) -> dict[int, np.ndarray]:
    gray = decode_gray(read_image_file(path))  # (h, w)
    return {side: resize_gray(gray, side)[..., None] for side in sides}


def side_of(run: RunSummary) -> int:
    """Side in pixels of the faces that a run's network takes."""
    return run.record.get("image_size", FACE_SIZE)


def runs_on_keras(run: RunSummary) -> bool:
    """Whether a run is scored with ``model.keras``: no float32 TFLite file of this model, or no LiteRT."""
    return "tflite_float32" not in run.sizes or importlib.util.find_spec("ai_edge_litert") is None


def all_classes(runs: Sequence[RunSummary]) -> list[str]:
    """Class names of all runs, each once.

    Raises:
        RunFolderError: a ``run.json`` does not tell them.
    """
    return list(dict.fromkeys(name for run in runs for name in read_classes(run.folder)))


def score_pictures(
    runs: Sequence[RunSummary], folder: Path | str, pictures: Sequence[Picture], unusable: Sequence[dict]
) -> dict:
    """Score every picture with every run.

    Args:
        runs: of the comparison.
        folder: shown by its name.
        pictures: from :func:`read_pictures`.
        unusable: from there too.

    Returns:
        ``folder, n, how, warning, unusable``, ``networks`` (per run ``runtime, n, correct, accuracy,
        accuracy_ci95``) and ``pictures`` (per picture ``file, label`` and by run ``predicted, probability,
        correct``). A picture of a class that a network lacks is not counted for it: ``correct`` is None.

    Raises:
        ModelFileError: a model cannot be loaded.
        RunFolderError: the classes of a run are not known.
    """
    rows: list[dict] = [{"file": picture.file, "label": picture.label, "results": {}} for picture in pictures]
    networks = []
    for run in runs:
        predict, runtime = _load(run)
        images = np.stack([picture.sides[side_of(run)] for picture in pictures])  # (n, S, S, 1)
        probabilities, classes = predict(images), read_classes(run.folder)  # (n, classes)
        for row, values in zip(rows, probabilities, strict=True):
            row["results"][run.name] = _result(row["label"], classes, values)
        networks.append({"run": run.name, "runtime": runtime, **_count([row["results"][run.name] for row in rows])})
    return {
        "folder": Path(folder).resolve().name,
        "n": len(pictures),
        "how": HOW_SCORED,
        "warning": _warning(len(pictures)),
        "unusable": list(unusable),
        "networks": networks,
        "pictures": rows,
    }


def _load(run: RunSummary) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    if not runs_on_keras(run):
        exported = load_exported(run.folder.exports / "model_float32.tflite", trust=True)
        return exported, f"TFLite float32, {exported.runtime}"
    import keras

    from ..evaluation.prediction import load_run_model, predict_probabilities

    model = load_run_model(run.folder)
    runtime = f"model.keras, keras {keras.__version__}"
    return lambda images: predict_probabilities(model, images, batch_size=64), runtime


def _result(label: str, classes: Sequence[str], probabilities: np.ndarray) -> dict:
    best = int(probabilities.argmax())
    correct = classes[best] == label if label in classes else None
    return {"predicted": classes[best], "probability": float(probabilities[best]), "correct": correct}


def _count(results: Sequence[dict]) -> dict:
    known = [result["correct"] for result in results if result["correct"] is not None]
    n, correct = len(known), sum(known)
    interval = list(wilson_interval(correct, n)) if n else None
    return {"n": n, "correct": correct, "accuracy": correct / n if n else None, "accuracy_ci95": interval}


def _warning(n: int) -> str:
    if n >= FEW:
        return ""
    low, high = wilson_interval(round(n / 2), n)
    return (
        f"{n} picture{'s' if n > 1 else ''} say little: at half of them right, the 95 % interval reaches from "
        f"{low:.0%} to {high:.0%}. This is a look, not a measurement."
    )
