"""The JSON files of a run: one schema each, read here and nowhere else. No TensorFlow.

``calibration.json`` has its own, stricter one in :mod:`fer_keras.evaluation.calibration.record`, and contracts have
theirs in :mod:`.contracts`. A key that no schema
names is kept as it is: later versions write more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import FerKerasError, RunFolderError
from .contracts import LARGEST
from .run_folder import RunFolder

_OPEN = ConfigDict(extra="allow", strict=True, allow_inf_nan=False, protected_namespaces=())
# Keys that are not there stay away: what is read has the keys of the file.
_ABSENT: Any = None
_SHOWN = ConfigDict(extra="ignore", allow_inf_nan=False)
_Schema = TypeVar("_Schema", bound=BaseModel)
# What a 64-bit integer of another program holds as well.
_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Share = Annotated[float, Field(ge=0, le=1)]


# ---- run.json ----
class DatasetRecord(BaseModel):
    """The data set of a run."""

    model_config = _OPEN
    name: str = _ABSENT
    sha256: str = _ABSENT
    notices: list[str] = _ABSENT


class RunRecord(BaseModel):
    """``run.json``: what a run was made of and made with."""

    model_config = _OPEN
    model: str | None = _ABSENT
    classes: list[str] = _ABSENT
    image_size: Annotated[int, Field(ge=1, lt=2**16)] = _ABSENT
    dataset: DatasetRecord = _ABSENT
    notices: list[str] = _ABSENT
    seed: _Count | None = _ABSENT
    parameters: _Count = _ABSENT
    trainable_parameters: _Count = _ABSENT
    macs: _Count | None = _ABSENT
    monitor: str = _ABSENT
    epochs_run: _Count = _ABSENT
    best_epoch: _Count = _ABSENT
    best_value: float | None = _ABSENT
    training_seconds: float = _ABSENT
    cached_features: dict[str, float] = _ABSENT
    members: list[dict[str, Any]] = _ABSENT
    distilled_from: dict[str, Any] = _ABSENT
    pruned_from: dict[str, Any] = _ABSENT
    started_from: dict[str, Any] = _ABSENT
    hardware: dict[str, Any] = _ABSENT
    versions: dict[str, str] = _ABSENT


def read_run_json(run: RunFolder) -> dict:
    """Content of ``run.json``; empty when the run has none, as one put together by hand.

    Raises:
        RunFolderError: unreadable, or not what its schema says; the key is named.
    """
    if not run.run_json.exists():
        return {}
    return _as_dict(_read(run.run_json, RunRecord, "Restore the run from a copy"), run.run_json)


# ---- metrics.json ----
class ClassScores(BaseModel):
    """Scores of one class."""

    model_config = _SHOWN
    precision: float
    recall: float
    f1: float
    support: _Count


class Deduplicated(BaseModel):
    """Scores without faces that stand in the training split too."""

    model_config = _SHOWN
    n: _Count | None = None
    accuracy: float | None = None
    macro_f1: float | None = None
    reason: str | None = None


class Calibrated(BaseModel):
    """Scores of the probabilities at the run's temperature."""

    model_config = _SHOWN
    temperature: float
    nll: float
    ece: float


class Metrics(BaseModel):
    """``metrics.json`` of an evaluation, as far as it is read again."""

    model_config = _SHOWN
    split: str
    n: _Count
    accuracy: _Share
    accuracy_ci95: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    top2_accuracy: float
    nll: float
    ece: float
    per_class: dict[str, ClassScores]
    tta: str
    dataset: str = ""
    dataset_sha256: str
    split_sha256: str | None = None
    date: str | None = None
    notices: list[str] = []
    deduplicated: Deduplicated = Deduplicated()
    calibrated: Calibrated | None = None


def read_metrics(run: RunFolder, folder: Path, error: type[FerKerasError] = RunFolderError) -> Metrics:
    """Read ``metrics.json`` of one evaluation of a run.

    Args:
        run: whose manifest lists it.
        folder: of the evaluation.
        error: raised for content that is none.

    Raises:
        RunFolderError: unreadable, or not what its schema says; the key is named.
        ModelFileError: it was changed or damaged.
    """
    metrics = _read(folder / "metrics.json", Metrics, "Evaluate the run again", error)
    run.check(folder / "metrics.json")
    return metrics


