"""What the command line tells the page, as the arguments of the page's script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..inference.model_files import PACKAGED_RUNS

PACKAGED_LABEL = "packaged model"


@dataclass(frozen=True, slots=True)
class AppSettings:
    """Settings of one server.

    Attributes:
        models: run folders or files of the user's, in the order of the selector; the packaged models follow them.
        detector: face detector that the page starts with, see :func:`.make_detector`.
    """

    models: tuple[str, ...] = ()
    detector: str = "auto"

    def as_arguments(self) -> list[str]:
        """One argument that :func:`read_settings` understands."""
        return [json.dumps(asdict(self))]

    def choices(self) -> dict[str, str | None]:
        """Label to path; None is the first model in the package, others are named. Labels are short and differ."""
        names = [Path(model).name for model in self.models]
        labels = [name if names.count(name) == 1 else str(path) for name, path in zip(names, self.models, strict=True)]
        others = {f"{PACKAGED_LABEL}: {run}": run for run in PACKAGED_RUNS[1:]}
        return {**dict(zip(labels, self.models, strict=True)), PACKAGED_LABEL: None, **others}


def read_settings(arguments: Sequence[str]) -> AppSettings:
    """Read what :meth:`AppSettings.as_arguments` wrote; no argument means the defaults."""
    if not arguments:
        return AppSettings()
    given = json.loads(arguments[0])
    return AppSettings(tuple(given["models"]), given["detector"])
