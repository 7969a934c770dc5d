"""Where FER2013 may lie when nobody says: the environment, then a few usual places. No TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import DataError
from .recognise import Source, find_in_folder, recognise
from .tree import TreeSource

ENVIRONMENT_VARIABLE = "FER2013_PATH"

USUAL_PLACES = (
    "./fer2013.csv",
    "./icml_face_data.csv",
    "./data/fer2013.csv",
    "./data/icml_face_data.csv",
    "./data/fer2013",
    "./fer2013",
    "~/fer2013.csv",
    "~/fer2013",
    "~/data/fer2013",
    "~/datasets/fer2013",
)


def find_fer2013() -> Source | TreeSource | None:
    """Return the first FER2013 copy found, or None; a copy with renamed files is a tree like any other.

    Raises:
        DataError: FER2013_PATH is set and holds nothing usable, or a usual place holds several data sets.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if named:
        return _named_by_environment(named)
    places = (Path(place).expanduser() for place in USUAL_PLACES)
    return next((recognise(place) for place in places if _holds_data(place)), None)


def _named_by_environment(named: str) -> Source | TreeSource:
    try:
        return recognise(Path(named))
    except DataError as error:
        raise DataError(
            f"{ENVIRONMENT_VARIABLE} is set, but {error.problem}",
            allowed=error.allowed,
            hint=f"Correct {ENVIRONMENT_VARIABLE} or unset it",
        ) from error


def _holds_data(place: Path) -> bool:
    # A folder may be called fer2013 for any reason; a file of that name is meant.
    return bool(find_in_folder(place)) if place.is_dir() else place.is_file()
