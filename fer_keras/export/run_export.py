"""Export of a finished run into its ``exports`` folder: all formats asked for, proven, or none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, RunFolderError, nearest_hint
from ..run_folder import RunFolder, atomic_folder, file_sha256, write_json, write_text
from .labels import LABELS, check_classes, labels_text
from .parity import MAX_FACES, check_parity, require_parity
from .predictors import check_images

if TYPE_CHECKING:
    import keras

# Format name to the name of its file or folder in ``exports``.
FORMATS = {"savedmodel": "savedmodel", "tflite": "model_float32.tflite", "torch": "model_torch.pth"}
# What a format writes beside it.
COMPANIONS = {"torch": ("model_torch.py",)}
PARITY = "parity.json"


def export_run(
    run: RunFolder, formats: Sequence[str] = ("savedmodel", "tflite"), *, images: np.ndarray | None = None
) -> dict:
    """Export the model of a run and prove each file against Keras before any of them is kept.

    The whole ``exports`` folder is prepared aside and then takes the place of the old one, so that its files always
    belong together. Formats that were not asked for are kept as they are.

    Args:
        run: a finished run.
        formats: names from ``FORMATS``.
        images: (n, 48, 48, 1) uint8 faces, or of the model's side, for the parity check, at most 256 are used. Without
            faces it runs on random pixels, and the report says so.

    Returns:
        The content of ``parity.json``: ``model_sha256`` and ``exports``, which maps each format to the entry of
        :func:`fer_keras.export.parity.check_parity` plus ``images`` (``given faces`` or ``random pixels``).

    Raises:
        InputError: unknown format or unusable images.
        ModelFileError: a file differs from Keras by more than the tolerance, or the model cannot be exported.
        RunFolderError: the run is damaged, cannot be written, or keeps exports of an earlier model.
    """
    names = check_formats(formats)
    classes, model = read_classes(run), _load_model(run)
    faces, kind = _parity_faces(images, model)
    sha256 = file_sha256(run.model)
    with atomic_folder(run.exports) as folder:
        kept = _carry_over(run, folder, names, sha256)
        paths = _write(model, classes, folder, names)
        entries = check_parity(model, paths, faces)
        require_parity(entries)
        report = {"model_sha256": sha256, "exports": kept | {k: v | {"images": kind} for k, v in entries.items()}}
        write_json(folder / PARITY, report)
    run.write_manifest()
    return report


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats without repetitions.

    Raises:
        InputError: none at all, or an unknown one (with the nearest valid name).
    """
    names = tuple(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    for name in names or ("",):
        if name not in FORMATS:
            hint = nearest_hint(name, FORMATS)
            raise InputError("unknown export format", allowed=", ".join(FORMATS), received=repr(name), hint=hint)
    return names


def read_classes(run: RunFolder) -> tuple[str, ...]:
    """Return the class names from ``run.json``, in the order of the logits.

    Raises:
        RunFolderError: the file or its key ``classes`` is missing or unreadable.
    """
    try:
        classes = json.loads(run.run_json.read_text(encoding="utf-8"))["classes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"cannot read the class names from {run.run_json}") from error
    if not isinstance(classes, list):
        raise RunFolderError(f"'classes' in {run.run_json} is no list", received=repr(classes))
    return tuple(classes)


def _parity_faces(images: np.ndarray | None, model: keras.Model) -> tuple[np.ndarray, str]:
    size = model.input_shape[1]
    if images is None:
        shape = (MAX_FACES, size, size, 1)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), "random pixels"
    check_images(images, size)
    return images, "given faces"


def _load_model(run: RunFolder) -> keras.Model:
    from ..evaluation import load_run_model
    from .precision import as_float32

    return as_float32(load_run_model(run))


def _write(model: keras.Model, classes: tuple[str, ...], folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    from .savedmodel import check_model, export_savedmodel
    from .tflite import export_tflite

    check_model(model)
    check_classes(classes, model.output_shape[-1])
    write_text(folder / LABELS, labels_text(classes))
    paths = {name: folder / FORMATS[name] for name in names}
    if "savedmodel" in paths:
        export_savedmodel(model, classes, paths["savedmodel"])
    if "tflite" in paths:
        export_tflite(model, paths["tflite"])
    if "torch" in paths:
        from .torch_file import export_torch

        export_torch(model, classes, paths["torch"])
    return paths


def _carry_over(run: RunFolder, folder: Path, names: tuple[str, ...], sha256: str) -> dict[str, dict]:
    """Copy exports that are not rewritten, and return their parity entries; they must be of the same model."""
    replaced = {file for name in names for file in (FORMATS[name], *COMPANIONS.get(name, ()))} | {LABELS, PARITY}
    found = sorted(run.exports.iterdir()) if run.exports.is_dir() else []
    kept = [path for path in found if path.name not in replaced and not path.name.startswith(".")]
    previous = _previous_report(run) if kept else {}
    if kept and previous.get("model_sha256") != sha256:
        raise RunFolderError(
            f"{run.exports} keeps exports of another model: {', '.join(path.name for path in kept)}",
            hint="Export those formats in the same command, or remove them",
        )
    for path in kept:
        shutil.copytree(path, folder / path.name) if path.is_dir() else shutil.copy2(path, folder / path.name)
    files = {path.name for path in kept}
    return {name: entry for name, entry in previous.get("exports", {}).items() if entry["file"] in files}


def _previous_report(run: RunFolder) -> dict:
    try:
        return json.loads((run.exports / PARITY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # without a report the origin of the files is unknown, which the caller refuses
