"""Everything of one run folder that a comparison needs, read and checked. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..benchmark.latency import FILES
from ..evaluation.origin import report_suffix
from ..export.formats import size_in_bytes
from ..recipe.recipe import load_yaml_file, make_recipe
from ..runs.history import best_row, read_history
from ..runs.manifest import file_sha256
from ..runs.records import Benchmark, read_benchmark, read_parity, read_run_json
from ..runs.run_folder import RunFolder
from .predictions import Evaluation, read_evaluation

TTAS = ("none", "flip")


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
        ModelFileError: a file that is compared differs from the manifest.
        DataError: a damaged table.
        ConfigError: a recipe that this version cannot read.
    """
    folder = RunFolder.open(path)
    parity, stale = _read_parity(folder)
    found = {tta: read_evaluation(folder.evaluation(split, report_suffix(tta)), split, tta) for tta in TTAS}
    folder.check(folder.history, *(folder.path / place for place in FILES.values()))
    return RunSummary(
        name=name,
        folder=folder,
        record=read_run_json(folder),
        recipe=make_recipe(load_yaml_file(folder.recipe), where=str(folder.recipe)).model_dump(mode="json"),
        history=read_history(folder.history) if folder.history.is_file() else [],
        evaluations={tta: evaluation for tta, evaluation in found.items() if evaluation is not None},
        sizes=_sizes(folder, stale),
        parity=parity,
        stale_exports=stale,
        benchmark=read_benchmark(folder),
    )


def _read_parity(folder: RunFolder) -> tuple[dict[str, dict], bool]:
    """Parity entries by file name, and whether they speak of another model than ``model.keras``."""
    report = read_parity(folder) or {"exports": {}}
    if report.get("model_sha256") not in (None, file_sha256(folder.model)):
        return {}, True
    return {entry["file"]: entry for entry in report["exports"].values()}, False


def _sizes(folder: RunFolder, stale: bool) -> dict[str, int]:
    wanted = {"keras": FILES["keras"]} if stale else FILES
    paths = {name: folder.path / place for name, place in wanted.items()}
    return {name: size_in_bytes(path) for name, path in paths.items() if path.exists()}