# ---- exports/parity.json ----
class ParityEntry(BaseModel):
    """What was found of one exported file."""

    model_config = _OPEN
    file: str
    passed: bool = _ABSENT
    kept: bool = _ABSENT
    images: str = _ABSENT
    n: _Count = _ABSENT
    accuracy: float | None = _ABSENT
    keras_accuracy: float | None = _ABSENT


class Parity(BaseModel):
    """``parity.json``: how far exported files are what Keras is."""

    model_config = _OPEN
    format_version: int = _ABSENT
    model_sha256: str | None = _ABSENT
    temperature: float = _ABSENT
    exports: dict[str, ParityEntry]


def read_parity(run: RunFolder, *, check: bool = True) -> dict | None:
    """Content of ``exports/parity.json``; None when there is none.

    Args:
        run: whose manifest lists it.
        check: False where the caller checks it, after it has looked whose it is.

    Raises:
        RunFolderError: unreadable, or not what its schema says; the key is named.
        ModelFileError: it was changed or damaged.
    """
    path = run.exports / "parity.json"
    report = _read(path, Parity, f"Export again: fer-keras export {run.path}") if path.exists() else None
    if check:
        run.check(path)
    return None if report is None else _as_dict(report, path)


# ---- benchmark.json ----
class BenchmarkRow(BaseModel):
    """One measurement of ``benchmark.json``; ``threads`` 0 is all."""

    model_config = _SHOWN
    format: str
    batch: _Count
    threads: _Count
    median_ms: float
    p90_ms: float
    faces_per_second: float


class Benchmark(BaseModel):
    """``benchmark.json``, as far as it is shown."""

    model_config = _SHOWN
    hardware: dict
    rows: list[BenchmarkRow]


def read_benchmark(run: RunFolder) -> Benchmark | None:
    """Content of ``benchmark.json``; None when there is none. In files of earlier versions ``keras`` was an eager call.

    Raises:
        RunFolderError: unreadable, or not what its schema says; the key is named.
        ModelFileError: it was changed or damaged.
    """
    path = run.path / "benchmark.json"
    found = _read(path, Benchmark, "Run 'fer-keras benchmark' again") if path.exists() else None
    run.check(path)
    return None if found is None else found.model_copy(update={"rows": _named_by_call(found.rows)})


def _named_by_call(rows: list[BenchmarkRow]) -> list[BenchmarkRow]:
    if any(row.format == "keras_eager" for row in rows):
        return rows
    return [row.model_copy(update={"format": "keras_eager"}) if row.format == "keras" else row for row in rows]


def _as_dict(record: BaseModel, where: object, error: type[FerKerasError] = RunFolderError) -> dict:
    """The keys of the file; numbers that JSON does not have are refused under names that no schema knows too."""
    content = record.model_dump(exclude_unset=True)
    try:
        json.dumps(content, allow_nan=False)
    except ValueError as problem:
        raise error(f"cannot read {where}: a number in it is not finite") from problem
    return content


def _read(path: Path, schema: type[_Schema], hint: str, error: type[FerKerasError] = RunFolderError) -> _Schema:
    if not path.is_file():
        raise error(f"cannot read {path}: no such file", hint=hint)
    try:
        with open(path, "rb") as handle:
            content = handle.read(LARGEST + 1)
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror or problem}", hint=hint) from problem
    return parse_record(content, schema, path, hint, error)


def parse_record(
    content: bytes | str, schema: type[_Schema], where: object, hint: str, error: type[FerKerasError]
) -> _Schema:
    """Read JSON and hold it against a schema; the error names the first key that is wrong."""
    if len(content) > LARGEST:
        raise error(f"cannot read {where}: it is larger than a record of this project", hint=hint)
    try:
        return schema.model_validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        key = ".".join(map(str, first["loc"]))[:200]
        raise error(f"cannot read {where}: {f'{key!r}: ' if key else ''}{first['msg'][:300]}", hint=hint) from problem
