"""Which exported file a model's name means, and the classes that belong to it."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from ..atomic_files import is_device
from ..errors import InputError, ModelFileError, RunFolderError
from ..export.contract import find_contract
from ..export.formats import LABELS
from ..export.seals import check_origin
from ..hub.places import SCHEME, fetch_run
from ..runs.named_runs import LAST, PACKAGED_RUNS, RUNS, find_run
from ..runs.run_folder import RunFolder

# What is taken of a run, in this order: on a CPU the 8-bit weights are the fastest file, and every kept file has passed
# the comparison with Keras.
PREFERRED = (
    "model_dynamic.tflite",
    "model_float32.tflite",
    "model_float16.tflite",
    "model_int8.tflite",
    "model.onnx",
    "savedmodel",
)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model file says about itself.

    Attributes:
        classes: names in the order of the probabilities.
        threshold: confidence below which an answer is called uncertain; None where the run has none.
        run: name of the run folder that it comes from; empty where unknown.
        model_sha256: of that run's ``model.keras``; empty where unknown.
        notice: what a user should know of it; empty for nothing.
    """

    classes: tuple[str, ...]
    threshold: float | None = None
    run: str = ""
    model_sha256: str = ""
    notice: str = ""


@contextlib.contextmanager
def open_model(model: Path | str | None) -> Iterator[Path]:
    """Yield the file or folder to load; for None the first model that comes with the package.

    Args:
        model: run folder or its name in ``saved_models`` (its first export in the order of ``PREFERRED``; the folder
            itself where it has none), ``last``, ``.tflite`` or ``.onnx`` file, SavedModel
            folder, or the name of a run in the package, where no file or folder has that name.

    Raises:
        InputError: nothing of that kind there.
        RunFolderError: ``last``, and there is no run.
    """
    name = PACKAGED_RUNS[0] if model is None else str(model)
    if name.startswith(SCHEME):
        yield find_export(fetch_run(name))
        return
    if name not in PACKAGED_RUNS or (model is not None and Path(model).exists()):
        yield find_export(find_run(name) if _is_run_name(name) else Path(name))
        return
    file = packaged_file(name)
    if not file.is_file():
        raise InputError(f"this installation holds no file of {name}", hint="Reinstall it, or give --model")
    with importlib.resources.as_file(file) as path:
        yield path


def _is_run_name(name: str) -> bool:
    """Whether a name that is no path means a run in ``saved_models``."""
    return not Path(name).exists() and (name == LAST or (RUNS / name / "recipe.yaml").is_file())


def packaged_file(run: str) -> Traversable:
    """The exported file of a run in the package, whether it is there or not."""
    return importlib.resources.files("fer_keras_saved_models").joinpath(run, "exports", PREFERRED[0])


def packaged_models() -> list[dict]:
    """What is in this installation, the default first: paths of file, labels and contract; bytes and classes."""
    found = []
    for name in PACKAGED_RUNS:
        folder = importlib.resources.files("fer_keras_saved_models").joinpath(name, "exports")
        file, labels, contract = (folder.joinpath(part) for part in (PREFERRED[0], LABELS, "contract.json"))
        if file.is_file() and labels.is_file() and contract.is_file():
            row = {"name": name, "file": str(file), "labels": str(labels), "contract": str(contract)}
            size = len(file.read_bytes())
            found.append({**row, "bytes": size, "classes": labels.read_text(encoding="utf-8").splitlines()})
    return found


def find_export(path: Path) -> Path:
    """Return the exported file that a path given by the user means; a run without exports is the run itself.

    Raises:
        InputError, RunFolderError: see :func:`open_model`.
    """
    run = RunFolder(path)
    if run.recipe.is_file():
        return _export_of_run(run)
    allowed = f"a run folder, a .tflite or .onnx file, a SavedModel folder, or {', '.join(PACKAGED_RUNS)}"
    if not path.exists():
        raise InputError("no such model", allowed=allowed, received=str(path))
    if is_device(path):
        raise InputError("a pipe or a device is no model", allowed=allowed, received=str(path))
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        raise InputError("this folder is no run and no SavedModel", allowed=allowed, received=str(path))
    if path.suffix == ".keras":
        hint = "Give the run's folder, after: fer-keras export RUN"
        raise InputError("a .keras file is not run directly", allowed=allowed, received=str(path), hint=hint)
    return path


def _export_of_run(run: RunFolder) -> Path:
    found = next((run.exports / name for name in PREFERRED if (run.exports / name).exists()), None)
    if found is None and not run.model.is_file():
        raise RunFolderError(f"run {run.path} has no exports", hint=f"Write them: fer-keras export {run.path}")
    return run.path if found is None else found


def read_card(path: Path) -> ModelCard:
    """Read the classes of an export: from its contract, else from the ``labels.txt`` of its folder.

    Call it after the file has been loaded, which checks that it is whole.

    Raises:
        ModelFileError: no class names anywhere, or the export is not of its run's present model.
    """
    contract = find_contract(path)
    classes = tuple(contract.get("classes") or _read_labels(path))
    uncertain = contract.get("uncertain") or {}
    model_sha256, threshold = str(contract.get("model_sha256") or ""), uncertain.get("threshold")
    check_origin(path, model_sha256)
    older = _is_older_than_calibration(path, contract.get("temperature"), threshold)
    notice = f"{path} is older than the calibration of its run: export again, fer-keras export RUN" if older else ""
    return ModelCard(classes, threshold, contract.get("run", ""), model_sha256, notice)


def _is_older_than_calibration(path: Path, temperature: float | None, threshold: float | None) -> bool:
    run = RunFolder(path.parent.parent)
    if temperature is None or not (run.recipe.is_file() and run.calibration.is_file()):
        return False
    try:
        found = json.loads(run.calibration.read_text(encoding="utf-8"))
        return (found["temperature"], found["threshold"]) != (temperature, threshold)
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{run.calibration} is damaged", hint=f"fer-keras calibrate {run.path}") from error


def _read_labels(path: Path) -> list[str]:
    for labels in (path / "assets" / LABELS, path.parent / LABELS):
        if labels.is_file():
            return labels.read_text(encoding="utf-8").splitlines()
    raise ModelFileError(
        f"{path} carries no class names", hint=f"Put a {LABELS} beside it: one name a line, in the model's order"
    )
