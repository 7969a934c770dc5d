"""Where FER2013 comes from when nobody says: the environment, a few usual places, or Kaggle. No TensorFlow.

Only the download (extra ``kaggle``) needs a network.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import DataError, InputError
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

# The Kaggle image folder. The challenge's own csv needs an account that has accepted the rules of the competition.
HANDLE = "msambare/fer2013"
PAGE = f"https://www.kaggle.com/datasets/{HANDLE}"
BY_HAND = (
    f"Download archive.zip from {PAGE} in a browser and put it, still packed, into ~/data/fer2013, "
    f"or give its path with --data or {ENVIRONMENT_VARIABLE}"
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


def download_fer2013() -> Path:
    """Download the copy, or find it in kagglehub's own cache.

    Returns:
        Its folder, with ``train`` and ``test`` in it.

    Raises:
        InputError: kagglehub is not installed.
        DataError: there is no network, or Kaggle refuses.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise InputError(
            "downloading needs kagglehub, which is not installed",
            hint=f'pip install "fer_keras[kaggle]". Or without it: {BY_HAND}',
        ) from error
    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except Exception as error:  # requests, Kaggle's API and the file system each have errors of their own
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{HANDLE} could not be downloaded ({type(error).__name__}: {reason})", hint=BY_HAND) from error


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
