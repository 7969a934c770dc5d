"""Image files in, pictures of their heat maps out. TensorFlow is imported when the model runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic_files import atomic_folder, write_json
from ..datasets.sources.image_tree import list_images
from ..errors import DataError, InputError, RunFolderError, nearest_hint
from ..evaluation.calibration.record import read_calibration
from ..evaluation.prediction import load_run_model
from ..imaging import decode_gray, read_image_file, resize_gray
from ..plotting.explanation import plot_contact_sheet, plot_explanation
from ..plotting.style import save_figure
from ..runs.records import read_run_json
from ..runs.run_folder import RunFolder
from .grad_cam import Explanation, explain

PREDICTED = "predicted"
MAX_IMAGES = 500
# Faces on the contact sheet; the pictures of the others are beside it.
ON_SHEET = 60
TOP = 3


@dataclass(frozen=True)
class Faces:
    """Image files as a network sees them.

    Attributes:
        files: n paths.
        images: (n, S, S, 1) uint8; whole pictures, gray, stretched to a square.
        unreadable: ``file`` and ``reason`` of each other file.
    """

    files: list[Path]
    images: np.ndarray
    unreadable: list[dict]


def find_images(paths: Sequence[Path | str]) -> list[Path]:
    """Return files as given, and for a folder the images in it and below, by their suffix, sorted.

    Raises:
        DataError: nothing there, or more than 500 images.
    """
    files = []
    for path in map(Path, paths):
        files += sorted(filter(Path.is_file, list_images(path))) if path.is_dir() else [path]
    files = list(dict.fromkeys(files))
    if not 1 <= len(files) <= MAX_IMAGES:
        raise DataError("no such number of images can be explained", allowed=f"1 to {MAX_IMAGES}", received=len(files))
    return files


def read_faces(files: Sequence[Path], side: int) -> Faces:
    """Decode files and resize each whole picture to ``side`` x ``side``; there is no face detection.

    Raises:
        DataError: not one of the files is an image.
    """
    images, readable, unreadable = [], [], []
    for path in files:
        try:
            images.append(resize_gray(decode_gray(read_image_file(path)), side))
            readable.append(path)
        except DataError as error:
            unreadable.append({"file": str(path), "reason": str(error)})
    if not images:
        first = unreadable[0]
        raise DataError(f"no usable image: {first['file']}: {first['reason']}")
    return Faces(readable, np.stack(images)[..., None], unreadable)


def explain_files(
    run: RunFolder,
    paths: Sequence[Path | str],
    output: Path | str,
    *,
    target: str = PREDICTED,
    layer: str | None = None,
) -> dict:
    """Write a picture per image file (face, heat map, overlay, probabilities), one sheet, and ``explanation.json``.

    Probabilities are calibrated where the run is.

    Args:
        run: a finished run, opened and verified by the caller.
        paths: image files, or folders of them; each whole picture is taken as the crop of one face.
        output: new or empty folder.
        target: ``predicted``, or the class that every map is about.
        layer: see :func:`fer_keras.explanation.grad_cam.explain`.

    Returns:
        The content of ``explanation.json``: ``run, method, layer, resolution, temperature, images`` (per image ``file,
        picture, about, probabilities`` of the three most probable classes, ``strength``) and ``unreadable``.

    Raises:
        InputError: unknown class or layer, a network without convolutions, another backend than TensorFlow.
        DataError: no usable image.
        RunFolderError: the output folder is not empty or cannot be written, or a damaged run.
        ModelFileError: the model cannot be loaded or puts out no finite numbers.
    """
    check_empty(Path(output))
    classes = _read_classes(run)
    about = None if target == PREDICTED else _class_index(target, classes)
    files = find_images(paths)
    calibration = read_calibration(run)
    model = load_run_model(run)
    faces = read_faces(files, model.input_shape[1])
    temperature = 1.0 if calibration is None else calibration.temperature
    found = explain(model, faces.images, about, layer, temperature=temperature)
    document = {
        "run": run.path.resolve().name,
        "method": "Grad-CAM, Selvaraju et al. 2017, arXiv:1610.02391",
        "layer": found.layer,
        "resolution": list(found.resolution),
        "temperature": temperature,
        "images": _rows(faces, found, classes),
        "unreadable": faces.unreadable,
    }
    with atomic_folder(Path(output)) as folder:
        _write(folder, document, faces, found)
    return document


def check_empty(folder: Path) -> None:
    """Refuse a place where something lies already.

    Raises:
        RunFolderError: a file, or a folder that is not empty.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RunFolderError(f"{folder} exists already", hint="Give another --output")


def _read_classes(run: RunFolder) -> list[str]:
    classes = read_run_json(run).get("classes")
    if not isinstance(classes, list):
        raise RunFolderError(f"{run.run_json} does not tell the classes", hint="Train or import the run again")
    return [str(name) for name in classes]


def _class_index(name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        allowed = ", ".join((PREDICTED, *classes))
        raise InputError("unknown class", allowed=allowed, received=repr(name), hint=nearest_hint(name, classes))
    return classes.index(name)


def _rows(faces: Faces, found: Explanation, classes: Sequence[str]) -> list[dict]:
    rows = []
    for number, path in enumerate(faces.files):
        p = found.probabilities[number]
        top = np.argsort(-p, kind="stable")[:TOP]
        rows.append(
            {
                "file": str(path),
                "picture": f"{number + 1:03d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', path.stem)[:60]}.png",
                "about": classes[found.class_index[number]],
                "probabilities": {classes[i]: float(p[i]) for i in top},
                "strength": float(found.strength[number]),
            }
        )
    return rows


def _write(folder: Path, document: dict, faces: Faces, found: Explanation) -> None:
    height, width = found.resolution
    source = f"Grad-CAM of {document['run']} at {found.layer} ({height}x{width})"
    for row, face, heatmap in zip(document["images"], faces.images[..., 0], found.heatmaps, strict=True):
        title = f"{Path(row['file']).name[:60]}\n{source}"
        figure = plot_explanation(face, heatmap, list(row["probabilities"].items()), row["about"], title)
        save_figure(figure, folder / row["picture"])
    captions = [_caption(row) for row in document["images"][:ON_SHEET]]
    title = f"{len(faces.files)} image{'s' if len(faces.files) > 1 else ''}\n{source}; each map has its own scale"
    if len(faces.files) > ON_SHEET:
        title += f"; the first {ON_SHEET}"
    sheet = plot_contact_sheet(faces.images[:ON_SHEET, ..., 0], found.heatmaps[:ON_SHEET], captions, title)
    save_figure(sheet, folder / "contact_sheet.png")
    write_json(folder / "explanation.json", document)


def _caption(row: dict) -> str:
    name, (best, p) = Path(row["file"]).name, next(iter(row["probabilities"].items()))
    about = "" if row["about"] == best else f"; map: {row['about']}"
    return f"{name if len(name) <= 30 else name[:27] + '...'}\n{best} {p:.0%}{about}"
