"""``calibration.json`` of a run: what it holds, and how it is read. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from ...errors import ModelFileError, RunFolderError
from ...runs.manifest import file_sha256
from ...runs.run_folder import RunFolder

Targets = Literal["hard", "soft"]

_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[float, Field(gt=0)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class CalibrationScores:
    """How well probabilities fit the labels of the n faces that the temperature was fitted on.

    Attributes:
        nll: mean -log p(label), nats.
        ece: expected calibration error, 15 bins of equal width.
        ece_adaptive: the same, 15 bins of equal numbers of faces.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)
    nll: float
    ece: _Share
    ece_adaptive: _Share


@dataclass(frozen=True)
class Calibration:
    """Content of ``calibration.json``.

    Attributes:
        temperature: probabilities = softmax(logits / temperature).
        threshold: a face whose highest probability is below it is ``uncertain``; None when the target precision
            cannot be promised at any threshold.
        target_precision: share of right answers wanted among the faces that are kept.
        confidence_level: one-sided, with which the target is promised for new faces like these.
        precision: share of right answers among the kept faces; None without a threshold.
        precision_low: its lower bound at ``confidence_level``.
        coverage: share of faces that are kept.
        n: faces that temperature and threshold were found on.
        split: of the data set, ``validation``.
        targets: ``hard`` when the temperature was fitted to one label a face, ``soft`` to distributions.
        at_bound: the temperature lies at a bound of the search; the logits say little.
        before, after: scores of temperature 1 and of this temperature on the same faces.
        dataset, dataset_sha256: name and fingerprint of the data set.
        model_sha256: of the ``model.keras`` whose logits they are.
        date: UTC.
        copies_left_out: faces of the split that were not used, since training holds an exact or near copy of them.
        notices: sentences to show beside the numbers.
        format_version: of this file.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)
    temperature: _Positive
    threshold: _Share | None
    target_precision: _Share
    confidence_level: _Share
    precision: _Share | None
    precision_low: _Share | None
    coverage: _Share | None
    n: Annotated[int, Field(ge=1)]
    split: str
    targets: Targets
    at_bound: bool
    before: CalibrationScores
    after: CalibrationScores
    dataset: str
    dataset_sha256: _Sha256
    model_sha256: _Sha256
    date: str
    copies_left_out: Annotated[int, Field(ge=0)] = 0
    notices: tuple[str, ...] = ()
    format_version: Literal[1] = 1


def read_calibration(run: RunFolder) -> Calibration | None:
    """Read ``calibration.json`` of a run; None when it has none.

    Raises:
        RunFolderError: the file is unreadable or holds something else.
        ModelFileError: it was changed, or found for another ``model.keras``.
    """
    path = run.calibration
    if not path.exists():
        run.check(path)
        return None
    again = f"Run 'fer-keras calibrate {run.path}' again"
    try:
        found = TypeAdapter(Calibration).validate_json(path.read_bytes())
    except OSError as error:
        raise RunFolderError(f"cannot read {path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(f"{path}: '{where}': {first['msg']}", hint=again) from error
    run.check(path)
    if found.model_sha256 != file_sha256(run.model):
        raise ModelFileError(f"{path} was found for another model than {run.model}", hint=again)
    return found
