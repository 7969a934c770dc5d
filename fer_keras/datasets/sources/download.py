"""Fetch a public copy of FER2013 through kagglehub (extra ``kaggle``). Nothing else in the package needs a network."""

from __future__ import annotations

from pathlib import Path

from ...errors import DataError, InputError
from .find import ENVIRONMENT_VARIABLE

# The Kaggle image folder. The challenge's own csv needs an account that has accepted the rules of the competition.
HANDLE = "msambare/fer2013"
PAGE = f"https://www.kaggle.com/datasets/{HANDLE}"
BY_HAND = (
    f"Download archive.zip from {PAGE} in a browser and put it, still packed, into ~/data/fer2013, "
    f"or give its path with --data or {ENVIRONMENT_VARIABLE}"
)


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
