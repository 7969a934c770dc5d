"""The files of ``evaluate --robustness``, beside those of the evaluation of the same split. No TensorFlow."""

from __future__ import annotations

import csv
import json
import shutil
import textwrap
from pathlib import Path

import numpy as np

from ...atomic_files import write_json
from ...datasets.synthetic.drawing import draw_faces
from ...imaging import resize_gray
from ...plotting.paper import in_every_format
from ...plotting.robustness import plot_robustness
from ...plotting.style import save_figure
from .corruptions import CORRUPTIONS

ROBUSTNESS = "robustness.json"
FILES = in_every_format((ROBUSTNESS, "robustness.csv", "robustness.png"))
COLUMNS = (
    *("corruption", "parameter", "value", "n", "accuracy", "accuracy_low", "accuracy_high", "macro_f1"),
    *("accuracy_drop", "accuracy_drop_low", "accuracy_drop_high", "macro_f1_drop"),
)
# What must be the same for results to belong to an evaluation.
_IDENTITY = ("split_sha256", "model_sha256", "tta")
# Label and seed of the drawn face that shows what each severity looks like.
_EXAMPLE = (5, 20150)


def write_robustness(folder: Path, name: str, result: dict) -> None:
    """Write ``robustness.json``, ``.csv`` and ``.png``, and the picture in the formats asked for.

    Args:
        folder: made where there is none.
        name: the run's, for the heading.
        result: of :func:`fer_keras.evaluation.robustness.measure.measure_robustness`.

    Raises:
        RunFolderError: the file system refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / ROBUSTNESS, result)
    _write_csv(folder / "robustness.csv", result)
    figure = plot_robustness(result, draw_examples(result["image_size"]), _title(name, result))
    save_figure(figure, folder / "robustness.png")


def carry_robustness(folder: Path, scratch: Path, identity: dict) -> None:
    """Copy the files from an earlier evaluation, if they are of the same faces and labels, model and views.

    Args:
        folder: of the earlier evaluation; may be missing.
        scratch: folder that takes its place.
        identity: ``split_sha256, model_sha256, tta`` of the new evaluation.
    """
    try:
        earlier = json.loads((folder / ROBUSTNESS).read_text(encoding="utf-8"))
        fits = all(earlier[key] == identity[key] for key in _IDENTITY)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # none there, or none that can be said to fit
        return
    for name in FILES:
        if fits and (folder / name).is_file():
            shutil.copy2(folder / name, scratch / name)


def draw_examples(side: int) -> dict[str, np.ndarray]:
    """A drawn face at each severity of each corruption, and as it is under ``""``.

    No face of a data set is shown, so the picture can be passed on.

    Returns:
        Corruption's name to (severities, side, side) uint8; ``""`` to (1, side, side).
    """
    label, seed = _EXAMPLE
    face = resize_gray(draw_faces(np.array([label]), seed)[0, ..., 0], side)[None, ..., None]  # (1, S, S, 1)
    examples = {"": face[..., 0]}
    for corruption in CORRUPTIONS:
        examples[corruption.name] = np.concatenate([corruption(face, v)[..., 0] for v in corruption.severities])
    return examples


def _write_csv(path: Path, result: dict) -> None:
    clean = result["clean"]
    # Inside the evaluation folder, which takes its place as a whole.
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        scores = [clean["accuracy"], *clean["accuracy_ci95"], clean["macro_f1"]]
        writer.writerow(["none", "", "", result["n"], *scores, 0, 0, 0, 0])
        for corruption in result["corruptions"]:
            for entry in corruption["severities"]:
                scores = [entry["accuracy"], *entry["accuracy_ci95"], entry["macro_f1"]]
                drops = [entry["accuracy_drop"], *entry["accuracy_drop_ci95"], entry["macro_f1_drop"]]
                place = [corruption["name"], corruption["parameter"], entry["value"], result["n"]]
                writer.writerow([*place, *scores, *drops])


def _title(name: str, result: dict) -> str:
    heading = f"{name} on damaged {result['split']} faces" + (" with flip TTA" if result["tta"] == "flip" else "")
    clean = result["clean"]["accuracy"]
    numbers = f"{result['dataset']}, n = {result['n']:,}   accuracy {clean:.1%} as they are"
    if result["mean_accuracy"] is not None:
        numbers += f", {result['mean_accuracy']:.1%} in the mean over the kinds of damage"
    notices = [line for notice in result["notices"] for line in textwrap.wrap(notice, 110)]
    return "\n".join([heading, numbers, *notices])
