"""Everything of one run folder that a comparison needs, read and checked. No TensorFlow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..benchmark.latency import FILES, RESULT
from ..errors import RunFolderError
from ..evaluation.origin import report_suffix
from ..export.formats import size_in_bytes
from ..recipe.recipe import load_yaml_file, make_recipe
from ..runs.history import best_row, read_history
from ..runs.manifest import file_sha256
from ..runs.run_folder import RunFolder
from .predictions import Evaluation, read_evaluation

TTAS = ("none", "flip")


class BenchmarkRow(BaseModel):
    """One measurement of ``benchmark.json``; ``threads`` 0 is all."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    format: str
    batch: int
    threads: int
    median_ms: float
    p90_ms: float
    faces_per_second: float


class Benchmark(BaseModel):
    """``benchmark.json``, as far as it is shown."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    hardware: dict
    rows: list[BenchmarkRow]


@dataclass(frozen=True)
class RunSummary:
    """One finished run.

    Attributes:
        name: unique within the comparison.
        folder: opened and verified.
        record: content of ``run.json``; empty when the run has none.
        recipe: sections of ``recipe.yaml`` with every default filled in, so that runs of older versions compare.
        history: epochs, or empty (an imported model was not trained here).
        evaluations: by test-time augmentation, ``none`` before ``flip``; absent where the split was not evaluated.
        sizes: bytes by format, of the files that are there and belong to the model.
        parity: entries of ``exports/parity.json`` by file name.
        stale_exports: the exports are of another ``model.keras``.
        benchmark: content of ``benchmark.json``, or None.
    """

    name: str
    folder: RunFolder
    record: dict
    recipe: dict
    history: list[dict[str, float]]
    evaluations: dict[str, Evaluation]
    sizes: dict[str, int]
    parity: dict[str, dict]
    stale_exports: bool
    benchmark: Benchmark | None

    @property
    def dataset(self) -> dict:
        """The data set it was trained on, as in ``run.json``; empty when not recorded."""
        found = self.record.get("dataset")
        return found if isinstance(found, dict) else {}

    @property
    def is_synthetic(self) -> bool:
        scored = [evaluation.metrics.dataset for evaluation in self.evaluations.values()]
        return "synthetic" in (self.dataset.get("name"), *scored)

    @property
    def monitor(self) -> str:
        train = self.recipe.get("train") or {}
        return self.record.get("monitor") or train.get("monitor") or "val_accuracy"

    def best_epoch(self) -> dict[str, float] | None:
        """The row of the history that the model was taken from."""
        place = best_row(self.history, self.monitor) if self.history else None
        return None if place is None else self.history[place]


def read_run(path: Path, name: str, split: str) -> RunSummary:
    """Open, verify and read one run.

    Raises:
        RunFolderError: no finished run, or a file of it is not what the contract says.
        ModelFileError: a file differs from the manifest.
        DataError: a damaged table.
        ConfigError: a recipe that this version cannot read.
    """
    folder = RunFolder.open(path)
    parity, stale = _read_parity(folder)
    found = {tta: read_evaluation(folder.evaluation(split, report_suffix(tta)), split, tta) for tta in TTAS}
    return RunSummary(
        name=name,
        folder=folder,
        record=_read_object(folder.run_json) or {},
        recipe=make_recipe(load_yaml_file(folder.recipe), where=str(folder.recipe)).model_dump(mode="json"),
        history=read_history(folder.history) if folder.history.is_file() else [],
        evaluations={tta: evaluation for tta, evaluation in found.items() if evaluation is not None},
        sizes=_sizes(folder, stale),
        parity=parity,
        stale_exports=stale,
        benchmark=_read_benchmark(folder.path / RESULT),
    )


def _read_object(path: Path) -> dict | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{path} holds no JSON object", received=type(content).__name__)
    return content


def _read_parity(folder: RunFolder) -> tuple[dict[str, dict], bool]:
    """Parity entries by file name, and whether they speak of another model than ``model.keras``."""
    report = _read_object(folder.exports / "parity.json")
    if report is None:
        return {}, False
    entries = report.get("exports")
    if not isinstance(entries, dict) or not all(isinstance(e, dict) and "file" in e for e in entries.values()):
        raise RunFolderError(f"{folder.exports / 'parity.json'} is not what 'fer-keras export' writes")
    if report.get("model_sha256") not in (None, file_sha256(folder.model)):
        return {}, True
    return {entry["file"]: entry for entry in entries.values()}, False


def _sizes(folder: RunFolder, stale: bool) -> dict[str, int]:
    wanted = {"keras": FILES["keras"]} if stale else FILES
    paths = {name: folder.path / place for name, place in wanted.items()}
    return {name: size_in_bytes(path) for name, path in paths.items() if path.exists()}


def _read_benchmark(path: Path) -> Benchmark | None:
    content = _read_object(path)
    try:
        return None if content is None else Benchmark.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(f"{path}: '{where}': {first['msg']}", hint="Run 'fer-keras benchmark' again") from error
